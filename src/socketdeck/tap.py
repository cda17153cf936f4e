"""The tapped sockets: the only code between a handler and the kernel.

A tapped socket *is* a socket (a subclass of `socket.socket`), so that whatever a handler does with
one works as before; a wrapper that delegates would fail `isinstance`, `selectors` and
`socket.socket.recv(s)`. There is a class for each level of looking, with the same layout, so that a
level is switched on a live connection by assigning `__class__`. `OffSocket` overrides nothing on
the data path and costs nothing there.

What is counted: every method that moves data. A peek (MSG_PEEK) is not a read. What goes round the
methods, `os.read` on the descriptor or a socket made from it by `detach`, is seen by the kernel
only.

A connection ends when its socket is really closed, which an open `makefile` delays; a socket that
is collected without having been closed ends it as well.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

    from socketdeck.connections import Connection

_PEER_RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}
_PATH_FAILED = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EIO}

Whereabouts = tuple[int, os.stat_result]


def kept(buffer: Any, length: int, limit: int) -> bytes:
    """The first `length` bytes of a buffer as bytes of their own, at most `limit` (0: all)."""
    if limit and length > limit:
        length = limit
    if buffer.__class__ is bytes:
        return buffer if len(buffer) == length else buffer[:length]
    view = memoryview(buffer)
    return bytes(view.cast("B")[:length]) if view.c_contiguous else view.tobytes()[:length]


def whereabouts(descriptor: int) -> Whereabouts:
    """A descriptor and what it leads to, by which `reached` knows it again."""
    return descriptor, os.fstat(descriptor)


def reached(place: Whereabouts | None) -> socket.socket | None:
    """A handle of one's own on a socket by its descriptor; the caller closes it.

    `None` where that descriptor is closed, or is something else's by now.
    """
    if place is None:
        return None
    try:
        own = os.dup(place[0])
    except OSError:
        return None
    if os.path.samestat(os.fstat(own), place[1]):
        return socket.socket(fileno=own)
    os.close(own)
    return None


class TappedSocket(socket.socket):
    """An accepted socket that knows its connection. Subclasses differ in how closely they look."""

    __slots__ = ("_connection",)
    _connection: Connection

    def _real_close(self, *arguments: Any) -> None:
        """Called by `socket` when the last user (a `makefile`, the socket itself) closes."""
        was_open = self.fileno() >= 0
        super()._real_close(*arguments)  # type: ignore[misc]
        if was_open:
            self._ended()

    def detach(self) -> int:
        """Give the descriptor away: it is not looked at any more, but the connection goes on."""
        connection = self._connection
        descriptor = super().detach()
        if descriptor >= 0 and connection.control is not None:
            connection.control.detached(connection, descriptor)
        return descriptor

    def dup(self) -> TappedSocket:
        """A second handle on the same connection, which ends with the last of them."""
        from weakref import ref  # few handlers do this, and what forks loads little

        twin, connection = super().dup(), self._connection
        twin._connection = connection
        connection.handles += 1
        connection.twins = (*connection.twins, ref(twin))
        connection.elsewhere = whereabouts(twin.fileno())
        return twin

    def __del__(self) -> None:
        collected_open = self.fileno() >= 0
        super().__del__()  # type: ignore[misc]
        if collected_open:
            self._ended()

    def _ended(self) -> None:
        try:
            connection = self._connection
        except AttributeError:
            return  # it failed before it was given one
        connection.handles -= 1
        if connection.handles <= 0 and connection.control is not None:
            connection.control.ended(connection)


class OffSocket(TappedSocket):
    """Level `off`: data passes by the kernel's own methods, and so does all that is counted.

    Of TCP the kernel counts bytes itself. It is asked from time to time, and at the end.
    """

    __slots__ = ()

    def _real_close(self, *arguments: Any) -> None:
        self._look_last()
        super()._real_close(*arguments)

    def detach(self) -> int:
        """As of any tapped socket."""
        self._look_last()
        return super().detach()

    def _look_last(self) -> None:
        if self.fileno() >= 0:
            connection = getattr(self, "_connection", None)
            if connection is not None and connection.control is not None:
                connection.control.leaving(connection, self)


class CountingSocket(TappedSocket):
    """All methods that move data, for the levels that look at it: what they share.

    The four that handlers live in, `recv`, `recv_into`, `send` and `sendall`, are each level's own
    (`hot`), and come here for the rarer ways to call them.
    """

    __slots__ = ()

    def _received(self, length: int, buffer: Any) -> None:
        """`length` bytes came in, the first ones of `buffer`."""
        raise NotImplementedError

    def _sent(self, length: int, buffer: Any) -> None:
        """`length` bytes went out, the first ones of `buffer`."""
        raise NotImplementedError

    def _ending(self) -> None:
        """The peer has sent its last byte, and the handler has seen it."""
        self._connection.peer_ended = True

    def _failed(self, error: OSError) -> None:
        connection = self._connection
        if error.errno in _PEER_RESET:
            connection.reset = True
        elif error.errno in _PATH_FAILED:
            connection.io_failed = True

    # -- in -----------------------------------------------------------------------------------

    def _recv_with_flags(self, bufsize: int, flags: int) -> bytes:
        try:
            data = socket.socket.recv(self, bufsize, flags)
        except OSError as error:
            self._failed(error)
            raise
        self._read(data, bufsize, flags)
        return data

    def _recv_into_with_flags(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        try:
            length = socket.socket.recv_into(self, buffer, nbytes, flags)
        except OSError as error:
            self._failed(error)
            raise
        if length:
            if not flags & socket.MSG_PEEK:
                self._received(length, buffer)
        elif len(buffer):
            self._ending()
        return length

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        try:
            data, address = super().recvfrom(bufsize, flags)
        except OSError as error:
            self._failed(error)
            raise
        self._read(data, bufsize, flags)
        return data, address

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        try:
            length, address = super().recvfrom_into(buffer, nbytes, flags)
        except OSError as error:
            self._failed(error)
            raise
        self._read(memoryview(buffer).cast("B")[:length], len(buffer), flags)
        return length, address

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> Any:
        try:
            found = super().recvmsg(bufsize, ancbufsize, flags)
        except OSError as error:
            self._failed(error)
            raise
        self._read(found[0], bufsize, flags)
        return found

    def recvmsg_into(self, buffers: Iterable[Any], ancbufsize: int = 0, flags: int = 0, /) -> Any:
        parts = list(buffers)
        try:
            found = super().recvmsg_into(parts, ancbufsize, flags)
        except OSError as error:
            self._failed(error)
            raise
        whole = b"".join(memoryview(part).cast("B") for part in parts)
        self._read(whole[: found[0]], len(whole), flags)
        return found

    def _read(self, data: Any, asked: int, flags: int) -> None:
        if len(data):
            if not flags & socket.MSG_PEEK:
                self._received(len(data), data)
        elif asked:
            self._ending()

    # -- out ----------------------------------------------------------------------------------

    def _sendall_nothing(self, data: Any, flags: int) -> None:
        try:
            socket.socket.sendall(self, data, flags)
        except OSError as error:
            self._failed(error)
            raise

    def sendto(self, data: Any, *rest: Any) -> int:
        try:
            length = super().sendto(data, *rest)
        except OSError as error:
            self._failed(error)
            raise
        if length:
            self._sent(length, data)
        return length

    def sendmsg(self, buffers: Iterable[Any], *rest: Any) -> int:
        parts = [memoryview(part) for part in buffers]
        try:
            length = super().sendmsg(parts, *rest)
        except OSError as error:
            self._failed(error)
            raise
        if length:
            self._sent(length, b"".join(parts))
        return length

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """os.sendfile goes round `send`; where `socket` falls back to that, it is counted there."""
        connection = self._connection
        before = connection.bytes_out
        try:
            length = super().sendfile(file, offset, count)
        except OSError as error:
            self._failed(error)
            raise
        unseen = length - (connection.bytes_out - before)
        if unseen > 0:
            self._sent(unseen, b"")
        return length
