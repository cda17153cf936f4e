"""`LastBytes`: what had come in on a connection before an error, looked for in events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from socketdeck.event import Event

LAST_BYTES = 256
DATAGRAMS = ("udp", "unixgram")

Note = Literal["cut", "folded", "nothing", "not_captured", "gone", "no_connection"]
"""What is to be said of the last bytes. With bytes: `cut`, the beginning of the last message, as
capture keeps no more of each; `folded`, the beginning of several messages that were recorded as
one. Without: nothing had come in; capture was off for payloads; the events are no longer kept; the
error was not a connection's."""


@dataclass(slots=True)
class LastBytes:
    """What came in on a connection before an error, as far as it is found yet."""

    connection: int
    before: int
    """Events from this `seq` on have been looked at."""
    opened: int
    """The `seq` at which the connection opened; 0 where that is not known."""
    alone: bool
    """Whether each message stands for itself, as datagrams do."""
    nothing_came: bool
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    note: Note | None = None
    found: bool = False

    @classmethod
    def before_error(cls, error: Event, opened: int, view: Mapping[str, Any]) -> LastBytes:
        """Nothing is found yet; `view` is of the connection that the error is of."""
        assert error.connection is not None
        return cls(
            connection=error.connection,
            before=error.seq,
            opened=opened,
            alone=view.get("transport") in DATAGRAMS,
            nothing_came="bytes" in view and not view["bytes"]["in"],
        )

    def look_at(self, event: Event) -> None:
        """One event further back."""
        if event.kind == "connection.opened":
            self.found = True
            return
        data = event.data
        if data.get("direction") != "in":
            return
        payload = data.get("data")
        if not isinstance(payload, bytes):
            self.found = True
            if not self.pieces:
                self.note = "not_captured"
        elif data.get("truncated") or data.get("count", 1) > 1:
            self.found = True
            if not self.pieces:
                self.pieces, self.size = [payload[:LAST_BYTES]], min(len(payload), LAST_BYTES)
                self.note = "folded" if data.get("count", 1) > 1 else "cut"
        else:
            self.pieces.append(payload[-LAST_BYTES:])
            self.size += len(payload)
            self.found = self.alone or self.size >= LAST_BYTES

    def result(self) -> tuple[bytes | None, Note | None]:
        """The bytes, and what is to be said of them."""
        if self.pieces:
            whole = b"".join(reversed(self.pieces))
            return whole[-LAST_BYTES:], self.note
        if self.note is None:
            if self.nothing_came:
                return None, "nothing"
            return None, "not_captured" if self.found else "gone"
        return None, self.note
