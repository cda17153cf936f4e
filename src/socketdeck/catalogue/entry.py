"""What the catalogue says of a handler: its names, what it does, what serves which transport."""

from __future__ import annotations

from dataclasses import dataclass
from socketserver import BaseRequestHandler

from socketdeck.catalogue.options import HandlerOptions

STREAM_TRANSPORTS = ("tcp", "unix")
DATAGRAM_TRANSPORTS = ("udp", "unixgram")


@dataclass(frozen=True, slots=True)
class Entry:
    """One built-in handler.

    Where a protocol is defined for both kinds of socket (RFC 862 to 868), a handler's `request` is
    a socket in one and a pair of data and socket in the other: hence a class for each. Both take
    the same `options`.
    """

    name: str
    title: str
    description: str
    options: type[HandlerOptions]
    stream: type[BaseRequestHandler] | None = None
    datagram: type[BaseRequestHandler] | None = None

    @property
    def transports(self) -> tuple[str, ...]:
        """The address schemes that it serves: of `tcp`, `unix`, `udp`, `unixgram`."""
        streams = STREAM_TRANSPORTS if self.stream else ()
        return streams + (DATAGRAM_TRANSPORTS if self.datagram else ())

    @property
    def shares_state(self) -> bool:
        """Whether its clients meet in memory, which processes of their own would keep apart."""
        return any(
            getattr(handler, "shares_state", False) for handler in (self.stream, self.datagram)
        )

    def handler_for(self, transport: str) -> type[BaseRequestHandler]:
        """The class that serves a transport; `LookupError` where it is none of `transports`."""
        handler = self.datagram if transport in DATAGRAM_TRANSPORTS else self.stream
        if handler is None:
            raise LookupError(f"{self.name} does not serve {transport}")
        return handler
