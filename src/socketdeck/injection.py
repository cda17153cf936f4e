"""Sending into a connection from outside, between what its handler sends.

A handler's `sendall` that the kernel does not take at once goes in pieces, and what is sent from
elsewhere meanwhile would stand in the midst of its message. A tap counts a `sendall` before it, and
the kernel of a TCP connection what it was given: where that is less, one is under way. What is not
counted so shows in the send queue, which is full then. So one `send` is made, that does not wait,
and only while neither is so. That is a rule of thumb where the queue alone tells, and in no case a
lock: a handler that sends one message by several calls may find something between them.

Nothing is sent into a socket that its handler has taken apart, to wrap it in TLS for example: what
came from outside would break the stream.
"""

from __future__ import annotations

import os
import socket

from socketdeck import kernel
from socketdeck.direction import OUT
from socketdeck.errors import IllegalTransition, Unreachable
from socketdeck.tap import kept

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

SEND_BYTES = 64 << 10
"""The most that is sent at a time."""

UNSENT_BYTES = 16 << 10
"""Nothing is sent while the queue holds more. Of a smaller buffer it is an eighth."""


TAKEN_APART = "its handler has closed the socket, or taken it apart, as a wrapping in TLS does"


def send_into(found: socket.socket, counts: Any | None, data: bytes) -> int:
    """Send what the kernel takes of `data` at once, by a stream's socket; how many bytes it was.

    `counts` is its connection, whose counters are written to, `None` where nobody counts. Does not
    block. `IllegalTransition` where it is closed, `Unreachable` where nothing can be sent now.
    """
    with _own_handle(found) as own:
        _be_between_messages(own, counts)
        _count(counts, len(data), 1)  # whoever receives it finds it counted
        sent = 0
        try:
            sent = own.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            pass
        except OSError as error:
            raise Unreachable(f"it takes nothing any more: {error.strerror}") from error
        finally:
            _count(counts, sent - len(data), 0 if sent else -1)
    return sent


def send_datagram(found: socket.socket, data: bytes, address: Any) -> int:
    """Send one datagram to a peer by its service's socket; its length. Errors as `send_into`'s."""
    if not address:
        raise Unreachable("its peer has no address that a datagram could be sent to")
    with _own_handle(found) as own:
        try:
            return own.sendto(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, address)
        except OSError as error:
            raise Unreachable(f"the datagram cannot be sent: {error.strerror}") from error


def injected(sent: int, data: bytes, limit: int) -> dict[str, Any]:
    """The `data` of the event `connection.data` that tells of what was sent from outside."""
    seen = kept(data, sent, limit)
    return {
        "direction": ("in", "out")[OUT],
        "length": sent,
        "data": seen,
        "truncated": len(seen) < sent,
        "injected": True,
    }


def _be_between_messages(own: socket.socket, counts: Any | None) -> None:
    """`Unreachable` where its handler may be in the midst of a message: see above."""
    if counts is not None and kernel.counts_bytes():
        given = kernel.byte_counts(own, peer_ended=False)
        if given is not None and counts.bytes_out > given[1]:
            raise Unreachable("its handler is sending a message at this moment; try again")
    room = min(UNSENT_BYTES, own.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 8)
    unsent = kernel.send_queue(own)
    if unsent > room:
        raise Unreachable(
            f"its send queue holds {unsent} bytes, and above {room} a message of its handler's may "
            "be on its way; try again when its peer has read more"
        )


def _own_handle(found: socket.socket) -> socket.socket:
    """A handle of one's own: its descriptor cannot become another's while it is used.

    It has no timeout; the handler's would be waited for.
    """
    descriptor = found.fileno()
    try:
        own = os.dup(descriptor)
    except OSError:
        raise IllegalTransition("the connection is closed") from None
    # Closed meanwhile, the number may have been another's by then: only an open one keeps it.
    if found.fileno() != descriptor:
        os.close(own)
        raise IllegalTransition("the connection is closed")
    # A new socket object takes the default timeout, and sets the descriptor accordingly.
    if socket.getdefaulttimeout() is not None and os.get_blocking(own):
        os.close(own)
        raise Unreachable("a default timeout for sockets is set, which would become its handler's")
    return socket.socket(fileno=own)


def _count(counts: Any | None, length: int, messages: int) -> None:
    if counts is None:
        return
    counts.bytes_out += length
    counts.messages_out += messages
    if not counts.changed:
        counts.changed = True
        counts.touch(counts)
