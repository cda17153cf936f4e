"""Sends each line back in upper case."""

from __future__ import annotations

from socketserver import StreamRequestHandler

from pydantic import Field

from socketdeck.catalogue.datagram import DatagramHandler
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions


class UpperOptions(HandlerOptions):
    """How long a line may get."""

    max_line: int = Field(
        65_536,
        title="Longest line",
        description="Bytes after which a line is answered in pieces, so that one without an end "
        "takes no more memory than this",
        ge=1,
        le=1 << 20,
    )


def upper_case(data: bytes) -> bytes:
    """UTF-8 in upper case; bytes that are no UTF-8 stay as they are."""
    return data.decode("utf-8", "surrogateescape").upper().encode("utf-8", "surrogateescape")


class Upper(StreamRequestHandler):
    """Answers line by line until the client ends."""

    Options = UpperOptions
    options = UpperOptions()

    def handle(self) -> None:
        while line := self.rfile.readline(self.options.max_line):
            self.wfile.write(upper_case(line))


class UpperDatagram(DatagramHandler):
    """Answers each datagram with its text in upper case."""

    Options = UpperOptions
    options = UpperOptions()

    def handle(self) -> None:
        self.reply(upper_case(self.request[0]))


ENTRY = Entry(
    name="upper",
    title="Upper case",
    description="Sends each line, or datagram, back in upper case.",
    options=UpperOptions,
    stream=Upper,
    datagram=UpperDatagram,
)
