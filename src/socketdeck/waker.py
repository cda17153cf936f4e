"""A waker: a descriptor that ends a `poll` from another thread, so that nothing has to time out.

eventfd(2) where there is one, a pipe elsewhere.
"""

from __future__ import annotations

import contextlib
import os


class Waker:
    """Readable from `set` until `clear`. Its maker closes it. `set` is safe from any thread."""

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self._read = self._write = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
            os.set_blocking(self._write, False)

    def fileno(self) -> int:
        """The descriptor to poll for reading."""
        return self._read

    def set(self) -> None:
        """Make it readable; does not block, and does nothing once it is closed."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._write, (1).to_bytes(8, "little"))

    def clear(self) -> None:
        """Make it unreadable again."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)

    def close(self) -> None:
        """Give the descriptors back; may be called twice."""
        read, write, self._read, self._write = self._read, self._write, -1, -1
        for descriptor in {read, write} - {-1}:
            os.close(descriptor)
