"""`Timekeeper`: calls things later, on one thread of its own that sleeps until the next is due."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Timekeeper:
    """One thread for all timers. Callbacks should be short; one that raises is logged, no more.

    `_due` is guarded by `_changed`; no callback runs under it. Its maker closes it.
    """

    def __init__(self, name: str = "socketdeck-timekeeper") -> None:
        self._name = name
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call `callback` in `seconds` from now; returns at once. Nothing happens once closed."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), callback))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Forget what is due and end the thread; waits 5 s at most for a callback under way."""
        with self._changed:
            self._closed = True
            self._due.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed:
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    if wait is not None and wait <= 0:
                        break
                    self._changed.wait(wait)
                if self._closed:
                    return
                callback = heapq.heappop(self._due)[2]
            try:
                callback()
            except Exception:
                log.exception("a timer's callback failed")
