"""What a worker's server is looked at with: the engine's own parts, made to speak over the wire."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from socketdeck.connections import Connection, ConnectionTable
from socketdeck.errors import Unreachable
from socketdeck.event import Draft, data_detail
from socketdeck.hosts import wire
from socketdeck.hosts.writer import Writer
from socketdeck.journal import Journal
from socketdeck.stack import Standing
from socketdeck.tally import Tally
from socketdeck.watch import Watch

if TYPE_CHECKING:
    from socketdeck.hot.inbox import Record


class WireJournal(Journal):
    """A journal whose events go over the wire, to be given their place in the panel's.

    `direct`: without a drainer; what is recorded is written by whoever recorded it, who waits for
    the panel where it must. Else the drainer goes on whatever the panel does, and a thread of its
    own sends what was kept when there is room again. The writer is used under `_draining` only.
    """

    def __init__(self, end: socket.socket, *, direct: bool) -> None:
        super().__init__(source=f"process {os.getpid()}")
        self._writer = Writer(end, drops=not direct)
        self._direct = direct
        self._catching_up = False
        self.asleep = direct

    def wake(self) -> None:
        if self._direct:
            self.flush()
        else:
            super().wake()

    def tell(self, kind: str, data: Any = None) -> None:
        """A note for the panel alone, behind all that was recorded before the call."""
        self.publish([Draft(0, None, None, kind, data)])

    def finish(self) -> None:
        """Send all that was recorded or lost; blocks until the panel has read enough."""
        with self._draining, contextlib.suppress(ConnectionError):
            self.flush()
            self._tell_lost(last=True)
            self._writer.finish()

    def _take_in(self, records: list[Record]) -> None:
        self._write([_message_of(record) for record in records])

    def _publish(self, drafts: Iterable[Draft]) -> None:
        self._write([[kind, when, key, data] for when, _, key, kind, data in drafts])

    def _tell_loss(self, count: int | None, source: str, service: str | None = None) -> None:
        self._write([[wire.LOST, 0, None, {"count": count}]])

    def _write(self, messages: list[wire.Message]) -> None:
        with contextlib.suppress(ConnectionError):  # the lifeline's end is seen elsewhere
            self._writer.write(messages)
        if self._writer.behind and not self._catching_up:
            self._catching_up = True
            try:
                threading.Thread(
                    target=self._catch_up, name="socketdeck-catching-up", daemon=True
                ).start()
            except RuntimeError:  # there is none to be had: the next write tries again
                self._catching_up = False

    def _catch_up(self) -> None:
        while self._catching_up:
            self._writer.wait_for_room()
            with self._draining, contextlib.suppress(ConnectionError):
                self._catching_up = False
                self._writer.push()
                self._catching_up = self._writer.behind


class WireTally(Tally):
    """Counts are added up in the panel: they go there in the order of the events."""

    def account(self, connection: Connection, more: list[int], now: float) -> None:
        connection.inbox.record(connection.origin, wire.COUNTED, more)


class WorkerTable(ConnectionTable):
    """Says of each connection what the panel needs to show it."""

    def opened(self, connection: Connection) -> None:
        self.show(connection)
        opening = {
            "client_address": wire.plain_address(connection.client_address),
            "local": connection.local,
            "peer_credentials": connection.peer_credentials,
            "pid": os.getpid(),
            "opened_at": connection.opened_at,
            "waiting": connection.waits,
        }
        self.journal.record(connection.origin, "connection.opened", opening)

    def closed(self, connection: Connection, reason: str | None = None) -> None:
        ending = self.hide(connection, reason)
        if ending is not None:
            self.journal.record(connection.origin, "connection.closed", ending)


class WorkerWatch(Watch):
    """Also tells the panel which thread or child handles what."""

    journal: WireJournal
    tells_all = True

    def begin(self, connection: Connection | None) -> None:
        super().begin(connection)
        if connection is not None:
            data = {"thread": connection.thread, "pid": connection.pid}
            self.journal.record(connection.origin, wire.BEGUN, data)

    def finish(self, connection: Connection | None) -> None:
        began = connection is not None and connection.handling_since is not None
        super().finish(connection)
        if connection is not None and began:
            self.journal.record(connection.origin, wire.FINISHED, {})


class ForkingWatch(WorkerWatch):
    """Of a server that forks a child for each datagram: the children share its flows.

    The worker tells of a datagram and that it is in a handler, before the child can say anything;
    the child tells the rest.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.children: dict[int, Connection] = {}
        """The flows whose datagrams are in a handler, by the children's processes."""

    def forked(self, connection: Connection, pid: int) -> None:
        """In the worker: a child was forked, which handles a datagram of this flow."""
        self.children[pid] = connection
        data = {"thread": "MainThread", "pid": pid}
        self.journal.record(connection.origin, wire.BEGUN, data)

    def begin(self, connection: Connection | None) -> None:
        Watch.begin(self, connection)

    def stack(self, connection: Connection) -> Standing:
        """Only where no datagram of it is in a handler: a child for one hears nobody."""
        if connection in self.children.values():
            raise Unreachable(
                "its datagram is handled in a child process of its own, which cannot be asked; "
                "wait for its end, or serve it by threads"
            )
        return super().stack(connection)

    def leave_child(self) -> int:
        """In the forked child, at its end; returns the status to leave with."""
        self.journal.flush()
        return wire.SAID_ALL

    def reaped(self, connection: Connection, pid: int, status: int) -> None:
        """In the worker: the child is gone, by `status` of waitpid(2)."""
        del self.children[pid]
        code = os.waitstatus_to_exitcode(status)
        if code != wire.SAID_ALL:
            data = {"pid": pid, "status": code}
            self.journal.record(connection.origin, wire.REAPED, data)


def _message_of(record: Record) -> wire.Message:
    when, (_, key), what, size, payload, count = record
    if what.__class__ is str:
        return [what, when, key, payload]
    return ["connection.data", when, key, data_detail(what, size, payload, count)]
