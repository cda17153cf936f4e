"""`FarSide`: the control of a connection whose socket is in a child process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from socketdeck import sock_diag
from socketdeck.connections import Connection
from socketdeck.hosts import wire
from socketdeck.hosts.asking import Asking, sent_of, standing_of
from socketdeck.stack import Standing


class FarSide:
    """Where others have a socket at hand, it has orders to the child, given by `order`."""

    def __init__(self, order: Callable[..., object], asking: Asking) -> None:
        self._order = order
        self._asking = asking
        self._since = time.time()  # the child loads its handler later than this

    def close(self, connection: Connection, how: str) -> None:
        """Have the child end it, or forget it where it is a flow."""
        self._order("close", connection.worker_key, how)
        if connection.transport in ("udp", "unixgram"):
            connection.table.closed(connection)

    def ended(self, connection: Connection) -> None:
        """Told by the child, not by a socket here."""

    def detached(self, connection: Connection, descriptor: int) -> None:
        """Seen by the child alone."""

    def leaving(self, connection: Connection, found: Any) -> None:
        """Seen by the child alone."""

    def recount(self, connection: Connection) -> None:
        """Done by the child, which tells."""

    def kernel(self, connection: Connection) -> dict[str, Any] | None:
        """The socket is the child's: the kernel is asked by the addresses of its ends."""
        if connection.transport != "tcp":
            return None
        return sock_diag.figures(connection.local, connection.client_address)

    def stack(self, connection: Connection) -> Standing:
        """What the child says; blocks, for `asking.ANSWER_SECONDS` at most."""
        return standing_of(self._asking.ask(connection, wire.STACK), self._since)

    def send(self, connection: Connection, data: bytes) -> int:
        """Have the child send it; blocks, for `asking.ANSWER_SECONDS` at most."""
        return sent_of(self._asking.ask(connection, wire.SEND, data), len(data))
