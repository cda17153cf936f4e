"""What `native.c` makes; see `counts`, `inbox` and `tap_python`."""

from socketdeck.event import Event
from socketdeck.hot.counts import Counts as Counts
from socketdeck.hot.inbox import Inbox as Inbox
from socketdeck.hot.inbox import Record
from socketdeck.hot.numbering import Batch

VERSION: int

def tap(tapped: type, level: str, /) -> None: ...
def numbered(records: list[Record], first_seq: int, event_class: type[Event], /) -> Batch: ...
