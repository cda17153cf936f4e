"""The handlers under test: plain socketserver, the same file for every server."""

from __future__ import annotations

import socketserver


class BlockEcho(socketserver.BaseRequestHandler):
    """Sends back what it receives until the client closes."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class LineEcho(socketserver.StreamRequestHandler):
    """Sends back every line."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


class DatagramEcho(socketserver.BaseRequestHandler):
    """Sends back every datagram."""

    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(data, self.client_address)
