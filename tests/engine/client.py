"""`Client`: the other end of a service, so that a test reads like a conversation."""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from socketdeck.address import Address
from socketdeck.peer import peer_text

PATIENCE_SECONDS = 10.0
"""How long anything is waited for; what comes, comes in milliseconds."""


class Client:
    """Talks to an address. `receive` gives what one read brings; whoever made it closes it."""

    def __init__(self, address: Address, *, name: Path | str | None = None) -> None:
        """Connect. A datagram client on a Unix socket binds `name`, to be answered there."""
        self.stream = address.is_stream
        target = address.reachable()
        if target.is_unix:
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        self.socket = socket.socket(family, target.socket_type)
        self.socket.settimeout(PATIENCE_SECONDS)
        try:
            if name is not None:
                self.socket.bind(str(name))
            self.socket.connect(target.connect_to())
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def name(self) -> str | None:
        """How a server names this client: the `peer` of its connection."""
        return peer_text(self.socket.getsockname())

    def send(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def say(self, line: str) -> Self:
        """Send a line of text."""
        return self.send(line.encode() + b"\n")

    def receive(self, size: int = 65_536) -> bytes:
        """What the next read brings: `b""` at the end of a stream, or for an empty datagram."""
        return self.socket.recv(size)

    def line(self) -> str:
        """The next line, without its end; what there is of it if the server ended before."""
        text = bytearray()
        while not text.endswith(b"\n"):
            if not (byte := self.socket.recv(1)):
                break
            text += byte
        return text.decode().removesuffix("\n")

    def ask(self, line: str) -> str:
        """Say a line, and give the line that comes back."""
        return self.say(line).line()

    def rest(self) -> bytes:
        """All that still comes, until the server ends the stream."""
        pieces = []
        while piece := self.receive():
            pieces.append(piece)
        return b"".join(pieces)

    def end(self) -> None:
        """Send no more (FIN); what comes can still be read."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break off with RST: a close that lingers for no time (socket(7))."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()
