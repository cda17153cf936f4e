"""Time (RFC 868): the seconds since 1900, as a machine reads them."""

from __future__ import annotations

import struct
import time
from socketserver import BaseRequestHandler

from pydantic import Field

from socketdeck.catalogue.datagram import DatagramHandler
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions

SECONDS_FROM_1900_TO_1970 = 2_208_988_800
ONE_DAY = 86_400


class TimeOptions(HandlerOptions):
    """How far from the truth the clock is."""

    offset: int = Field(
        0,
        title="Offset",
        description="Seconds added to the clock, to see what a client makes of a wrong one",
        ge=-36_525 * ONE_DAY,
        le=36_525 * ONE_DAY,
    )


def seconds_since_1900(epoch_seconds: float) -> bytes:
    """RFC 868's answer: 32 bits, big-endian, beginning again at 0 in 2036."""
    return struct.pack("!I", (int(epoch_seconds) + SECONDS_FROM_1900_TO_1970) % (1 << 32))


class Time(BaseRequestHandler):
    """Sends four bytes and closes."""

    Options = TimeOptions
    options = TimeOptions()

    def handle(self) -> None:
        self.request.sendall(seconds_since_1900(time.time() + self.options.offset))


class TimeDatagram(DatagramHandler):
    """Answers each datagram, whatever is in it, with four bytes."""

    Options = TimeOptions
    options = TimeOptions()

    def handle(self) -> None:
        self.reply(seconds_since_1900(time.time() + self.options.offset))


ENTRY = Entry(
    name="time",
    title="Time",
    description="Answers with the seconds since 1900 in four bytes, big-endian (RFC 868). They "
    "begin again at 0 in 2036.",
    options=TimeOptions,
    stream=Time,
    datagram=TimeDatagram,
)
