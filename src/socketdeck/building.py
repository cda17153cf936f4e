"""From a definition to its server: which class, with which settings, on which socket."""

from __future__ import annotations

import socket
import socketserver
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from socketdeck.concurrency import PoolMixIn, PromotingMixIn, ReapingForkingMixIn
from socketdeck.managed import ManagedMixIn
from socketdeck.seating import seat
from socketdeck.tap_listening import DatagramSocket, tappable
from socketdeck.watch import Watch

if TYPE_CHECKING:
    from socketdeck.address import Transport
    from socketdeck.definition import Concurrency, ServiceDefinition

_TRANSPORTS: dict[str, type[socketserver.BaseServer]] = {
    "tcp": socketserver.TCPServer,
    "udp": socketserver.UDPServer,
    "unix": socketserver.UnixStreamServer,
    "unixgram": socketserver.UnixDatagramServer,
}


class Plan(NamedTuple):
    """What a server is to be, in plain values that cross into a child process."""

    name: str
    transport: Transport
    concurrency: Concurrency
    pool_size: int
    backlog: int
    max_datagram: int

    @classmethod
    def of(cls, definition: ServiceDefinition) -> Plan:
        """The part of a definition that a server is built from."""
        return cls(
            definition.name,
            definition.listens_on.transport,
            definition.concurrency,
            definition.pool_size,
            definition.limits.backlog,
            definition.limits.max_datagram,
        )


def build_server(
    plan: Plan,
    listening: socket.socket,
    handler: type[socketserver.BaseRequestHandler],
    watch: Watch,
) -> Any:
    """A server of the right class on a bound socket, which it owns, looked at by `watch`."""
    server = server_class_for(plan.transport, plan.concurrency)(None, handler, False)
    seat(server, tappable(listening))
    server.max_packet_size = plan.max_datagram
    server.pool_size = plan.pool_size
    server.request_queue_size = plan.backlog
    server.thread_prefix = plan.name
    if plan.concurrency == "pool":
        server.thread_maximum = plan.pool_size
    server.look_through(watch)
    return server


class NonBlockingDatagramMixIn(socketserver.UDPServer):
    """Takes what waits in one go, where stock asks the kernel twice for each datagram.

    What is longer than `max_packet_size` is cut, as stock cuts it, but told of.
    """

    socket: DatagramSocket

    @cached_property
    def _room(self) -> bytearray:
        """For one datagram: one thread at a time is in `get_request`. Made for the first."""
        return bytearray(self.max_packet_size)

    def get_request(self) -> Any:
        data, client_address = self.socket.receive(self._room)
        return (data, self.socket), client_address


@cache
def server_class_for(transport: Transport, concurrency: Concurrency) -> Any:
    """The managed class for a transport and a way of serving."""
    base = _TRANSPORTS[transport]
    attributes: dict[str, Any] = {
        "daemon_threads": True,
        "block_on_close": False,
        "never_blocks": True,
    }
    datagrams = transport in ("udp", "unixgram")
    bases: tuple[type, ...] = (NonBlockingDatagramMixIn, base) if datagrams else (base,)
    if concurrency == "forking":
        bases = (ManagedMixIn, ReapingForkingMixIn, *bases)
    elif concurrency == "sync":
        bases = (ManagedMixIn, *bases)
    elif datagrams:
        bases = (PromotingMixIn, ManagedMixIn, *bases)
    elif concurrency == "pool":
        bases = (ManagedMixIn, PoolMixIn, *bases)
        attributes["process_request_thread"] = PoolMixIn.process_request_thread  # tells of all
    else:
        bases = (ManagedMixIn, socketserver.ThreadingMixIn, *bases)
    return type(f"{concurrency.title()}{base.__name__}", bases, attributes)
