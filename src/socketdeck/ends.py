"""The ends of connections: made from outside, and as the kernel saw them."""

from __future__ import annotations

import contextlib
import select
import socket

from socketdeck.tap import reached

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from socketdeck.tap import Whereabouts

_AF_UNSPEC = bytes(16)
"""A `struct sockaddr` of that family, which is 0."""

_POLLRDHUP = getattr(select, "POLLRDHUP", 0)
_TELL_OF_RESET = ("ConnectionResetError", "BrokenPipeError")


def end(found: socket.socket | None, elsewhere: Whereabouts | None, how: str) -> None:
    """End a connection from outside (`close` or `reset`): its handler's next call sees the end.

    Where its handler took it out of our socket, to wrap it in TLS say, or kept a dup alone, it is
    looked for `elsewhere`.
    """
    own = None
    if found is None or found.fileno() < 0:
        found = own = reached(elsewhere)
    if found is None:
        return
    # socket.socket's own methods: what is being closed here is not the handler's doing.
    if how == "reset":
        reset(found)
    with contextlib.suppress(OSError):
        socket.socket.shutdown(found, socket.SHUT_RDWR)
    if own is not None:
        own.close()


def reset(found: socket.socket) -> None:
    """Break a TCP connection with RST, at once, and wake whoever waits on it.

    `connect` to AF_UNSPEC dissolves it (connect(2)); SO_LINGER with zero seconds is what remains
    where that is refused, and sends the RST when the handler closes (tcp(7), socket(7)).
    """
    import ctypes  # here alone: it is large, and most processes never break anything
    import struct

    with contextlib.suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ctypes.CDLL(None).connect(found.fileno(), _AF_UNSPEC, len(_AF_UNSPEC))


def seen_by_kernel(descriptor: int, raised: str | None) -> tuple[bool, bool] | None:
    """Whether a stream's peer broke it, and whether it ended it; `None` where neither is so.

    For a connection whose data nobody looks at. `raised` is the type of what its handler raised:
    one that was told of the break has taken the error off the socket (SO_ERROR, socket(7)).
    """
    if descriptor < 0 or not _POLLRDHUP:
        return None
    poll = select.poll()
    poll.register(descriptor, _POLLRDHUP)
    broken = select.POLLERR | (select.POLLHUP if raised in _TELL_OF_RESET else 0)
    for _, events in poll.poll(0):
        return bool(events & broken), bool(events & _POLLRDHUP)
    return None
