"""What the datagram handlers of the catalogue share: an answer that never blocks."""

from __future__ import annotations

import socket
from socketserver import BaseRequestHandler

from socketdeck.catalogue.peer import readable


class DatagramHandler(BaseRequestHandler):
    """`self.request` is the datagram and the server's own socket, as `UDPServer` hands it over.

    The standard library's `DatagramRequestHandler` always sends something back, to a sender with
    no name too, and waits for one who does not read; here a handler answers when it wants to.
    """

    request: tuple[bytes, socket.socket]

    def reply(self, data: bytes) -> None:
        """Send one datagram back, where that can be done without waiting.

        A Unix sender that bound no name cannot be answered. One that has gone, or whose queue is
        full (ten datagrams, by unix(7)), is not waited for: the answer is lost, as datagrams may
        be, and a line says so.
        """
        if not self.client_address:
            return
        _, server_socket = self.request
        try:
            server_socket.sendto(data, socket.MSG_DONTWAIT, self.client_address)
        except (BlockingIOError, ConnectionRefusedError, FileNotFoundError) as error:
            print(f"no answer to {readable(self.client_address)}: {error.strerror}")
