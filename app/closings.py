"""Closings at a pace: many connections closed, so many a second, in the background.

Each has a thread of its own. Only that thread writes a closing's figures; whoever asks reads them
one by one, and may be a connection behind.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from app.problems import Refused
from socketdeck import Connection
from socketdeck.status import moment_text

AT_ONCE = 4
"""Closings that go on at a time; one more is refused."""

ENDED_KEPT = 16

PAUSE_SECONDS = 0.01
"""Of a pace above 100 a second several are closed between two pauses."""

End = Callable[[Connection], bool]
"""Closes one connection; says whether it was open until then. It raises nothing."""


class Closing:
    """One of them: what it was asked for, and how far it has come."""

    def __init__(self, number: int, chosen: Sequence[Connection], how: str, pace: float) -> None:
        self.id = number
        self.how = how
        self.pace = pace
        self.count = len(chosen)
        self.done = 0
        self.missed = 0  # were closed by somebody else before it was their turn
        self.started_at = time.time()
        self.ended_at: float | None = None
        self.stopped = threading.Event()

    def as_json(self) -> dict[str, Any]:
        """As the contract shows it, at this moment."""
        ended_at = self.ended_at
        if ended_at is None:
            state = "running"
        else:
            state = "ended" if self.done + self.missed == self.count else "stopped"
        return {
            "id": self.id,
            "state": state,
            "how": self.how,
            "pace": self.pace,
            "count": self.count,
            "done": self.done,
            "missed": self.missed,
            "started_at": moment_text(self.started_at),
            "ended_at": None if ended_at is None else moment_text(ended_at),
        }

    def run(self, chosen: Sequence[Connection], end: End) -> None:
        """Close them one after the other, until there is none left or it is stopped."""
        began = time.monotonic()
        for turn, connection in enumerate(chosen):
            ahead = began + turn / self.pace - time.monotonic()
            if ahead > PAUSE_SECONDS:
                self.stopped.wait(ahead)
            if self.stopped.is_set():
                return
            if end(connection):
                self.done += 1
            else:
                self.missed += 1


class Closings:
    """Starts, shows and stops them. `close` stops all, and starts no more."""

    def __init__(self) -> None:
        self._next_id = itertools.count(1).__next__
        self._lock = threading.Lock()
        self._running: dict[int, Closing] = {}  # under the lock, as those below
        self._ended: dict[int, Closing] = {}
        self._closed = False

    def close(self) -> None:
        """Have those that go on stop where they are; returns at once."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for closing in running:
            closing.stopped.set()

    def start(self, chosen: Sequence[Connection], end: End, *, how: str, pace: float) -> Closing:
        """Close `chosen` from now on, `pace` a second.

        `Refused` where too many go on already, or no thread is to be had.
        """
        closing = Closing(self._next_id(), chosen, how, pace)
        with self._lock:
            if self._closed or len(self._running) >= AT_ONCE:
                detail = f"{AT_ONCE} closings go on at a pace already; wait for one, or stop one"
                raise Refused(503, None, detail)
            self._running[closing.id] = closing
        thread = threading.Thread(
            target=self._run, args=(closing, chosen, end), name="socketdeck-closing", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                del self._running[closing.id]
            raise Refused(503, None, "there is no thread to be had; try again") from None
        return closing

    def list(self) -> list[Closing]:
        """Those that go on and the last that have ended, newest first."""
        with self._lock:
            known = {**self._ended, **self._running}
        return [known[number] for number in sorted(known, reverse=True)]

    def get(self, number: int) -> Closing:
        """One of them; `Refused` where there is none, or it ended long ago."""
        with self._lock:
            found = self._running.get(number) or self._ended.get(number)
        if found is None:
            raise Refused(404, None, f"there is no closing {number}")
        return found

    def stop(self, number: int) -> Closing:
        """Have one stop; what it has closed stays closed. Nothing where it has ended."""
        closing = self.get(number)
        closing.stopped.set()
        return closing

    def _run(self, closing: Closing, chosen: Sequence[Connection], end: End) -> None:
        try:
            closing.run(chosen, end)
        finally:
            closing.ended_at = time.time()
            with self._lock:
                del self._running[closing.id]
                self._ended[closing.id] = closing
                while len(self._ended) > ENDED_KEPT:
                    del self._ended[next(iter(self._ended))]
