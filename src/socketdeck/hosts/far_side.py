"""`FarSide`: the control of a connection whose socket is in a child process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from socketdeck.connections import Connection


class FarSide:
    """Where others have a socket at hand, it has orders to the child, given by `order`."""

    def __init__(self, order: Callable[..., None]) -> None:
        self._order = order

    def close(self, connection: Connection, how: str) -> None:
        """Have the child end it, or forget it where it is a flow."""
        self._order("close", connection.worker_key, how)
        if connection.transport in ("udp", "unixgram"):
            connection.table.closed(connection)

    def ended(self, connection: Connection) -> None:
        """Told by the child, not by a socket here."""

    def detached(self, connection: Connection, descriptor: int) -> None:
        """Seen by the child alone."""

    def kernel(self, connection: Connection) -> dict[str, Any] | None:
        """The socket is the child's."""
        return None
