"""`Counts`: what is counted of one connection, and what its taps need to reach at once.

`counter += n` on a slot is safe without a lock: CPython (3.10 to 3.14, with its interpreter lock)
switches threads at calls and backward jumps only, and there is neither between the load and the
store. `native.c` does the same in one piece.
"""

from __future__ import annotations

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from socketdeck.hot.inbox import Inbox


class Counts:
    """Counters that the taps write to. Bytes and messages, in and out.

    `touch` is called with it when a counter is written to and `changed` is not set, which it then
    is. `unseen` are the messages that were counted without an event. `peer_ended` says that the
    peer has sent its last byte. Of payloads `prefix` bytes are kept, 0 standing for all.
    """

    __slots__ = (
        "append",
        "bytes_in",
        "bytes_out",
        "changed",
        "inbox",
        "messages_in",
        "messages_out",
        "number",
        "origin",
        "peer_ended",
        "prefix",
        "touch",
        "unseen",
    )

    def __init__(
        self, inbox: Inbox, origin: Any, touch: Callable[[Any], object], prefix: int
    ) -> None:
        self.inbox = inbox
        self.origin = origin
        self.touch = touch
        self.prefix = prefix
        # What the hot path needs is one attribute away.
        self.append = inbox.append
        self.number = inbox.number
        self.bytes_in = self.bytes_out = self.messages_in = self.messages_out = 0
        self.unseen = 0
        self.changed = False
        self.peer_ended = False
