"""What the kernel says of a live TCP connection: TCP_INFO and the queues (tcp(7), sockios.h)."""

from __future__ import annotations

import fcntl
import functools
import socket
import struct
import sys

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

_TCP_INFO_BYTES = 104
_COUNTS_BYTES = 216
"""As far as `tcpi_bytes_retrans`: Linux 4.19."""

_RTT_AT = 8 + 4 * 15
"""Where `tcpi_rtt` stands."""

_CLOSE = 7
_FIN_CAME = frozenset({6, 8, 9, 11})
"""TIME_WAIT, CLOSE_WAIT, LAST_ACK and CLOSING (net/tcp_states.h): the peer has ended its side."""

_FIN_SENT = frozenset({4, 9, 11})
"""FIN_WAIT1, LAST_ACK and CLOSING: our own end stands in the queue, behind what is unsent."""

_SIOCINQ = 0x541B
_SIOCOUTQ = 0x5411


def figures(found: socket.socket) -> dict[str, Any] | None:
    """The fields of `status.Kernel`; `None` where it is closed, or the system does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        raw = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        unsent, unread = send_queue(found), receive_queue(found)
    except (OSError, ValueError):  # it was closed meanwhile, and has no descriptor any more
        return None
    return read_figures(raw, unsent, unread)


def read_figures(info: bytes, unsent: int, unread: int) -> dict[str, Any]:
    """The same from a `struct tcp_info` and the lengths of the queues."""
    fields = struct.unpack_from("=8B24I", info)
    return {
        "rtt": fields[8 + 15] / 1e6,
        "rtt_variance": fields[8 + 16] / 1e6,
        "retransmits": fields[8 + 23],
        "send_queue": unsent,
        "receive_queue": unread,
        "congestion_window": fields[8 + 18],
    }


def round_trip(found: socket.socket) -> float | None:
    """The `rtt` of `figures` alone, in a tenth of the time: for lists that are sorted by it."""
    try:
        raw = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT_AT + 4)
    except (AttributeError, OSError, ValueError):  # the system does not tell, or it is closed
        return None
    return int.from_bytes(raw[_RTT_AT:], sys.byteorder) / 1e6


@functools.cache
def counts_bytes() -> bool:
    """Whether the system counts the bytes of each TCP connection, and tells."""
    if not hasattr(socket, "TCP_INFO"):
        return False
    with socket.socket() as probe:
        try:
            raw = probe.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _COUNTS_BYTES)
        except OSError:
            return False
    return len(raw) >= _COUNTS_BYTES


def byte_counts(found: socket.socket, *, peer_ended: bool) -> tuple[int, int] | None:
    """Bytes that a live TCP connection's handler has read and sent, ever; `None` once it is closed.

    The kernel counts what has come, a FIN as one byte, and what was sent, each repetition as well.
    Of a connection that is over `peer_ended` says whether its FIN came.
    """
    try:
        raw = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _COUNTS_BYTES)
        unread = receive_queue(found)
    except (OSError, ValueError):
        return None
    received, unsent = _RECEIVED.unpack_from(raw, 128)
    sent, repeated = _SENT.unpack_from(raw, 200)
    if unsent and raw[0] in _FIN_SENT:
        unsent -= 1
    fin = raw[0] in _FIN_CAME or (raw[0] == _CLOSE and peer_ended)
    return max(0, received - fin - unread), sent - repeated + unsent


def send_queue(found: socket.socket) -> int:
    """Bytes that were sent and are not acknowledged; of a Unix socket, that the peer has not read.

    `OSError` or `ValueError` where it is closed.
    """
    return _queue(found, _SIOCOUTQ)


def receive_queue(found: socket.socket) -> int:
    """Bytes that have come and nobody has read; errors as of `send_queue`."""
    return _queue(found, _SIOCINQ)


_RECEIVED = struct.Struct("=Q8xI")  # tcpi_bytes_received, tcpi_notsent_bytes
_SENT = struct.Struct("=2Q")  # tcpi_bytes_sent, tcpi_bytes_retrans


def _queue(found: socket.socket, request: int) -> int:
    answer = fcntl.ioctl(found.fileno(), request, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])
