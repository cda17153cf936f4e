"""Discard (RFC 863): reads and throws away."""

from __future__ import annotations

from socketserver import BaseRequestHandler

from pydantic import Field

from socketdeck.catalogue.datagram import DatagramHandler
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions


class DiscardOptions(HandlerOptions):
    """How the sink reads."""

    buffer_size: int = Field(
        65_536,
        title="Buffer size",
        description="Bytes that one read takes at most",
        ge=1,
        le=1 << 20,
    )


class Discard(BaseRequestHandler):
    """Reads until the client ends, and never answers."""

    Options = DiscardOptions
    options = DiscardOptions()

    def handle(self) -> None:
        request = self.request
        size = self.options.buffer_size
        while request.recv(size):
            pass


class DiscardDatagram(DatagramHandler):
    """Takes each datagram and never answers: the server has read it already."""

    Options = DiscardOptions
    options = DiscardOptions()


ENTRY = Entry(
    name="discard",
    title="Discard",
    description="Takes whatever it is sent, throws it away and never answers (RFC 863).",
    options=DiscardOptions,
    stream=Discard,
    datagram=DiscardDatagram,
)
