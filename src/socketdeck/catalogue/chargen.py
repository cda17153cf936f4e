"""Character generator (RFC 864): a rotating pattern of printable characters, without end."""

from __future__ import annotations

import random
import selectors
import time
from collections.abc import Iterator
from contextlib import suppress
from socketserver import BaseRequestHandler

from pydantic import Field

from socketdeck.catalogue.datagram import DatagramHandler
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions

PRINTABLE = bytes(range(0x20, 0x7F))
LINE_LENGTH = 72
DATAGRAM_MAXIMUM_CHARACTERS = 512
DISCARDED_AT_ONCE_BYTES = 65_536
CATCHING_UP_SECONDS = 1.0

LINES = [(PRINTABLE[first:] + PRINTABLE)[:LINE_LENGTH] + b"\r\n" for first in range(len(PRINTABLE))]
"""RFC 864's pattern: each line begins one character later, and after 95 it begins again."""

CYCLE = b"".join(LINES)


class ChargenOptions(HandlerOptions):
    """How much, and how fast."""

    max_bytes: int | None = Field(
        None,
        title="Bytes",
        description="After how many bytes a stream is closed; empty: when the client ends it",
        ge=1,
        le=1 << 40,
    )
    lines_per_second: float | None = Field(
        None,
        title="Lines a second",
        description="How fast a stream is written; empty: as fast as the client reads",
        gt=0,
        le=100_000,
    )


class Chargen(BaseRequestHandler):
    """Writes lines until the client ends, and throws away what the client writes."""

    Options = ChargenOptions
    options = ChargenOptions()

    def handle(self) -> None:
        # The client has had enough: this is how such a stream ends.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._generate()

    def _generate(self) -> None:
        left = self.options.max_bytes
        # poll(2) and not epoll(7), which would take a descriptor more for each client.
        with selectors.PollSelector() as selector:
            selector.register(self.request, selectors.EVENT_READ)
            for chunk, due in self._chunks():
                if self._client_ended(selector, due):
                    return
                if left is not None:
                    chunk = chunk[:left]
                    left -= len(chunk)
                self.request.sendall(chunk)
                if left == 0:
                    return

    def _client_ended(self, selector: selectors.BaseSelector, due: float) -> bool:
        """Wait until a chunk is due, throwing away what comes; whether the client ended first."""
        while True:
            wait = due - time.monotonic()
            readable = selector.select(max(0.0, wait))
            if readable and not self.request.recv(DISCARDED_AT_ONCE_BYTES):
                return True
            if wait <= 0 or not readable:
                return False

    def _chunks(self) -> Iterator[tuple[bytes, float]]:
        """What to write, and when by the monotonic clock; whole cycles where there is no rate."""
        rate = self.options.lines_per_second
        due = time.monotonic()
        while True:
            if rate is None:
                yield CYCLE, 0.0
                continue
            for line in LINES:
                yield line, due
                # A client that did not read for a while is not sent all that it missed.
                due = max(due + 1 / rate, time.monotonic() - CATCHING_UP_SECONDS)


class ChargenDatagram(DatagramHandler):
    """Answers each datagram with 0 to 512 characters of the pattern, as chance has it."""

    Options = ChargenOptions
    options = ChargenOptions()

    def handle(self) -> None:
        self.reply(CYCLE[: random.randint(0, DATAGRAM_MAXIMUM_CHARACTERS)])


ENTRY = Entry(
    name="chargen",
    title="Character generator",
    description="Writes a rotating pattern of printable characters until the client goes "
    "(RFC 864); each datagram is answered with 0 to 512 of them.",
    options=ChargenOptions,
    stream=Chargen,
    datagram=ChargenDatagram,
)
