"""What the next write of history will hold; gathered from events without a database.

A connection that opens and closes between two writes leaves one row, of a closed connection; one
that is open at a write leaves a row among the open ones, which the write after its end removes. So
whatever is among the open ones when a panel starts was cut off by the end of the last one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.store.batches import BatchPacker
from app.store.breather import Breather
from app.store.connection_rows import closed_row, open_row, view_of_events
from app.store.folding import ErrorFolds
from socketdeck.errors import UnknownConnection
from socketdeck.event import Event

SETTLE_SECONDS = 10.0
"""Between two looks through all open connections: events may be lost every second while much is
going on, which is no time to look at each."""

OPEN_KEPT = 100_000
"""Open connections that are known to history; those above it are only recorded once closed."""

log = logging.getLogger(__name__)

ViewSource = Callable[[int], Mapping[str, Any] | None]
"""Gives a connection's view, open or recently closed, as the API shows it; `None` or
`UnknownConnection` where it is not known. Called on the history's thread."""

Recent = Callable[[int, int], Sequence[Event]]
"""Gives the events above a `seq`, oldest first, of them the last so many; `Journal.recent` does."""


def unknown_view(_number: int) -> None:
    """A source that knows no connection: the events tell all there is."""


@dataclass(slots=True)
class Gathered:
    """One write: all of it is committed, or nothing."""

    events: int = 0
    """How many: they themselves are packed already."""
    last_seq: int = 0
    packer: BatchPacker = field(default_factory=BatchPacker)
    packed: list[dict[str, Any]] = field(default_factory=list)
    closed: dict[int, dict[str, Any]] = field(default_factory=dict)
    opened: dict[int, Event] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    """Of the closed ones those that may have been written as closed before."""
    errors: ErrorFolds = field(default_factory=ErrorFolds)

    def __bool__(self) -> bool:
        return self.events > 0

    def batches(self) -> list[dict[str, Any]]:
        """The events' rows; the same ones again where a write has to be repeated."""
        self.packed += self.packer.finish()
        return self.packed


class Gatherer:
    """Gathers for the next write, and knows which connections are open.

    Owned by the history's thread; `closed_rows` alone may be called from others.
    """

    def __init__(self, source: ViewSource) -> None:
        self._source = source
        self._source_failed = self._failed = False  # whether that was told
        self._breather = Breather()
        self._open: dict[int, Event] = {}
        self._lock = threading.Lock()  # guards the dict `gathered.closed`, which readers copy
        self._missed = False
        self._settled_at = float("-inf")  # monotonic
        self._notes: dict[str, Callable[[Event], None]] = {
            "connection.opened": self._opened,
            "connection.closed": self._closed,
            "connection.error": self._raised,
            "service.deleted": self._deleted,
            "events.dropped": self._dropped,
        }
        self.gathered = Gathered()
        self.unrecorded_open = 0
        self.highest = 0
        """The highest number of a connection that was told of."""

    def take_in(self, events: Sequence[Event]) -> None:
        """Add events to the next write."""
        if not events:
            return
        self.gathered.packer.add(events)
        self.gathered.events += len(events)
        self.gathered.last_seq = events[-1].seq
        for event in events:
            note = self._notes.get(event.kind)
            if note is not None:
                try:
                    note(event)
                except Exception:
                    self._tell_own_fault()
        try:
            self.gathered.errors.look_back(events, self._view)
        except Exception:
            self._tell_own_fault()

    def open_rows(self) -> list[dict[str, Any]]:
        """The rows of those that were opened since the last write and are open still."""
        self._settle_missed()
        rows = []
        for number, opened in self.gathered.opened.items():
            try:
                rows.append(self._row(number, opened, None))
            except Exception:  # it is written once it is closed, or not at all
                self._tell_own_fault()
        return rows

    def look_further(self, recent: Recent) -> None:
        """Have `recent` tell what came in before errors, where the events taken in do not."""
        try:
            self.gathered.errors.look_further(recent, self._breather)
        except Exception:
            self._tell_own_fault()

    def written(self) -> None:
        """What was gathered is on the disk."""
        with self._lock:
            self.gathered = Gathered()

    def closed_rows(self) -> list[dict[str, Any]]:
        """The rows of closed connections that are not written yet."""
        with self._lock:
            return list(self.gathered.closed.values())

    def first_seq(self, number: int) -> int | None:
        """The `seq` at which an open connection opened."""
        event = self._open.get(number)
        return None if event is None else event.seq

    def _opened(self, event: Event) -> None:
        assert event.connection is not None
        number = event.connection
        self.highest = max(self.highest, number)
        if len(self._open) >= OPEN_KEPT:
            self.unrecorded_open += 1
            return
        self._open[number] = event
        self.gathered.opened[number] = event

    def _closed(self, event: Event) -> None:
        assert event.connection is not None
        number = event.connection
        self.highest = max(self.highest, number)
        opened = self._open.pop(number, None)
        if opened is None:
            self.gathered.repeated.append(number)
        elif self.gathered.opened.pop(number, None) is None:
            self.gathered.ended.append(number)
        row = self._row(number, opened, event)
        with self._lock:
            self.gathered.closed[number] = row

    def _raised(self, event: Event) -> None:
        self._breather.breathe()
        opened = None if event.connection is None else self._open.get(event.connection)
        self.gathered.errors.add(event, opened)

    def _deleted(self, event: Event) -> None:
        if event.service is not None:
            self.gathered.errors.forget_service(event.service)

    def _dropped(self, event: Event) -> None:
        self._missed = True

    def _settle_missed(self) -> None:
        """After a loss of events: look which of the open ones have closed unseen."""
        now = time.monotonic()
        if not self._missed or now - self._settled_at < SETTLE_SECONDS:
            return
        self._missed, self._settled_at = False, now
        for number, opened in list(self._open.items()):
            view = self._view(number)
            if view is not None and view["closed_at"] is None:
                continue
            del self._open[number]
            if self.gathered.opened.pop(number, None) is None:
                self.gathered.ended.append(number)
            if view is not None:
                try:
                    row = closed_row(view, opened.seq, self.gathered.last_seq)
                except Exception:
                    self._tell_fault(number)
                    continue
                with self._lock:
                    self.gathered.closed[number] = row

    def _row(self, number: int, opened: Event | None, closed: Event | None) -> dict[str, Any]:
        """A row made of the source's view, or of the events where that is not to be had."""
        first = opened or closed
        assert first is not None
        self._breather.breathe()
        view = self._view(number)
        try:
            return _make_row(view or view_of_events(opened, closed), first, closed)
        except Exception:
            self._tell_fault(number)
            return _make_row(view_of_events(opened, closed), first, closed)

    def _view(self, number: int) -> Mapping[str, Any] | None:
        try:
            return self._source(number)
        except UnknownConnection:
            return None
        except Exception:
            self._tell_fault(number)
            return None

    def _tell_fault(self, number: int) -> None:
        """An observer's fault must not end history: it is told once, and done without."""
        if not self._source_failed:
            self._source_failed = True
            log.exception("the view of connection %d cannot be used; its events must do", number)

    def _tell_own_fault(self) -> None:
        """The same of what is made of events here: they themselves are kept as they are."""
        if not self._failed:
            self._failed = True
            log.exception("not all can be made of the events that came; they are kept themselves")


def _make_row(view: Mapping[str, Any], first: Event, closed: Event | None) -> dict[str, Any]:
    if closed is None:
        return open_row(view, first.seq)
    if view["closed_at"] is None:
        raise ValueError("the view shows a closed connection as open")
    return closed_row(view, first.seq, closed.seq)
