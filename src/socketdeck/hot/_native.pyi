"""What `native.c` makes; see `counts`, `inbox` and `tap_python`."""

from socketdeck.hot.counts import Counts as Counts
from socketdeck.hot.inbox import Inbox as Inbox

VERSION: int

def tap(tapped: type, level: str, /) -> None: ...
