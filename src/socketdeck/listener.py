"""`Listener`: a service's bound socket. It belongs to the service, not to the server on it."""

from __future__ import annotations

import contextlib
import os
import socket

from socketdeck.address import Address, Holders
from socketdeck.backlog import Backlog, backlog_of


class Listener:
    """A bound socket, listening if it is a stream. Its service opens and closes it.

    It is non-blocking, so that a client that goes between `poll` and `accept` holds up nobody; the
    sockets that it accepts block, as a handler expects. The flag is shared with every process that
    has the descriptor.
    """

    def __init__(self, address: Address, backlog: int, holders: Holders | None = None) -> None:
        """Bind; `AddressUnavailable` says why not, and who of the `holders` is in the way."""
        self.socket = address.bind(backlog=backlog, holders=holders)
        self.address = address.bound_as(self.socket)
        self.socket.setblocking(not address.is_stream)
        self._file = _identity(address.path) if address.is_unix else None

    def close(self) -> None:
        """Stop listening and, if the socket file is still ours, remove it. May be called twice."""
        if self.address.is_stream:
            # Other handles on it may be open for as long as a server drains: nobody connects to it
            # from now on in any case (Linux; elsewhere this is refused).
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        if self._file is not None and _identity(self.address.path) == self._file:
            with contextlib.suppress(OSError):
                os.unlink(self.address.path)
        self._file = None

    def waiting(self) -> Backlog | None:
        """Who is in the kernel's queue, not accepted yet; `None` where it cannot be asked."""
        return backlog_of(self.socket) if self.address.is_stream else None

    def duplicate(self) -> socket.socket:
        """Another handle on the same listening socket, for a server to own and close."""
        return self.socket.dup()


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of what lies at a path: another's socket may have taken our name."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
