"""Connections: what is counted of each, and the tables of open and closed ones.

A stream connection is one accepted socket; for datagrams a *flow* stands in its place: all that one
service and one peer exchange until idle.

Who writes what: the four counters and the marks of the peer's end are written by the taps alone, on
whatever thread calls the socket (`hot.counts` says why that is safe). All else of a connection is
written under the lock of its service's `Tally`, which also guards the totals.

The views of `status` are imported where they are made: a child process that forks for each
connection never shows any, and each megabyte that it does not load makes its forks quicker.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from operator import sub
from typing import TYPE_CHECKING, Any, Protocol

from socketdeck import crowd, kernel
from socketdeck.errors import IllegalTransition, UnknownConnection, Unsupported
from socketdeck.event import Origin
from socketdeck.hot import Counts
from socketdeck.journal import Journal
from socketdeck.peer import peer_text
from socketdeck.tally import Tally

if TYPE_CHECKING:
    from socketdeck.stack import Standing
    from socketdeck.status import ConnectionView, StackView

CLOSED_KEPT = 10_000


class Control(Protocol):
    """The far side of a connection: where its socket is, and how it is closed from outside."""

    def close(self, connection: Connection, how: str) -> None:
        """End the connection by FIN (`close`) or RST (`reset`); returns at once."""

    def ended(self, connection: Connection) -> None:
        """Its last socket is closed."""

    def detached(self, connection: Connection, descriptor: int) -> None:
        """Its handler took the descriptor out of the socket."""

    def leaving(self, connection: Connection, found: Any) -> None:
        """The socket `found` of it is about to be closed, or taken apart, unlooked at."""

    def recount(self, connection: Connection) -> None:
        """Take over what the kernel has counted of it, where that is who counts."""

    def kernel(self, connection: Connection) -> dict[str, Any] | None:
        """What the kernel says of it now, where it can be asked: the fields of `status.Kernel`."""

    def stack(self, connection: Connection) -> Standing:
        """Where its handler is now; `Unreachable` where it cannot be asked."""

    def send(self, connection: Connection, data: bytes) -> int:
        """Send to its peer, once and without waiting; how many bytes. Errors: `Connection.send`."""


class Connection(Counts):
    """One stream connection or datagram flow: made at accept, shown once the server takes it."""

    __slots__ = (
        "__weakref__",
        "by_kernel",
        "client_address",
        "close_reason",
        "closed_at",
        "control",
        "elsewhere",
        "error",
        "generation",
        "handles",
        "handling_since",
        "id",
        "io_failed",
        "last_activity",
        "local",
        "opened_at",
        "peer_credentials",
        "pid",
        "recorded",
        "reset",
        "service",
        "settled",
        "socket",
        "table",
        "tally",
        "thread",
        "transport",
        "twins",
        "waited",
        "waits",
        "wish",
        "worker_key",
    )

    def __init__(
        self,
        table: ConnectionTable,
        tally: Tally,
        service: str | None,
        transport: str,
        generation: int,
        client_address: Any,
        control: Control | None,
        prefix: int,
    ) -> None:
        journal = table.journal
        self.id = table.next_id()
        origin: Origin = (service, self.id)
        Counts.__init__(self, journal.inbox, origin, table.touch, prefix)
        self.service = service
        self.transport = transport
        self.generation = generation
        self.client_address = client_address
        self.control = control
        self.table = table
        self.tally = tally
        self.recorded = True  # whether the journal is told of it: not at level `off`
        self.settled = (0, 0, 0, 0, 0)
        self.opened_at = self.last_activity = time.time()
        self.closed_at: float | None = None
        self.close_reason: str | None = None
        self.wish: str | None = None  # why we ended it, where we did
        self.reset = self.io_failed = False
        self.error: dict[str, Any] | None = None  # the fields of `status.Failure`
        self.by_kernel = False  # whether it was ever the kernel alone that counted its bytes
        self.twins: tuple[Callable[[], Any], ...] = ()  # weak references to dups of its socket
        self.handles = 1  # sockets that share it: the accepted one and its dups
        self.socket: Callable[[], Any] | None = None  # a weak reference
        self.elsewhere: Any = None  # a handle that its handler made: see `tap.whereabouts`
        self.thread: str | None = None
        self.handling_since: float | None = None
        self.waits = False  # whether a pool has no thread free for it yet
        self.waited: float | None = None  # how long it did, in seconds
        self.pid: int | None = None
        self.local: str | None = None
        self.peer_credentials: tuple[int, int, int] | None = None  # pid, uid, gid
        self.worker_key: int | None = None  # its number in the child that serves it

    @property
    def peer(self) -> str | None:
        """The client address as people read it."""
        return peer_text(self.client_address)

    @property
    def is_flow(self) -> bool:
        """Whether it stands for datagrams."""
        return self.transport in ("udp", "unixgram")

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def rtt(self) -> float | None:
        """Its round trip time in seconds, where the kernel can be asked."""
        if not self.is_open or self.transport != "tcp" or self.control is None:
            return None
        if self.worker_key is not None:  # its socket is in another process
            figures = self.control.kernel(self)
            return None if figures is None else figures["rtt"]
        found = self.open_socket()
        return None if found is None else kernel.round_trip(found)

    def open_socket(self) -> Any:
        """Its socket in this process, `None` where that is gone, or was taken apart."""
        reference = self.socket
        return reference() if reference is not None else None

    def sockets(self) -> list[Any]:
        """All of its sockets in this process that are left: the one accepted, and dups of it."""
        references = (self.socket, *self.twins) if self.socket is not None else self.twins
        return [found for reference in references if (found := reference()) is not None]

    def settle(self, now: float) -> None:
        """Account to the service for what was counted since the last time."""
        if self.changed or self.worker_key is not None:
            with self.tally.lock:
                self._settle(now)

    def _settle(self, now: float) -> None:
        """The same, under the tally's lock."""
        self.changed = False
        seen = (
            self.bytes_in,
            self.bytes_out,
            self.messages_in,
            self.messages_out,
            self.unseen,
        )
        before = self.settled
        if seen != before:
            self.settled = seen
            self.last_activity = now
            more = list(map(sub, seen, before))
            self.tally.account(self, more, now)

    def add_counted(self, more: list[int], now: float) -> None:
        """What a child process counted of it; as `Tally.account` takes it."""
        self.bytes_in += more[0]
        self.bytes_out += more[1]
        self.messages_in += more[2]
        self.messages_out += more[3]
        self.unseen += more[4]
        self.settle(now)

    def count_in(self, length: int) -> None:
        """One message came in: counters only, at any level but `off`."""
        self.bytes_in += length
        self.messages_in += 1
        if not self.changed:
            self.changed = True
            self.touch(self)

    def count_out(self, length: int) -> None:
        """One message went out: counters only, at any level but `off`."""
        self.bytes_out += length
        self.messages_out += 1
        if not self.changed:
            self.changed = True
            self.touch(self)

    def record(self, kind: str, data: dict[str, Any]) -> None:
        """Something happened to it: an event."""
        self.table.journal.record(self.origin, kind, data)

    def reason(self) -> str:
        """Why it ended, the first cause first; meaningful once it has."""
        if self.wish:
            return self.wish
        if self.reset:
            return "client_reset"
        if self.io_failed:
            return "io_error"
        if self.error is not None:
            return "handler_error"
        return "client_closed" if self.peer_ended else "server_closed"

    def close(self, how: str = "close", reason: str = "killed") -> None:
        """End it from outside: `close` sends FIN, `reset` RST (TCP only); returns at once.

        Its handler sees the end of the stream. For a flow: it is forgotten. `Unsupported` where a
        reset is asked of anything but TCP.
        """
        if how == "reset" and self.transport != "tcp":
            raise Unsupported("only a TCP connection can be reset; close this one instead")
        if not self.is_open:
            return
        if self.wish is None:
            self.wish = reason
        if self.control is not None:
            self.control.close(self, how)

    def stack(self) -> StackView:
        """Where its handler is at this moment: its Python stack.

        Blocks, for 2 s at most, where a child process is asked. `Unreachable` where it cannot be
        told.
        """
        from socketdeck.status import stack_view

        return stack_view(self)

    def send(self, data: bytes) -> int:
        """Send to its peer, beside what its handler sends; how many bytes the kernel took.

        That may be fewer than there are; a datagram goes whole. `injection` says when it can be
        done. Blocks, for 2 s at most, where a child process is asked. `IllegalTransition` where it
        is closed, `Unreachable` where nothing can be sent now, and why; `Unsupported` where there
        is nothing to send by a stream.
        """
        if not data and not self.is_flow:
            raise Unsupported("there is nothing to be sent")
        control = self.control
        if not self.is_open or control is None:
            raise IllegalTransition(f"connection {self.id} is closed")
        return control.send(self, data)

    def view(self) -> ConnectionView:
        """As the contract shows it, at this moment."""
        from socketdeck.status import connection_view

        self._settle_open()
        return connection_view(self)

    def as_json(self, *, ask_kernel: bool = True) -> dict[str, Any]:
        """The same of JSON's types; without what the kernel says, if it is not to be asked."""
        from socketdeck.status import connection_as_json

        self._settle_open()
        return connection_as_json(self, ask_kernel=ask_kernel)

    def _settle_open(self) -> None:
        if not self.is_open:
            return
        if self.by_kernel and self.control is not None:
            self.control.recount(self)
        if self.changed:
            self.settle(time.time())


