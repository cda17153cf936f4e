"""`ErrorFolds`: errors gathered for one write, those that are one failure folded into one.

A service that fails fails often, and the same way: what a write adds to a group of exceptions is
one fold, however many errors it stands for. Made from events without a database, on the history's
thread alone.

The last bytes that came in before an error are looked for in the events before it, backwards, and
only for the newest connection of each fold: what is written of data that nobody asks about costs
nothing. Where they are not among the events that came with the error, the journal's ring may still
have them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.store.breather import Breather
from app.store.last_bytes import LastBytes
from app.store.tracebacks import fingerprint
from socketdeck.event import Event
from socketdeck.output import storable

FOLDS_A_WRITE = 500
"""More different failures than anybody has in a second: what is beyond them is only counted."""

CONNECTIONS_KEPT = 20
STEP_SECONDS = 1_800
STEPS_KEPT = 48
"""Half-hours, a day of them: how often a group was seen in each."""

TYPE_CHARACTERS = 200
PEER_CHARACTERS = 256
MESSAGE_CHARACTERS = 4_096
TRACEBACK_CHARACTERS = 20_000
"""More than `socketdeck.failure` ever makes of one."""

LOOKED_BACK_EVENTS = 20_000


@dataclass(slots=True)
class Fold:
    """What one write adds to one group."""

    id: str
    service: str
    first_seen: float
    count: int = 0
    last_seen: float = 0.0
    newest: Event | None = None
    connections: dict[int, str | None] = field(default_factory=dict)
    """Peers by connection, the newest at the end."""
    opened: int = 0
    """The `seq` at which the newest connection opened; 0 where that is not known."""
    steps: dict[int, int] = field(default_factory=dict)
    last_bytes: LastBytes | None = None

    def add(self, event: Event, opened: Event | None) -> None:
        """One more, of a connection that opened with `opened`."""
        self.count += 1
        self.opened = 0 if opened is None else opened.seq
        self.last_seen = max(self.last_seen, event.time)
        self.newest = event
        step = int(event.time // STEP_SECONDS)
        self.steps[step] = self.steps.get(step, 0) + 1
        if event.connection is not None:
            self.connections.pop(event.connection, None)
            peer = None if opened is None else opened.data.get("peer")
            self.connections[event.connection] = _fit(peer, PEER_CHARACTERS) or None
            if len(self.connections) > CONNECTIONS_KEPT:
                del self.connections[next(iter(self.connections))]

    def failure(self) -> tuple[str, str, str | None]:
        """Type, message and traceback of the newest, within bounds and fit for a database."""
        assert self.newest is not None
        return failure_of(self.newest)


class ErrorFolds:
    """The folds of one write, by the group's id, and the services that were deleted before them."""

    def __init__(self) -> None:
        self.folds: dict[str, Fold] = {}
        self.deleted: set[str] = set()
        self.left_out = 0
        """Errors that no fold was made for: so many different ones came at once."""
        self._unlooked: dict[str, Fold] = {}

    def __bool__(self) -> bool:
        return bool(self.folds or self.deleted or self.left_out)

    def add(self, event: Event, opened: Event | None) -> None:
        """Take in an error of a connection, with its `connection.opened` where that is known."""
        if event.service is None:
            return
        failure_type, message, traceback = failure_of(event)
        key = fingerprint(event.service, failure_type, message, traceback)
        fold = self.folds.get(key)
        if fold is None:
            if len(self.folds) >= FOLDS_A_WRITE:
                self.left_out += 1
                return
            fold = self.folds[key] = Fold(key, event.service, event.time)
        fold.add(event, opened)
        self._unlooked[key] = fold

    def forget_service(self, name: str) -> None:
        """A service was deleted, and what it raised goes with it."""
        self.deleted.add(name)
        for found in (self.folds, self._unlooked):
            for key in [key for key, fold in found.items() if fold.service == name]:
                del found[key]

    def look_back(
        self, events: Sequence[Event], view: Callable[[int], Mapping[str, Any] | None]
    ) -> None:
        """Look for last bytes among the events that the newest errors came with."""
        unlooked, self._unlooked = self._unlooked, {}
        if not unlooked:
            return
        for fold in unlooked.values():
            fold.last_bytes = _sought(fold, view)
        self._look(unlooked.values(), events)

    def look_further(
        self, recent: Callable[[int, int], Sequence[Event]], breather: Breather | None = None
    ) -> None:
        """The same among all that the journal still has, for those that are not found yet."""
        seeking = [
            fold
            for fold in self.folds.values()
            if fold.last_bytes is not None
            and not fold.last_bytes.found
            and not fold.last_bytes.nothing_came
        ]
        if seeking:
            after = min(fold.last_bytes.opened for fold in seeking if fold.last_bytes) - 1
            self._look(seeking, recent(max(0, after), LOOKED_BACK_EVENTS), breather)

    def _look(
        self, folds: Iterable[Fold], events: Sequence[Event], breather: Breather | None = None
    ) -> None:
        seeking: defaultdict[int, list[LastBytes]] = defaultdict(list)
        for fold in folds:
            if fold.last_bytes is not None:
                seeking[fold.last_bytes.connection].append(fold.last_bytes)
        for number, event in enumerate(reversed(events)):
            if breather is not None and number % 256 == 0:
                breather.breathe()
            wanted = seeking.get(event.connection) if event.connection is not None else None
            if wanted is None or event.kind not in ("connection.data", "connection.opened"):
                continue
            for last in wanted:
                if event.seq < last.before:
                    last.look_at(event)
            left = [last for last in wanted if not last.found]
            if left:
                seeking[event.connection or 0] = left
            else:
                del seeking[event.connection or 0]
                if not seeking:
                    break
        if events:
            for wanted in seeking.values():
                for last in wanted:
                    last.before = min(last.before, events[0].seq)


def failure_of(event: Event) -> tuple[str, str, str | None]:
    """Type, message and traceback that an error tells, within bounds and fit for a database."""
    data = event.data
    traceback = data.get("traceback")
    return (
        _fit(data.get("type"), TYPE_CHARACTERS),
        _fit(data.get("message"), MESSAGE_CHARACTERS),
        _fit(traceback, TRACEBACK_CHARACTERS) if isinstance(traceback, str) else None,
    )


def _sought(fold: Fold, view: Callable[[int], Mapping[str, Any] | None]) -> LastBytes | None:
    event = fold.newest
    if event is None or event.connection is None:
        return None
    return LastBytes.before_error(event, fold.opened, view(event.connection) or {})


def _fit(text: Any, characters: int) -> str:
    """Text that every database takes: no lone surrogates, no NUL, not too long."""
    if not isinstance(text, str):
        return ""
    fit = text if len(text) <= characters else f"{text[:characters]} ..."
    return storable(fit.replace("\0", "\\x00"))
