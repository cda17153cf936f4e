"""The built-in handlers: a module each, each an ordinary `socketserver` handler.

Nothing here knows who runs it: every class serves under a plain `socketserver.TCPServer` (or
`UDPServer`, `UnixStreamServer`, `UnixDatagramServer`) as it does under Socketdeck, and can be read
as an example of how such a handler is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from socketdeck.catalogue import (
    chargen,
    chat,
    daytime,
    discard,
    echo,
    greeting,
    http,
    qotd,
    time,
    upper,
)
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions

__all__ = ["CATALOGUE", "STARTER", "Entry", "HandlerOptions"]

CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {
        module.ENTRY.name: module.ENTRY
        for module in (greeting, echo, discard, daytime, chargen, time, qotd, upper, chat, http)
    }
)
"""The entries by name, in the order in which they are shown."""

STARTER = Path(__file__).parent / "starter" / "hello.py"
"""The commented example that a new handlers folder begins with."""
