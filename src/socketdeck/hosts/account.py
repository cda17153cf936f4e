"""`Account`: what a forked child knows of its connection and has not told yet.

It is decided here what a packet says; nothing is sent. See `forked`.
"""

# ruff: noqa: UP031 - one call where f-strings make many, each of which a child pays with a page

from __future__ import annotations

from time import time

from socketdeck.hosts import wire
from socketdeck.hot import Counts, Inbox
from socketdeck.tap import whereabouts

TYPE_CHECKING = False  # not from `typing`: see `forking`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from socketdeck.hot.inbox import Record

INBOX_RECORDS = 200_000
FOLD_ABOVE_RECORDS = 512
"""Both as in `journal`: what is more than that at a time is more than anybody reads."""


class Account(Counts):
    """What a child counts and records of its connection, until it is told.

    It stands where taps and output expect a `connections.Connection`. Which number that has, and
    why it ended, are for the panel to say.
    """

    __slots__ = (
        "client_address",
        "control",
        "credentials",
        "elsewhere",
        "handles",
        "io_failed",
        "ipv4",
        "key",
        "local",
        "opened_at",
        "opening_told",
        "pid",
        "raised",
        "recorded",
        "reset",
        "told_to_end",
        "twins",
    )

    def __init__(
        self, *, ipv4: bool, recorded: bool, prefix: int, touch: Callable[[Account], None]
    ) -> None:
        super().__init__(Inbox(INBOX_RECORDS, FOLD_ABOVE_RECORDS), None, touch, prefix)
        self.changed = True  # as far as taps are concerned: nobody is to be told before a nudge
        self.ipv4 = ipv4
        self.recorded = recorded
        self.reset = self.io_failed = self.told_to_end = False
        self.raised: str | None = None
        self.handles = 1
        self.twins: tuple[Any, ...] = ()
        self.elsewhere: Any = None
        self.control = self
        self.key = self.pid = 0
        self.client_address: Any = None
        self.opened_at = 0.0
        self.local: Any = None
        self.credentials: bytes | None = None
        self.opening_told = False

    def record(self, kind: str, data: dict[str, Any]) -> None:
        """Something happened: an event."""
        self.inbox.record(None, kind, data)
        if not self.changed:
            self.changed = True
            self.touch(self)

    def ended(self, connection: Any) -> None:
        """Its last socket is closed; but its handler goes on, and may say more."""

    def detached(self, connection: Any, descriptor: int) -> None:
        """Its handler goes on without our socket."""
        self.elsewhere = whereabouts(descriptor)

    def leaving(self, connection: Any, found: Any) -> None:
        """Its socket is about to be closed; what the kernel counted of it is not asked for."""

    def packets(self, ended: float | None = None) -> list[bytes]:
        """What has not been told yet, as packets for the wire; `ended` is when, where it is all."""
        self.changed = ended is not None
        texts = []
        for record in self.inbox.take(INBOX_RECORDS)[1]:
            when, _, what, size, payload, count = record
            if count == 1 and payload.__class__ is bytes:  # what there is most of, written out
                texts.append('[%d,%d,%d,"%s"]' % (when * 1e6, what, size, payload.hex()))
            else:
                texts.append(_text_of(record))
        packets = []
        events = ",".join(texts)
        if len(events) > wire.PACKET_BYTES:
            *portions, events = _portions(texts)
            packets = [self._packet(portion, None) for portion in portions]
        packets.append(self._packet(events, ended))
        return packets

    def _packet(self, events: str, ended: float | None) -> bytes:
        opening = end = "null"
        if not self.opening_told:
            self.opening_told = True
            opening = "[%d,%d,%s]" % (self.pid, self.opened_at * 1e6, self._ends())
        if ended is not None:
            end = "[%d,%d,%d,%d,%d]" % (
                self.reset,
                self.io_failed,
                self.peer_ended,
                self.told_to_end,
                self.inbox.take_lost(last=True),
            )
        message = '[["%s",0,%d,[%d,%s,[%s],[%d,%d,%d,%d,%d],%s]]]' % (
            wire.LIVED,
            self.key,
            (ended or time()) * 1e6,
            opening,
            events,
            self.bytes_in,
            self.bytes_out,
            self.messages_in,
            self.messages_out,
            self.unseen,
            end,
        )
        return message.encode("utf-8", "surrogatepass")

    def _ends(self) -> str:
        """Who is at both ends: client address, our own where it is not known, and credentials."""
        if self.ipv4 and self.local is None:  # the commonest, and nothing in it to be escaped
            return '["%s",%d],null,null' % self.client_address
        addresses = [wire.plain_address(one) for one in (self.client_address, self.local)]
        return wire.json_text([*addresses, self.credentials])[1:-1]


def _text_of(record: Record) -> str:
    """`[time, kind, data]`, or `[time, direction, length, payload]` and the count of a fold."""
    when, _, what, size, data, count = record
    moment = int(when * 1e6)
    if what.__class__ is str:
        return f'[{moment},"{what}",{wire.json_text(data)}]'
    folded = f",{count}" if count > 1 else ""
    return f"[{moment},{what},{size},{wire.json_text(data)}{folded}]"


def _portions(texts: list[str]) -> list[str]:
    """Events in portions that a packet holds, but for one that is larger by itself."""
    portions = []
    portion: list[str] = []
    size = 0
    for text in texts:
        size += len(text) + 1
        if portion and size > wire.PACKET_BYTES:
            portions.append(",".join(portion))
            portion, size = [], len(text) + 1
        portion.append(text)
    return [*portions, ",".join(portion)]
