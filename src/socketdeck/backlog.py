"""The kernel's backlog: who has connected to a listening socket, and was not accepted yet.

Asked of the socket itself, it is the same whichever process accepts. Linux tells it; where that is
not to be had, nobody knows.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import NamedTuple


class Backlog(NamedTuple):
    """How many wait, and how many the kernel holds at most (listen(2))."""

    length: int
    limit: int


def backlog_of(listening: socket.socket) -> Backlog | None:
    """The backlog of a listening stream socket; does not block. `None`: it cannot be asked."""
    try:
        if listening.family == socket.AF_UNIX:
            return _of_unix(listening)
        return _of_tcp(listening)
    except (OSError, struct.error, AttributeError):  # closed meanwhile, or not on this system
        return None


def _of_tcp(listening: socket.socket) -> Backlog:
    """By TCP_INFO: of a listening socket `tcpi_unacked` and `tcpi_sacked` tell it (tcp_diag.c)."""
    raw = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    return Backlog(*struct.unpack_from("=2I", raw, 24))


# linux/netlink.h, sock_diag.h, unix_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_UDIAG_SHOW_RQLEN = 0x10
_UNIX_DIAG_RQLEN = 4
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFF

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBHIIIII")
_MESSAGE_BYTES = 16
_ATTRIBUTE = struct.Struct("=HH")
_ANSWER_BYTES = 1_024


def _of_unix(listening: socket.socket) -> Backlog | None:
    """By sock_diag(7), which knows a socket by its inode."""
    inode = os.fstat(listening.fileno()).st_ino & 0xFFFFFFFF
    asked = _REQUEST.pack(
        socket.AF_UNIX, 0, 0, _ANY_STATE, inode, _UDIAG_SHOW_RQLEN, _NO_COOKIE, _NO_COOKIE
    )
    header = _HEADER.pack(_HEADER.size + len(asked), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asking:
        asking.settimeout(0)  # the kernel answers within `send`
        asking.send(header + asked)
        answer = asking.recv(_ANSWER_BYTES)
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None
    place = _HEADER.size + _MESSAGE_BYTES
    while place + _ATTRIBUTE.size <= len(answer):
        size, kind = _ATTRIBUTE.unpack_from(answer, place)
        if kind == _UNIX_DIAG_RQLEN:
            return Backlog(*struct.unpack_from("=2I", answer, place + _ATTRIBUTE.size))
        place += max(_ATTRIBUTE.size, (size + 3) & ~3)
    return None
