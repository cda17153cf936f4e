"""`Watch`: what looks at one run of a server, from its sockets' births to their ends.

The managed server calls it where `BaseServer` has its hooks, the tapped sockets where they end. It
is the near end of the road: it makes connections, shows them, notes what a handler raised, and says
when and why each ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import threading
import time
import weakref
from typing import Any

from socketdeck import ends, output
from socketdeck.connections import Connection, ConnectionTable
from socketdeck.direction import IN, OUT
from socketdeck.failure import failure_of
from socketdeck.peer import peer_text
from socketdeck.tally import Tally
from socketdeck.tap import TappedSocket, kept, whereabouts
from socketdeck.tap_levels import SOCKET_CLASSES

FLOWS = 10_000
PAYLOAD_MAXIMUM = 1 << 20
"""Bytes that are kept of one message where all are asked for: it goes through every bound."""

FINISHED_KEPT = 64
_TCP_INFO_BYTES = 104


class Watch:
    """Looks at one run of one service's server. Its service makes it and drops it."""

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
    ) -> None:
        self.table = table
        self.tally = tally
        self.service = service
        self.transport = transport
        self.generation = generation
        self.level = level
        self.prefix = prefix or PAYLOAD_MAXIMUM
        self.local = local
        self.socket_class: type[TappedSocket] = SOCKET_CLASSES[level]
        self.threads: dict[threading.Thread, Connection | None] = {}
        """The threads that are in a handler, by themselves: each enters and leaves on its own."""
        self.finished: list[threading.Thread] = []
        """The last to leave a handler: they may still be on their way out."""
        self.flows: dict[Any, Connection] = {}
        self._flows_lock = threading.Lock()

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

    def admit(self, connection: Connection) -> None:
        """The server takes it: from now on it is shown."""
        self.table.opened(connection)

    def refuse(self, connection: Connection | None, client_address: Any, reason: str) -> None:
        """The server turns it away: an event and a count."""
        if connection is not None:
            connection.control = None
        with self.tally.lock:
            self.tally.rejected += 1
        if self.level == "off":
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
            output.begin(connection)

    def finish(self, connection: Connection | None) -> None:
        """This thread leaves the handler."""
        if connection is not None:
            output.finish()
            since, connection.handling_since = connection.handling_since, None
            if since is not None:
                self.tally.handled(time.monotonic() - since)
            if self.level == "off" and self.transport in ("tcp", "unix"):
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
        if connection is not None:
            connection.error = failure
        if self.level != "off":
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

    def kernel(self, connection: Connection) -> dict[str, Any] | None:
        """TCP_INFO and the queues of a live connection (tcp(7), sockios.h)."""
        found = connection.open_socket()
        return None if found is None else _kernel(found)

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
        return connection

    def _ask_kernel_how_it_ended(self, connection: Connection) -> None:
        """At level `off` nobody has seen the peer's end go by."""
        found = connection.open_socket()
        raised = connection.error["type"] if connection.error is not None else None
        seen = ends.seen_by_kernel(found.fileno(), raised) if found is not None else None
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


def _kernel(found: socket.socket) -> dict[str, Any] | None:
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        raw = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        send_queue, receive_queue = _queue(found, _SIOCOUTQ), _queue(found, _SIOCINQ)
    except (OSError, ValueError):  # it was closed meanwhile, and has no descriptor any more
        return None
    fields = struct.unpack_from("=8B24I", raw)
    return {
        "rtt": fields[8 + 15] / 1e6,
        "rtt_variance": fields[8 + 16] / 1e6,
        "retransmits": fields[8 + 23],
        "send_queue": send_queue,
        "receive_queue": receive_queue,
        "congestion_window": fields[8 + 18],
    }


_SIOCINQ = 0x541B
_SIOCOUTQ = 0x5411


def _queue(found: socket.socket, request: int) -> int:
    answer = fcntl.ioctl(found.fileno(), request, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])
