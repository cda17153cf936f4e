"""`Watch`: what looks at one run of a server, from its sockets' births to their ends.

The managed server calls it where `BaseServer` has its hooks, the tapped sockets where they end. It
is the near end of the road: it makes connections, shows them, notes what a handler raised, and says
when and why each ended.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from socketdeck import ends, kernel, output
from socketdeck.connections import Connection, ConnectionTable, serving_of
from socketdeck.direction import IN, OUT
from socketdeck.errors import IllegalTransition, Unreachable
from socketdeck.failure import failure_of
from socketdeck.injection import TAKEN_APART, injected, send_datagram, send_into
from socketdeck.peer import peer_text
from socketdeck.stack import Standing, standing
from socketdeck.tally import Tally
from socketdeck.tap import OffSocket, TappedSocket, kept, whereabouts
from socketdeck.tap_levels import SOCKET_CLASSES

FLOWS = 10_000
PAYLOAD_MAXIMUM = 1 << 20
"""Bytes that are kept of one message where all are asked for: it goes through every bound."""

FINISHED_KEPT = 64


class Watch:
    """Looks at one run of one service's server. Its service makes it and drops it."""

    tells_all = False
    """Whether errors and rejections are told at level `off` too, as they are counted elsewhere."""

    def __init__(
        self,
        *,
        table: ConnectionTable,
        tally: Tally,
        service: str | None,
        transport: str,
        generation: int = 1,
        level: str = "payload",
        prefix: int = 256,
        local: str | None = None,
        by_kernel: bool = False,
    ) -> None:
        self.table = table
        self.tally = tally
        self.service = service
        self.transport = transport
        self.generation = generation
        self.by_kernel = by_kernel and transport == "tcp" and kernel.counts_bytes()
        """Whether level `counters` leaves counting to the kernel, and `recount_all` is called."""
        self.local = local
        self._set(level, prefix)
        self.threads: dict[threading.Thread, Connection | None] = {}
        """The threads that are in a handler, by themselves: each enters and leaves on its own."""
        self.finished: list[threading.Thread] = []
        """The last to leave a handler: they may still be on their way out."""
        self.since = time.time()
        """When it began: its handler's code was loaded before."""
        self.listening: Callable[[], Any] | None = None
        """A weak reference to the server's own socket."""
        self.flows: dict[Any, Connection] = {}
        self._flows_lock = threading.Lock()

    def set_level(self, level: str, prefix: int, *, each: bool = False) -> None:
        """Look as closely as that from now on, at live connections too: their next call obeys.

        `prefix` is how many bytes are kept of a message, 0 standing for all. `each`: at level
        `counters`, each message is counted, and not by the kernel. One caller at a time.
        """
        if self.by_kernel:
            self.recount_all()
        self._set(level, prefix, each=each)
        for connection in self._mine():
            self._obey(connection)

    def _set(self, level: str, prefix: int, *, each: bool = False) -> None:
        self.level = level
        self.prefix = prefix or PAYLOAD_MAXIMUM
        unseen = level == "counters" and self.by_kernel and not each
        self.socket_class: type[TappedSocket] = OffSocket if unseen else SOCKET_CLASSES[level]

    def _obey(self, connection: Connection) -> None:
        """Have a connection looked at as closely as the level says."""
        connection.prefix = self.prefix
        # Once the journal knows of one, it is told the end as well.
        connection.recorded = connection.recorded or self.level != "off"
        wanted = self.socket_class
        for found in connection.sockets():
            if found.__class__ is not wanted and isinstance(found, TappedSocket):
                found.__class__ = wanted
        connection.by_kernel = connection.by_kernel or self._is_counted_by_kernel()

    def _is_counted_by_kernel(self) -> bool:
        return self.by_kernel and self.socket_class is OffSocket

    def _mine(self) -> list[Connection]:
        with self.tally.lock:
            found = list(self.tally.open.values())
        return [connection for connection in found if connection.control is self]

    # -- streams ------------------------------------------------------------------------------

    def meet(self, accepted: TappedSocket, client_address: Any) -> Connection:
        """A connection for a socket just accepted; nobody is shown it before `admit`."""
        connection = self._connection(client_address)
        connection.socket = weakref.ref(accepted)
        accepted._connection = connection
        if self.local is None:
            with contextlib.suppress(OSError):
                connection.local = peer_text(accepted.getsockname())
        if self.transport == "unix":
            connection.peer_credentials = _credentials(accepted)
        return connection

    def admit(self, connection: Connection, *, waits: bool = False) -> None:
        """The server takes it: from now on it is shown. `waits`: no thread is free for it yet."""
        connection.waits = waits
        self.table.opened(connection)
        found = connection.open_socket()
        if found is not None and found.__class__ is not self.socket_class:
            self._obey(connection)  # the level was changed since it was accepted

    def refuse(self, connection: Connection | None, client_address: Any, reason: str) -> None:
        """The server turns it away: an event and a count."""
        if connection is not None:
            connection.control = None
        with self.tally.lock:
            self.tally.rejected += 1
        if self.level == "off" and not self.tells_all:
            return
        data = {"reason": reason, "peer": peer_text(client_address)}
        self.table.journal.record((self.service, None), "connection.rejected", data)

    def find(self, request: Any, client_address: Any) -> Connection | None:
        """The connection that a request of socketserver belongs to, where it is one of ours."""
        if isinstance(request, TappedSocket):
            return getattr(request, "_connection", None)
        if isinstance(request, tuple):
            return self.flow(client_address)
        return None

    # -- datagrams ----------------------------------------------------------------------------

    def flow(self, client_address: Any) -> Connection:
        """The flow of a peer, opened at its first datagram; unnamed Unix senders share one."""
        key = client_address or None
        found = self.flows.get(key)
        if found is not None:
            return found
        with self._flows_lock:
            found = self.flows.get(key)
            if found is not None:
                return found
            if len(self.flows) >= FLOWS:
                self.forget(next(iter(self.flows.values())), "flow_expired")
            connection = self._connection(client_address)
            self.table.opened(connection)  # before any other thread finds it, and says more of it
            self.flows[key] = connection
        return connection

    def received(self, client_address: Any, data: bytes, length: int | None = None) -> None:
        """A datagram came in; of `length` bytes, where `data` is what was left of a longer one."""
        flow = self.flow(client_address)
        if self.level == "off":
            flow.last_activity = time.time()  # what else would keep it from expiring
            return
        if length is None:
            length = len(data)
        self._tell(flow, IN, length, data)
        flow.count_in(length)

    def sending(self, flow: Connection, length: int) -> None:
        """A datagram is about to go out: whoever receives it is to find it counted."""
        if self.level != "off":
            flow.count_out(length)

    def unsent(self, flow: Connection, length: int) -> None:
        """It could not be sent after all."""
        if self.level != "off":
            flow.bytes_out -= length
            flow.messages_out -= 1

    def sent(self, flow: Connection, length: int, data: Any) -> None:
        """A datagram of this flow went out."""
        if self.level == "off":
            flow.last_activity = time.time()
            return
        self._tell(flow, OUT, length, data)
        if not flow.changed:
            flow.changed = True
            flow.touch(flow)

    def _tell(self, flow: Connection, direction: int, length: int, data: Any) -> None:
        level = self.level
        if level in ("events", "payload"):
            seen = kept(data, length, self.prefix) if level == "payload" else None
            flow.inbox.data(flow.origin, direction, length, seen)
        else:
            flow.unseen += 1

    def forget(self, flow: Connection, reason: str) -> None:
        """End a flow; the peer's next datagram opens another."""
        key = flow.client_address or None
        if self.flows.get(key) is flow:
            self.flows.pop(key, None)  # whoever else ends it at this moment may be quicker
        self.table.closed(flow, flow.wish or reason)

    # -- handlers -----------------------------------------------------------------------------

    def begin(self, connection: Connection | None) -> None:
        """This thread enters a handler."""
        thread = threading.current_thread()
        self.threads[thread] = connection
        if connection is not None:
            name = thread.name
            if name.startswith("Thread-"):  # ThreadingMixIn's own, which names none
                name = thread.name = f"{self.service or 'server'}-{connection.id}"
            connection.thread = name
            connection.pid = os.getpid()
            connection.handling_since = time.monotonic()
            if connection.waits:
                self._serve_at_last(connection)
            output.begin(connection)

    def _serve_at_last(self, connection: Connection) -> None:
        """One that waited has a thread: told for these alone, so that no other pays for it."""
        connection.waits = False
        connection.waited = max(0.0, time.time() - connection.opened_at)
        if connection.recorded:
            connection.record("connection.served", serving_of(connection))

    def finish(self, connection: Connection | None) -> None:
        """This thread leaves the handler."""
        if connection is not None:
            output.finish()
            since, connection.handling_since = connection.handling_since, None
            if since is not None:
                self.tally.handled(time.monotonic() - since)
            if self.transport in ("tcp", "unix"):
                self._ask_kernel_how_it_ended(connection)
        thread = threading.current_thread()
        self.finished.append(thread)
        if len(self.finished) > 2 * FINISHED_KEPT:
            del self.finished[:-FINISHED_KEPT]
        self.threads.pop(thread, None)
        self.tally.tell_idle()

    def raised(self, connection: Connection | None, error: BaseException) -> None:
        """A handler, or the server around it, raised; told once for each exception."""
        if output.current.raised is error:
            return
        output.current.raised = error
        failure = failure_of(error)
        with self.tally.lock:
            self.tally.errors += 1
            self.tally.stir()
        if connection is not None:
            connection.error = failure
        if self.level != "off" or self.tells_all:
            origin = connection.origin if connection is not None else (self.service, None)
            self.table.journal.record(origin, "connection.error", failure)

    # -- the far side (connections.Control) ---------------------------------------------------

    def close(self, connection: Connection, how: str) -> None:
        """End a connection from outside: its handler's next call sees the end."""
        if self.transport in ("udp", "unixgram"):
            self.forget(connection, "killed")
            return
        found = connection.open_socket()
        ends.end(found, connection.elsewhere, how)

    def ended(self, connection: Connection) -> None:
        """Its last socket is closed."""
        self.table.closed(connection)

    def detached(self, connection: Connection, descriptor: int) -> None:
        """Its handler went on without the socket: the end of the handler is all that is seen."""
        connection.socket = None
        connection.elsewhere = whereabouts(descriptor)

    def leaving(self, connection: Connection, found: TappedSocket) -> None:
        """Its socket is about to be closed, and with it go the kernel's counts."""
        if connection.by_kernel:
            self._recount(connection, found)

    def recount(self, connection: Connection) -> None:
        """Take over what the kernel has counted of a connection."""
        found = connection.open_socket()
        if found is not None:
            self._recount(connection, found)

    def recount_all(self) -> bool:
        """The same of all open connections that the kernel counts; whether there are any.

        It takes about 2 us for each.
        """
        counted = [connection for connection in self._mine() if connection.by_kernel]
        now = time.time()
        for connection in counted:
            self.recount(connection)
            connection.settle(now)
        return bool(counted)

    def _recount(self, connection: Connection, found: TappedSocket) -> None:
        ended = connection.peer_ended and not connection.reset
        counts = kernel.byte_counts(found, peer_ended=ended)
        if counts is None or counts == (connection.bytes_in, connection.bytes_out):
            return
        # Never less: taps may have counted on meanwhile, where they have taken over.
        connection.bytes_in = max(connection.bytes_in, counts[0])
        connection.bytes_out = max(connection.bytes_out, counts[1])
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)

    def kernel(self, connection: Connection) -> dict[str, Any] | None:
        """TCP_INFO and the queues of a live connection (tcp(7), sockios.h)."""
        found = connection.open_socket()
        return None if found is None else kernel.figures(found)

    def stack(self, connection: Connection) -> Standing:
        """Where its handler is now, by the threads that are in handlers."""
        return standing(self.threads, connection, self.since)

    def send(self, connection: Connection, data: bytes) -> int:
        """Send to its peer beside its handler: see `injection`."""
        counted = self.level != "off"
        if connection.is_flow:
            sent = self._send_datagram(connection, data, counted)
        else:
            found = next((one for one in connection.sockets() if one.fileno() >= 0), None)
            if found is None:
                raise Unreachable(TAKEN_APART)
            sent = send_into(found, connection if counted else None, data)
        if connection.recorded and (sent or connection.is_flow):
            connection.record("connection.data", injected(sent, data, connection.prefix))
        return sent

    def _send_datagram(self, flow: Connection, data: bytes, counted: bool) -> int:
        listening = self.listening() if self.listening is not None else None
        if listening is None:
            raise IllegalTransition("the service's socket is closed")
        if counted:
            flow.count_out(len(data))  # whoever receives it finds it counted
        try:
            return send_datagram(listening, data, flow.client_address)
        except BaseException:
            self.unsent(flow, len(data))
            raise

    def say(self, stream: str, text: str) -> None:
        """Something about the service itself that its user should read."""
        data = {"stream": stream, "text": text}
        self.table.journal.record((self.service, None), "service.log", data)

    def _connection(self, client_address: Any) -> Connection:
        connection = Connection(
            self.table,
            self.tally,
            self.service,
            self.transport,
            self.generation,
            client_address,
            self,
            self.prefix,
        )
        connection.local = self.local
        connection.recorded = self.level != "off"
        connection.by_kernel = self._is_counted_by_kernel()
        return connection

    def _ask_kernel_how_it_ended(self, connection: Connection) -> None:
        """Where data passes unlooked at, nobody has seen the peer's end go by."""
        found = connection.open_socket()
        if found is None or not (connection.by_kernel or isinstance(found, OffSocket)):
            return
        raised = connection.error["type"] if connection.error is not None else None
        seen = ends.seen_by_kernel(found.fileno(), raised)
        if seen is not None:
            connection.reset, connection.peer_ended = seen


def _credentials(accepted: socket.socket) -> tuple[int, int, int] | None:
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    try:
        raw = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return None
    return struct.unpack("3i", raw)