def opening_of(connection: Connection) -> dict[str, Any]:
    """What the event `connection.opened` says."""
    opening: dict[str, Any] = {"peer": connection.peer, "local": connection.local}
    if connection.waits:
        opening["waiting"] = True
    return opening


def serving_of(connection: Connection) -> dict[str, Any]:
    """What the event `connection.served` says: of one that waited, and has its thread now."""
    return {"waited": connection.waited, "thread": connection.thread, "pid": connection.pid}


class ConnectionTable:
    """All connections of one supervisor: the open ones, and the last `CLOSED_KEPT` closed ones.

    It owns the numbering. The open ones of a service are in its `Tally`, under that lock; the ring
    of closed ones has a lock of its own.
    """

    def __init__(self, journal: Journal, first_id: int = 1) -> None:
        self.journal = journal
        self.touch = journal.touch  # bound once, for all connections
        self.next_id = itertools.count(first_id).__next__
        self._open: dict[int, Connection] = {}  # single operations only, each atomic
        self._closed: OrderedDict[int, Connection] = OrderedDict()  # by closing; under _lock
        self._lock = threading.RLock()  # reentrant for the collector, as a tally's

    def opened(self, connection: Connection) -> None:
        """Show a connection, and say that it is open."""
        self.show(connection)
        if connection.recorded:
            self.journal.record(connection.origin, "connection.opened", opening_of(connection))

    def show(self, connection: Connection) -> None:
        """Have it in the tables of open ones; whoever calls this says that it is open."""
        tally = connection.tally
        with tally.lock:
            is_first = not tally.open
            tally.open[connection.id] = connection
            tally.total += 1
            tally.bucket(connection.opened_at)[1] += 1
        self._open[connection.id] = connection
        crowd.mind(len(self._open))
        if is_first:
            tally.first_opened()

    def closed(self, connection: Connection, reason: str | None = None) -> None:
        """Note the end of a connection and say so, once; nothing where it is known."""
        ending = self.hide(connection, reason)
        if ending is not None:
            if connection.recorded:
                self.journal.record(connection.origin, "connection.closed", ending)
            connection.tally.tell_idle()

    def hide(
        self, connection: Connection, reason: str | None = None, when: float | None = None
    ) -> dict[str, Any] | None:
        """Move it to the closed ones; whoever calls this says that it is closed, `when` if not now.

        Returns what the event says, or `None` where its end was known or it was never shown.
        """
        tally = connection.tally
        with tally.lock:
            if tally.open.pop(connection.id, None) is None:
                return None
            now = connection.closed_at = when or time.time()
            connection._settle(now)
            connection.close_reason = reason or connection.reason()
            reason = connection.close_reason
            tally.closed[reason] = tally.closed.get(reason, 0) + 1
            tally.stir()
        connection.socket = connection.elsewhere = None  # kept for a while, but not all of it
        connection.twins = ()
        with self._lock:
            self._closed[connection.id] = connection
            while len(self._closed) > CLOSED_KEPT:
                self._closed.popitem(last=False)
        self._open.pop(connection.id, None)  # after that, so that it is always in one of them
        crowd.mind(len(self._open))
        return {
            "reason": connection.close_reason,
            "duration": now - connection.opened_at,
            "bytes": {"in": connection.bytes_in, "out": connection.bytes_out},
            "messages": {"in": connection.messages_in, "out": connection.messages_out},
        }

    def forget(self, connection: Connection) -> None:
        """Take it out of the open ones without an ending: it was another process's to tell."""
        with connection.tally.lock:
            connection.tally.open.pop(connection.id, None)
        self._open.pop(connection.id, None)

    def get(self, number: int) -> Connection:
        """An open or recently closed connection; `UnknownConnection` where there is none."""
        found = self._open.get(number) or self._closed.get(number)
        if found is None:
            raise UnknownConnection(f"there is no connection {number}")
        return found

    def open(self) -> list[Connection]:
        """All open ones, oldest first."""
        return list(self._open.values())

    def recently_closed(self) -> list[Connection]:
        """The ring of closed ones, in order of closing."""
        with self._lock:
            return list(self._closed.values())

    def __iter__(self) -> Iterator[Connection]:
        return iter([*self.recently_closed(), *self.open()])
