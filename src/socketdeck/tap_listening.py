"""The tapped server sockets: where connections and datagrams are first seen.

A server's own socket becomes one by `tap_listener`; `get_request`, stock or overridden, is none the
wiser.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any


class ListeningSocket(socket.socket):
    """A listening stream socket whose `accept` gives tapped sockets, for a watch to look at."""

    __slots__ = ()
    watch: Any

    def accept(self) -> tuple[socket.socket, Any]:
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        accepted = self.watch.socket_class(self.family, self.type, self.proto, fileno=descriptor)
        if socket.getdefaulttimeout() is None and self.gettimeout():
            accepted.setblocking(True)
        self.watch.meet(accepted, address)
        return accepted, address


class DatagramSocket(socket.socket):
    """A bound datagram socket that tells its watch of each datagram by its peer."""

    __slots__ = ()
    watch: Any

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        data, address = super().recvfrom(bufsize, flags)
        if not flags & socket.MSG_PEEK:
            self.watch.received(address, data)
        return data, address

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        length, address = super().recvfrom_into(buffer, nbytes, flags)
        if not flags & socket.MSG_PEEK:
            self.watch.received(address, bytes(memoryview(buffer).cast("B")[:length]))
        return length, address

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> Any:
        found = super().recvmsg(bufsize, ancbufsize, flags)
        if not flags & socket.MSG_PEEK:
            self.watch.received(found[3], found[0])
        return found

    def sendto(self, data: Any, *rest: Any) -> int:
        flow = self.watch.flow(rest[-1])  # before the answer is out, and may end what it answers
        length = super().sendto(data, *rest)
        self.watch.sent(flow, length, data)
        return length

    def sendmsg(self, buffers: Iterable[Any], *rest: Any) -> int:
        parts = [memoryview(part) for part in buffers]
        flow = self.watch.flow(rest[2]) if len(rest) >= 3 and rest[2] is not None else None
        length = super().sendmsg(parts, *rest)
        if flow is not None:
            self.watch.sent(flow, length, b"".join(parts))
        return length


def tap_listener(listening: socket.socket, watch: Any) -> None:
    """Have a server's socket tell `watch` of what comes in; it stays the object that it is.

    A class is made for it, with the same layout: an existing socket has no room for an attribute.
    """
    kind = ListeningSocket if listening.type == socket.SOCK_STREAM else DatagramSocket
    listening.__class__ = type(kind.__name__, (kind,), {"__slots__": (), "watch": watch})
