"""Character generator (RFC 864): a rotating pattern of printable characters, without end."""

from __future__ import annotations

import random
import select
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
        description="After how many bytes a stream is closed; empty: when the client has gone",
        ge=1,
        le=1 << 40,
    )
    lines_per_second: float | None = Field(
        None,
        title="Lines a second",
        description="How fast a stream is written; empty: as fast as the client reads",
        ge=0.001,
        le=100_000,
    )


class Chargen(BaseRequestHandler):
    """Writes lines until the client has gone, and throws away what the client writes.

    A client that only ends its own side may go on to read: what it writes is no part of this.
    """

    Options = ChargenOptions
    options = ChargenOptions()

    def handle(self) -> None:
        # The client has had enough: this is how such a stream ends.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._generate()

    def _generate(self) -> None:
        left = self.options.max_bytes
        # poll(2) and not epoll(7), which would take a descriptor more for each client.
        poll = select.poll()
        poll.register(self.request, select.POLLIN)
        for chunk, due in self._chunks():
            self._wait(poll, due)
            if left is not None:
                chunk = chunk[:left]
                left -= len(chunk)
            self.request.sendall(chunk)
            if left == 0:
                return

    def _wait(self, poll: select.poll, due: float) -> None:
        """Until a chunk is due, throw away what comes; where the client has gone, return at once.

        What is written then says so.
        """
        while True:
            wait = due - time.monotonic()
            ready = poll.poll(max(0.0, wait) * 1000)
            if ready and ready[0][1] & select.POLLIN:
                if not self.request.recv(DISCARDED_AT_ONCE_BYTES):
                    poll.modify(self.request, 0)  # or its end is readable for ever
            elif ready:
                return
            if wait <= 0 or not ready:
                return

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
