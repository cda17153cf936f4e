"""A forked child's conduct, gone through in the worker before the first fork: see `forking`."""

from __future__ import annotations

import _socket
import socket
from socketserver import StreamRequestHandler
from time import time

from socketdeck.hosts.forked import Child

TYPE_CHECKING = False  # not from `typing`: see `forking`
if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = 32
"""The interpreter takes some 20 calls until it fits code to what it meets (PEP 659)."""

LINE = b"x" * 64 + b"\n"
READ_BYTES = 65_536
SEEN_IN_HANDLERS = (
    *("__init__", "setup", "handle", "finish"),
    *("request", "client_address", "server"),
)


class _Rehearsed(StreamRequestHandler):
    """What most handlers do: read and write, by the socket and by the files on it."""

    def handle(self) -> None:
        while data := self.request.recv(READ_BYTES):
            self.request.sendall(data)
            self.wfile.write(self.rfile.readline())


def _stay(status: int) -> None:
    """In place of an exit."""


def rehearse(make_child: Callable[[socket.socket, socket.socket, socket.socket], Child]) -> None:
    """Have children that are none serve and tell, without a peer and without a panel.

    No code of the handler's runs; only the names that socketserver looks up in its class are.
    """
    for _ in range(TIMES):
        client, accepted = socket.socketpair()
        panel, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with client, panel, end, socket.socket() as listening:
            client.sendall(LINE * 4)
            client.shutdown(socket.SHUT_WR)
            child = make_child(listening, end, end)
            handler, child.handler = child.handler, _Rehearsed
            child.exit = _stay
            child.serve(accepted.detach(), ("127.0.0.1", 1), 1, time())
            _socket.socket.close(child.request)
    for name in SEEN_IN_HANDLERS:
        getattr(handler, name, None)
