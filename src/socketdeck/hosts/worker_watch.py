"""What a worker's server is looked at with: the engine's own parts, made to speak over the wire."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterable
from typing import Any

from socketdeck.connections import Connection, ConnectionTable
from socketdeck.hosts import wire
from socketdeck.journal import Draft, Journal
from socketdeck.tally import Tally
from socketdeck.watch import Watch

DATAGRAMS = ("udp", "unixgram")

LATE_SECONDS = 0.05
"""As long as the panel's own journal waits: what a live page is shown is no older."""

SAID_ALL = 120
"""The status of a forked child that told its own end: one that calls `os._exit` has not."""


class WireJournal(Journal):
    """A journal whose events go over the wire, to be given their place in the panel's.

    `direct`: without a drainer; what is recorded is written by whoever recorded it. In a child that
    was forked, which mostly lives for a few milliseconds, it is written at its end, or by a timer's
    signal where it lives longer: one packet, not five.
    """

    def __init__(self, writer: wire.Writer, *, direct: bool) -> None:
        super().__init__(source=f"process {os.getpid()}")
        self._writer = writer
        self._direct = direct
        self._late = self._armed = self._flushing = False
        self._counting: threading.Lock | None = None
        self.asleep = direct

    def wake(self) -> None:
        if self._late:
            self._arm(LATE_SECONDS)
        elif self._direct:
            self.flush()
        else:
            super().wake()

    def flush(self) -> None:
        self._flushing = True
        try:
            super().flush()
        finally:
            self._flushing = False

    def write_late(self, counting: threading.Lock) -> None:
        """In a forked child: write by a timer. `counting` is the lock that a flush takes.

        A handler's module that uses SIGALRM itself is left alone: then all is written at once. One
        that sets an alarm later replaces the timer, and what follows is written at its end.
        """
        if signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:
            self._late, self._counting = True, counting
            signal.signal(signal.SIGALRM, self._on_alarm)

    def _arm(self, seconds: float) -> None:
        if self._armed:
            return
        if signal.getsignal(signal.SIGALRM) != self._on_alarm:
            self._late = False  # the handler has an alarm of its own, which must not come early
            self.flush()
            return
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _on_alarm(self, *_: Any) -> None:
        """The handler is interrupted somewhere: within a flush or a count, later will do."""
        self._armed = False
        if self._flushing or (self._counting is not None and self._counting.locked()):
            self._arm(LATE_SECONDS / 10)
        else:
            self.flush()

    def _publish(self, drafts: Iterable[Draft]) -> None:
        self._write([[kind, when, key, data] for when, _, key, kind, data in drafts])

    def _tell_loss(self, count: int, source: str) -> None:
        self._write([[wire.LOST, 0, None, {"count": count}]])

    def _write(self, messages: list[wire.Message]) -> None:
        with contextlib.suppress(ConnectionError):  # the lifeline's end is seen elsewhere
            self._writer.write(messages)


class WireTally(Tally):
    """Counts are added up in the panel: they go there in the order of the events."""

    def account(self, connection: Connection, more: list[int], now: float) -> None:
        record = (connection.number(), now, connection.origin, wire.COUNTED, 0, more)
        connection.append(record)


class WorkerTable(ConnectionTable):
    """Says of each connection what the panel needs to show it."""

    def opened(self, connection: Connection) -> None:
        self.show(connection)
        self.journal.record(connection.origin, "connection.opened", opening(connection))

    def closed(self, connection: Connection, reason: str | None = None) -> None:
        ending = self.hide(connection, reason)
        if ending is not None:
            self.journal.record(connection.origin, "connection.closed", ending)


class ForkingTable(WorkerTable):
    """Of stream connections that are a forked child's: the child says all, the worker nothing."""

    def opened(self, connection: Connection) -> None:
        self.show(connection)

    def closed(self, connection: Connection, reason: str | None = None) -> None:
        # What was counted and not told of yet is in the ending's totals.
        connection.changed = False
        connection.settled = connection.counted
        super().closed(connection, reason)


class WorkerWatch(Watch):
    """Also tells the panel which thread or child handles what."""

    journal: WireJournal

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
    """Of a forking server: what the worker sees of its children, and what each child does.

    A datagram's child shares its flow with others, and is told of by both. A stream's child has its
    connection alone: it tells of all, from its opening on, so that the worker, whose work between
    two forks decides how many there can be, has none but the fork.
    """

    def begin(self, connection: Connection | None) -> None:
        if self.transport in DATAGRAMS:
            return super().begin(connection)
        Watch.begin(self, connection)
        if connection is not None:
            data = {**opening(connection), "thread": connection.thread}
            self.journal.record(connection.origin, "connection.opened", data)
        return None

    def finish(self, connection: Connection | None) -> None:
        if self.transport in DATAGRAMS:
            return super().finish(connection)
        return Watch.finish(self, connection)

    def forked(self, connection: Connection, pid: int) -> None:
        """In the worker: a child was forked for this connection."""
        connection.pid = pid

    def ended(self, connection: Connection) -> None:
        if connection.pid is None or connection.pid == os.getpid():
            super().ended(connection)

    def in_child(self, connection: Connection) -> None:
        """In the forked child: the panel ends it by signals, whose default loses the ending."""
        signal.signal(signal.SIGTERM, lambda *_: self.close(connection, "close"))
        signal.signal(signal.SIGUSR1, lambda *_: self.close(connection, "reset"))
        if self.transport not in DATAGRAMS:  # whose flow the panel knows, and must know as busy
            self.journal.write_late(self.tally.lock)

    def leave_child(self) -> int:
        """In the forked child, at its end; returns the status to leave with."""
        self.journal.flush()
        return SAID_ALL

    def reaped(self, connection: Connection, pid: int, status: int) -> None:
        """In the worker: the child is gone, by `status` of waitpid(2)."""
        if self.transport not in DATAGRAMS:
            self.table.forget(connection)
        code = os.waitstatus_to_exitcode(status)
        if code != SAID_ALL:
            data = {**opening(connection), "pid": pid, "status": code}
            self.journal.record(connection.origin, wire.REAPED, data)


def opening(connection: Connection) -> dict[str, Any]:
    """What the panel needs to show a connection."""
    client_address = connection.client_address
    if isinstance(client_address, bytes):  # an abstract name, unix(7)
        client_address = {"abstract": client_address.decode("latin-1")}
    return {
        "client_address": client_address,
        "local": connection.local,
        "peer_credentials": connection.peer_credentials,
        "pid": os.getpid(),
        "opened_at": connection.opened_at,
    }
