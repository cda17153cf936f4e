"""Quote of the day (RFC 865)."""

from __future__ import annotations

import random
import time
from socketserver import BaseRequestHandler
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from socketdeck.catalogue.datagram import DatagramHandler
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions

QUOTE_MAXIMUM_BYTES = 511
"""RFC 865: less than 512 characters."""

QUOTES = [
    "A server is a promise with a port number.",
    "Count first, guess later.",
    "Every queue has a bound; the lucky ones know where it is.",
    "The connection you did not close is still waiting for you.",
    "Half of a protocol is what it does when the other side is silent.",
    "A lock held across a send is a queue that nobody asked for.",
    "What cannot be stopped was not started with care.",
    "Datagrams keep no promises, and never said they would.",
    "Read until the end; the end is a message too.",
    "The fastest copy is the one that was not made.",
]
DAY_SECONDS = 86_400


def _fits(quote: str) -> str:
    if len(as_sent(quote)) > QUOTE_MAXIMUM_BYTES:
        raise ValueError(
            f"a quote has at most {QUOTE_MAXIMUM_BYTES - 2} bytes (RFC 865: less than 512 "
            "with the line's end)"
        )
    return quote


class QotdOptions(HandlerOptions):
    """Which quotes, and which of them when."""

    quotes: list[Annotated[str, Field(min_length=1), AfterValidator(_fits)]] = Field(
        QUOTES,
        title="Quotes",
        description="What there is to choose from; each less than 512 bytes with its line's end",
        min_length=1,
        max_length=1000,
    )
    choice: Literal["random", "daily"] = Field(
        "random",
        title="Choice",
        description="random: any of them for each client; daily: the same one for everybody "
        "until midnight, UTC",
    )


def as_sent(quote: str) -> bytes:
    """A quote with its line's end."""
    return quote.encode() + b"\r\n"


def chosen(options: QotdOptions, epoch_seconds: float) -> bytes:
    """The quote for a client that comes at that moment."""
    if options.choice == "daily":
        return as_sent(options.quotes[int(epoch_seconds // DAY_SECONDS) % len(options.quotes)])
    return as_sent(random.choice(options.quotes))


class Qotd(BaseRequestHandler):
    """Sends a quote and closes."""

    Options = QotdOptions
    options = QotdOptions()

    def handle(self) -> None:
        self.request.sendall(chosen(self.options, time.time()))


class QotdDatagram(DatagramHandler):
    """Answers each datagram, whatever is in it, with a quote."""

    Options = QotdOptions
    options = QotdOptions()

    def handle(self) -> None:
        self.reply(chosen(self.options, time.time()))


ENTRY = Entry(
    name="qotd",
    title="Quote of the day",
    description="Answers with a short quote (RFC 865).",
    options=QotdOptions,
    stream=Qotd,
    datagram=QotdDatagram,
)
