"""A module with more in it before the first fork: a thread, and what each fork has to renew."""

import random
import threading

from forked import Resident  # type: ignore[import-not-found]

threading.Thread(target=threading.Event().wait, name="beside", daemon=True).start()


class Companion(Resident):  # type: ignore[misc]
    """A resident that can draw numbers."""

    def do_random(self, rest: str) -> float:
        return random.random()
