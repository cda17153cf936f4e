"""The tapped server sockets: where connections and datagrams are first seen.

A server's own socket becomes one by `tap_listener`; `get_request`, stock or overridden, is none the
wiser.
"""

from __future__ import annotations

import _socket
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any

# As plain numbers: Python's own properties make an enum of each, every time.
_family_of = _socket.socket.family.__get__
_kind_of = _socket.socket.type.__get__

_WHOLE_LENGTH = socket.MSG_TRUNC if sys.platform == "linux" else 0
"""Elsewhere it asks for nothing, or is refused: what was cut looks whole there."""


class ListeningSocket(socket.socket):
    """A listening stream socket whose `accept` gives tapped sockets, for a watch to look at."""

    __slots__ = ()
    watch: Any

    def accept(self) -> tuple[socket.socket, Any]:
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        family, kind = _family_of(self), _kind_of(self)
        accepted = self.watch.socket_class(family, kind, self.proto, fileno=descriptor)
        if socket.getdefaulttimeout() is None and self.gettimeout():
            accepted.setblocking(True)
        self.watch.meet(accepted, address)
        return accepted, address


class DatagramSocket(socket.socket):
    """A bound datagram socket that tells its watch of each datagram by its peer."""

    __slots__ = ()
    watch: Any

    def receive(self, room: bytearray) -> tuple[bytes, Any]:
        """The datagram that waits, as far as it fits into `room`; the watch learns its length.

        Raises `BlockingIOError` where none waits. Linux tells the length (recv(2), MSG_TRUNC); not
        by way of `recvfrom`, whose result would grow to it with bytes that never came.
        """
        length, address = super().recvfrom_into(room, 0, _WHOLE_LENGTH | socket.MSG_DONTWAIT)
        data = bytes(memoryview(room)[:length])
        self.watch.received(address, data, length)
        return data, address

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
        return self._send_by(super().sendto, data, data, rest, rest[-1])

    def sendmsg(self, buffers: Iterable[Any], *rest: Any) -> int:
        parts = [memoryview(part) for part in buffers]
        if len(rest) < 3 or rest[2] is None:
            return super().sendmsg(parts, *rest)
        return self._send_by(super().sendmsg, parts, b"".join(parts), rest, rest[2])

    def _send_by(
        self, send: Callable[..., int], given: Any, data: Any, rest: tuple[Any, ...], address: Any
    ) -> int:
        """Send a datagram, whole as it always is, and have it counted once it can be received."""
        watch = self.watch
        flow = watch.flow(address)  # before the answer is out, and may end what it answers
        length = len(data) if data.__class__ is bytes else memoryview(data).nbytes
        watch.sending(flow, length)
        try:
            sent = send(given, *rest)
        except BaseException:
            watch.unsent(flow, length)
            raise
        watch.sent(flow, length, data)
        return sent


class OwnListeningSocket(ListeningSocket):
    """One that was made for it, and has room for its watch."""

    __slots__ = ("watch",)


class OwnDatagramSocket(DatagramSocket):
    """One that was made for it, and has room for its watch."""

    __slots__ = ("watch",)


def tappable(listening: socket.socket) -> socket.socket:
    """The same socket in an object that has room for a watch; the one given is empty from now on.

    It saves the class that `tap_listener` would make, 1.5 KB for each service. Whether it blocks is
    left as it is: that is the descriptor's, and shared with every process that has it.
    """
    kind = OwnListeningSocket if listening.type == socket.SOCK_STREAM else OwnDatagramSocket
    return kind(listening.family, listening.type, listening.proto, fileno=listening.detach())


def tap_listener(listening: socket.socket, watch: Any) -> None:
    """Have a server's socket tell `watch` of what comes in; it stays the object that it is.

    Where it is not `tappable`, a class is made for it, with the same layout: an existing socket has
    no room for an attribute.
    """
    if isinstance(listening, OwnListeningSocket | OwnDatagramSocket):
        listening.watch = watch
        return
    kind = ListeningSocket if listening.type == socket.SOCK_STREAM else DatagramSocket
    listening.__class__ = type(kind.__name__, (kind,), {"__slots__": (), "watch": watch})
