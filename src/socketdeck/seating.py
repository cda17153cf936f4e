"""Having a server serve on a socket that is bound already."""

from __future__ import annotations

import socket

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any


def seat(server: Any, listening: socket.socket) -> None:
    """Give a server that was made without binding its socket, which it owns from now on."""
    server.socket.close()
    server.socket = listening
    server.address_family = listening.family
    server.server_address = listening.getsockname()
    if isinstance(server.server_address, tuple):
        # As HTTPServer.server_bind does, without its look-up of the name, which can take seconds.
        server.server_name, server.server_port = server.server_address[:2]
