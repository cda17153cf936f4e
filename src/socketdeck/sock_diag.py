"""What the kernel says of a TCP connection that another process has: sock_diag(7), as `ss` asks.

It is asked by the connection's two addresses, in some 15 microseconds, and whoever has the socket
is not disturbed. It takes no privilege, but to be in the same network namespace.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any

from socketdeck import kernel

ANSWER_SECONDS = 0.5
_ANSWER_BYTES = 4_096

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_INET_DIAG_INFO = 2
_ANY_COOKIE = b"\xff" * 8
_ALL_STATES = 0xFFFF_FFFF
_LISTEN = 10  # net/tcp_states.h

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_REQUEST = struct.Struct("=BBBBI")  # struct inet_diag_req_v2, but for the socket
_PORTS = struct.Struct("!HH")
_MESSAGE_BYTES = 72  # struct inet_diag_msg
_QUEUES = struct.Struct("=II")  # in it, at byte 56
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr


def figures(local: str | None, client_address: Any) -> dict[str, Any] | None:
    """The fields of `status.Kernel` of a connection between these two.

    `local` is `HOST:PORT`, the other as Python's sockets have it. `None` where there is no such
    connection any more, or the system does not tell.
    """
    ends = _ends(local, client_address)
    if ends is None or not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as asking:
            asking.settimeout(ANSWER_SECONDS)
            asking.sendto(_request(*ends), (0, 0))
            return _read(asking.recv(_ANSWER_BYTES))
    except (OSError, struct.error, IndexError):
        return None


End = tuple[Any, int]
"""An address of `ipaddress` and a port."""


def _ends(local: str | None, client_address: Any) -> tuple[End, End, int] | None:
    """Both ends, and the number of the interface that a link-local address is of."""
    if local is None or not isinstance(client_address, tuple) or len(client_address) < 2:
        return None
    host, _, port = local.rpartition(":")
    try:
        ours = (_plain(host.strip("[]")), int(port))
        theirs = (_plain(client_address[0]), int(client_address[1]))
        scope = int(client_address[3]) if len(client_address) > 3 else 0
    except (TypeError, ValueError):
        return None
    return (ours, theirs, scope) if ours[0].version == theirs[0].version else None


def _plain(host: str) -> Any:
    """An address; of IPv4 in IPv6 (RFC 4291, 2.5.5.2) the former."""
    found = ipaddress.ip_address(host.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def _request(ours: End, theirs: End, scope: int) -> bytes:
    family = socket.AF_INET if ours[0].version == 4 else socket.AF_INET6
    body: bytes = (
        _REQUEST.pack(family, socket.IPPROTO_TCP, 1 << (_INET_DIAG_INFO - 1), 0, _ALL_STATES)
        + _PORTS.pack(ours[1], theirs[1])
        + ours[0].packed.ljust(16, b"\0")
        + theirs[0].packed.ljust(16, b"\0")
        + struct.pack("=I", scope)
        + _ANY_COOKIE
    )
    length = _HEADER.size + len(body)
    return _HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + body


def _read(answer: bytes) -> dict[str, Any] | None:
    length, kind, *_ = _HEADER.unpack_from(answer)
    # An error says that there is none; so does who listens, found in its place.
    if kind != _SOCK_DIAG_BY_FAMILY or answer[_HEADER.size + 1] == _LISTEN:
        return None
    unread, unsent = _QUEUES.unpack_from(answer, _HEADER.size + 56)
    at = _HEADER.size + _MESSAGE_BYTES
    end = min(length, len(answer))
    while at + _ATTRIBUTE.size <= end:
        size, attribute = _ATTRIBUTE.unpack_from(answer, at)
        if attribute == _INET_DIAG_INFO:
            return kernel.read_figures(answer[at + _ATTRIBUTE.size : at + size], unsent, unread)
        at += max(_ATTRIBUTE.size, (size + 3) & ~3)
    return None
