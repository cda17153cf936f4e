"""The connections of a panel: the engine's open ones and history's closed ones, as one table.

A connection that closes goes from the one to the other by way of the journal, within a fraction of
a second. For that moment it is looked for in the engine's own ring of closed ones, and what is in
both counts once: so none is missing and none is there twice.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from app.closings import Closing, Closings
from app.open_connections import chosen_of, first_of, page_of
from app.store import ConnectionPage, ConnectionQuery, History
from socketdeck import Connection, SocketdeckError, Supervisor
from socketdeck.errors import IllegalTransition, UnknownConnection, Unsupported
from socketdeck.status import StackView, closed_stack, moment_text

ON_ITS_WAY_SECONDS = 5.0
"""A closed connection is with history long before it closed so long ago."""

ENDING_SECONDS = 1.0
"""How long a closing is waited for: a handler that reads sees it at once, one that works later."""

log = logging.getLogger(__name__)


class Connections:
    """Lists, shows and closes connections. Made by the panel, which closes it."""

    def __init__(self, supervisor: Supervisor, history: History) -> None:
        self._supervisor = supervisor
        self._history = history
        self.closings = Closings()

    def close(self) -> None:
        """Have the closings that are under way at a pace stop where they are."""
        self.closings.close()

    def page(self, query: ConnectionQuery) -> ConnectionPage:
        """The connections asked for."""
        if query.state == "open":
            return page_of(query, self._open(query))
        opened = self._open(query) if query.state == "all" and query.reason is None else []
        left_out = 0
        if query.after is None and len(opened) > query.limit:
            chosen = chosen_of(query, opened)
            opened = first_of(query, chosen)
            left_out = len(chosen) - len(opened)
        views = itertools.chain(map(LazyView, opened), self._just_closed())
        page = self._history.connections(query, views)
        return page._replace(total=page.total + left_out)

    def get(self, number: int) -> dict[str, Any]:
        """One connection as the contract shows it; `UnknownConnection` where there is none."""
        try:
            return self._supervisor.connection(number).as_json()
        except UnknownConnection:
            stored = self._history.connection(number)
            if stored is None:
                raise
            return stored

    def end(self, number: int, *, how: str, reason: str | None) -> dict[str, Any]:
        """Close one, and wait until its handler has seen that, `ENDING_SECONDS` at most.

        What is returned is still open where the handler goes on. `UnknownConnection`,
        `IllegalTransition` where it is closed already, `Unsupported` where it cannot be reset.
        """
        if self.get(number)["state"] == "closed":
            raise IllegalTransition(f"connection {number} is closed already")
        connection = self._supervisor.connection(number)
        self._end(connection, how, reason)
        deadline = time.monotonic() + ENDING_SECONDS
        connection.tally.wait_idle(lambda: deadline, lambda: connection.is_open)
        return connection.as_json()

    def stack(self, number: int) -> StackView:
        """Where the handler of one is now; blocks, for 2 s at most, where a process is asked.

        `UnknownConnection`; `Unreachable` where it cannot be told.
        """
        try:
            return self._supervisor.connection(number).stack()
        except UnknownConnection:
            stored = self.get(number)
            return closed_stack(stored["pid"], stored["thread"])

    def send(self, number: int, data: bytes) -> int:
        """Send into one, and tell of it; how many bytes were sent.

        Blocks as `stack`. `UnknownConnection`, and the errors of `Connection.send`.
        """
        if self.get(number)["state"] == "closed":
            raise IllegalTransition(f"connection {number} is closed")
        connection = self._supervisor.connection(number)
        sent = connection.send(data)
        self._supervisor.journal.emit(
            "audit",
            connection.service,
            connection.id,
            action="connection.send",
            length=len(data),
            sent=sent,
        )
        return sent

    def end_all(
        self,
        query: ConnectionQuery,
        *,
        how: str,
        reason: str | None,
        pace: float | None,
        ids: Collection[int] | None = None,
    ) -> tuple[int, Closing | None]:
        """Close all open ones that are asked for and not being closed yet; returns how many.

        Of `ids` alone, where they are given. With a `pace`, so many a second, in the background:
        the closing that does it is returned too. `Unsupported` where one cannot be reset, `Refused`
        where too many closings go on: nothing is closed then.
        """
        among = None if ids is None else frozenset(ids)
        chosen = [
            connection
            for connection in chosen_of(query, self._open(query))
            if (among is None or connection.id in among) and connection.wish is None
        ]
        if how == "reset" and any(connection.transport != "tcp" for connection in chosen):
            raise Unsupported("only TCP connections can be reset, and others are among these")

        def end(connection: Connection) -> bool:
            return self._end_quietly(connection, how, reason)

        if pace is not None and chosen:
            return len(chosen), self.closings.start(chosen, end, how=how, pace=pace)
        return sum(map(end, chosen)), None

    # -- within -------------------------------------------------------------------------------

    def _open(self, query: ConnectionQuery) -> list[Connection]:
        found = self._supervisor.connections.open()
        if query.service is None:
            return found
        return [connection for connection in found if connection.service == query.service]

    def _just_closed(self) -> Iterator[LazyView]:
        since = time.time() - ON_ITS_WAY_SECONDS
        for connection in reversed(self._supervisor.connections.recently_closed()):
            if connection.closed_at is not None and connection.closed_at < since:
                break
            yield LazyView(connection)

    def _end(self, connection: Connection, how: str, reason: str | None) -> None:
        connection.close(how)
        self._supervisor.journal.emit(
            "audit",
            connection.service,
            connection.id,
            action="connection.close",
            how=how,
            reason=reason,
        )

    def _end_quietly(self, connection: Connection, how: str, reason: str | None) -> bool:
        """Close one of many, if it is still open; says whether it was."""
        if not connection.is_open or connection.wish is not None:
            return False
        try:
            self._end(connection, how, reason)
        except SocketdeckError as error:
            log.warning("connection %d was not closed: %s", connection.id, error)
            return False
        return True


class LazyView(Mapping[str, Any]):
    """A connection's view: a list of thousands asks each for few keys, a page for all of some.

    Few are made one by one as they are asked for; the whole is made once, and stands from then on.
    """

    __slots__ = ("_whole", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._whole: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        if self._whole is None and key in _QUICK:
            return _QUICK[key](self.connection)
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Any]:
        if self._whole is None:
            self._whole = self.connection.as_json()
        return self._whole


_QUICK: Mapping[str, Callable[[Connection], Any]] = {
    "id": lambda found: found.id,
    "service": lambda found: found.service or "",
    "state": lambda found: "open" if found.is_open else "closed",
    "peer": lambda found: found.peer,
    "local": lambda found: found.local,
    "close_reason": lambda found: found.close_reason,
    "opened_at": lambda found: moment_text(found.opened_at),
    "closed_at": lambda found: None if found.is_open else moment_text(found.closed_at or 0.0),
    "last_activity": lambda found: moment_text(found.last_activity),
    "idle": lambda found: time.time() - found.last_activity if found.is_open else None,
    "duration": lambda found: (found.closed_at or time.time()) - found.opened_at,
    "bytes": lambda found: {"in": found.bytes_in, "out": found.bytes_out},
    "messages": lambda found: {"in": found.messages_in, "out": found.messages_out},
    "kernel": lambda found: {"rtt": found.rtt},
}
