"""`Breather`: a thread that has much to do in Python, and lets handlers in between."""

from __future__ import annotations

import time

AT_A_STRETCH_SECONDS = 2e-4
NAP_SECONDS = 2e-4


class Breather:
    """Naps whenever its thread has been at it for `AT_A_STRETCH_SECONDS`. For one thread.

    A handler that has received something waits for the interpreter lock, up to 5 ms where nobody
    gives it up (sys.setswitchinterval). To give it up for no time at all does not help: whoever
    does has it again before another thread is awake.
    """

    def __init__(self) -> None:
        self._since = 0.0

    def breathe(self) -> None:
        """Call it after each small piece of work."""
        now = time.perf_counter()
        if now - self._since > AT_A_STRETCH_SECONDS:
            time.sleep(NAP_SECONDS)
            self._since = time.perf_counter()
