"""The built-in handlers: a module each, each an ordinary `socketserver` handler.

Nothing here knows who runs it: every class serves under a plain `socketserver.TCPServer` (or
`UDPServer`, `UnixStreamServer`, `UnixDatagramServer`) as it does under Socketdeck, and can be read
as an example of how such a handler is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions

__all__ = ["CATALOGUE", "STARTER", "Entry", "HandlerOptions"]


class _Catalogue(Mapping[str, Entry]):
    """Imports a handler's module when it is first asked for: `http` alone takes a megabyte."""

    _NAMES = (
        *("greeting", "echo", "discard", "daytime", "chargen", "time", "qotd", "upper"),
        *("chat", "http"),
    )

    def __getitem__(self, name: str) -> Entry:
        if name not in self._NAMES:
            raise KeyError(name)
        entry: Entry = import_module(f"{__name__}.{name}").ENTRY
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(self._NAMES)

    def __len__(self) -> int:
        return len(self._NAMES)


CATALOGUE: Mapping[str, Entry] = _Catalogue()
"""The entries by name, which is that of their module, in the order in which they are shown."""

STARTER = Path(__file__).parent / "starter" / "hello.py"
"""The commented example that a new handlers folder begins with."""
