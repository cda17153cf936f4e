"""How many calls may wait at once.

A stop waits for connections to end, a `try` for an answer, a stream for events: each holds one of
the web server's threads meanwhile. A bound on them keeps threads free for those that answer at
once, however long others take.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from typing import Protocol

from app.problems import Refused

CALLS_WAITING = 24
STREAMS_FOLLOWED = 16

RETRY_SECONDS = 1

_calls = threading.BoundedSemaphore(CALLS_WAITING)


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Held while a call waits for something to happen; `Refused` with 503 where too many do."""
    if not _calls.acquire(blocking=False):
        raise _too_many(f"{CALLS_WAITING} calls wait for something to happen already; try again")
    try:
        yield
    finally:
        _calls.release()


class Closeable(Protocol):
    """A stream, to whoever counts them."""

    def close(self) -> None:
        """End it; from any thread."""


class Streams:
    """The streams that are followed, at most `STREAMS_FOLLOWED`.

    That a client has hung up shows when something is sent to it, which may be a while. So where all
    places are taken, those that have are looked for, and make way. One that only shut its sending
    side counts as hung up there: the two cannot be told apart.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[Closeable, socket.socket | None] = {}

    def add(self, stream: Closeable, client: socket.socket | None) -> None:
        """Count a stream until `remove`; `Refused` with 503 where there are too many.

        Without its client's socket it never makes way.
        """
        gone: list[Closeable] = []
        with self._lock:
            if len(self._clients) >= STREAMS_FOLLOWED:
                gone = [other for other, its in self._clients.items() if _has_hung_up(its)]
                for other in gone:
                    del self._clients[other]
            is_free = len(self._clients) < STREAMS_FOLLOWED
            if is_free:
                self._clients[stream] = client
        for other in gone:
            other.close()
        if not is_free:
            raise _too_many(f"{STREAMS_FOLLOWED} streams are followed already; end one of them")

    def remove(self, stream: Closeable) -> None:
        """Count it no more; nothing where it has made way."""
        with self._lock:
            self._clients.pop(stream, None)


streams = Streams()


def _has_hung_up(client: socket.socket | None) -> bool:
    if client is None:
        return False
    poll = select.poll()
    try:
        poll.register(client, select.POLLRDHUP)
        return bool(poll.poll(0))
    except (OSError, ValueError):  # it is closed
        return True


def _too_many(detail: str) -> Refused:
    return Refused(503, None, detail, headers={"Retry-After": str(RETRY_SECONDS)})
