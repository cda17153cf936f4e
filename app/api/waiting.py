"""How many calls may wait at once.

A stop waits for connections to end, a `try` for an answer, a stream for events: each holds one of
the web server's threads meanwhile. A bound on them keeps threads free for those that answer at
once, however long others take.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from app.problems import Refused

CALLS_WAITING = 24
STREAMS_FOLLOWED = 16

RETRY_SECONDS = 1

_calls = threading.BoundedSemaphore(CALLS_WAITING)
_streams = threading.BoundedSemaphore(STREAMS_FOLLOWED)


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Held while a call waits for something to happen; `Refused` with 503 where too many do."""
    take(_calls, f"{CALLS_WAITING} calls wait for something to happen already; try again")
    try:
        yield
    finally:
        _calls.release()


def take_stream() -> threading.BoundedSemaphore:
    """The same for a stream; who took it releases what is returned."""
    take(_streams, f"{STREAMS_FOLLOWED} streams are followed already; end one of them")
    return _streams


def take(semaphore: threading.BoundedSemaphore, detail: str) -> None:
    """Take one without waiting, or refuse with this sentence."""
    if not semaphore.acquire(blocking=False):
        raise Refused(503, None, detail, headers={"Retry-After": str(RETRY_SECONDS)})
