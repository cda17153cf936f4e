"""Echo (RFC 862): sends back whatever it is sent."""

from __future__ import annotations

from socketserver import BaseRequestHandler

from pydantic import Field

from socketdeck.catalogue.datagram import DatagramHandler
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions


class EchoOptions(HandlerOptions):
    """How the echo reads."""

    buffer_size: int = Field(
        65_536,
        title="Buffer size",
        description="Bytes that one read takes at most; datagrams always come back whole",
        ge=1,
        le=1 << 20,
    )


class Echo(BaseRequestHandler):
    """Sends back what comes, as it comes, until the client ends."""

    Options = EchoOptions
    options = EchoOptions()

    def handle(self) -> None:
        request = self.request
        size = self.options.buffer_size
        while data := request.recv(size):
            request.sendall(data)


class EchoDatagram(DatagramHandler):
    """Sends each datagram back to where it came from."""

    Options = EchoOptions
    options = EchoOptions()

    def handle(self) -> None:
        self.reply(self.request[0])


ENTRY = Entry(
    name="echo",
    title="Echo",
    description="Sends back whatever it is sent (RFC 862).",
    options=EchoOptions,
    stream=Echo,
    datagram=EchoDatagram,
)
