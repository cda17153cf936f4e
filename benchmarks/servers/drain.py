"""A reader of the journal that keeps only counts: what was recorded and arrived."""

from __future__ import annotations

import threading
from collections import Counter

from socketdeck.journal import Journal

CATCH_UP_SECONDS = 10.0


class Drain:
    """Reads all that a journal publishes from now on. Its maker closes it.

    Its thread is part of what is measured: a record that nobody reads costs less. The counts
    are written by that thread and read by any, under `_progress`.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._subscription = journal.subscribe("benchmark", capacity=1_000_000)
        self._progress = threading.Condition()  # guards all below
        self._seen = journal.last_seq
        self.kinds: Counter[str] = Counter()
        self.messages = 0
        self.bytes = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="benchmark-drain", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (batch := self._subscription.take()) or not self._subscription.closed:
            with self._progress:
                for event in batch:
                    self.kinds[event.kind] += 1
                    if event.kind == "connection.data":
                        self.messages += event.data.get("count", 1)
                        self.bytes += event.data["length"]
                    elif event.kind == "events.dropped":
                        self.dropped += event.data["count"]
                if batch:
                    self._seen = batch[-1].seq
                self._progress.notify_all()

    def catch_up(self) -> None:
        """Blocks until all that was recorded before this call has been counted."""
        self._journal.flush()
        last = self._journal.last_seq
        with self._progress:
            self._progress.wait_for(lambda: self._seen >= last, CATCH_UP_SECONDS)

    def close(self) -> None:
        self._subscription.close()
        self._thread.join()
