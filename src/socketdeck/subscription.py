"""`Subscription`: one reader's bounded queue of events."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from socketdeck.event import Event, dropped_event

SUBSCRIPTION_BYTES = 64 << 20


class Subscription:
    """One reader's bounded queue of events. One that is too slow loses the oldest, and is told.

    Made by `Journal.subscribe`; its reader closes it.
    """

    def __init__(self, name: str, capacity: int, ended: Callable[[Subscription], None]) -> None:
        self.name = name
        self._capacity = capacity
        self._ended = ended
        self._batches: deque[tuple[list[Event], int]] = deque()  # guarded by _arrived
        self._held = 0
        self._held_bytes = 0
        self._lost: tuple[int, int] | None = None  # from_seq, to_seq
        self._closed = False
        self._woken = False
        self._arrived = threading.Condition()

    def put(self, batch: list[Event], weight: int) -> None:
        """Called by the drainer; `weight` is the batch's size in memory, in bytes, about."""
        with self._arrived:
            self._batches.append((batch, weight))
            self._held += len(batch)
            self._held_bytes += weight
            while len(self._batches) > 1 and (
                self._held > self._capacity or self._held_bytes > SUBSCRIPTION_BYTES
            ):
                self._lose(*self._batches.popleft())
            self._arrived.notify()

    def take(self, timeout: float | None = None) -> list[Event]:
        """All that has arrived, oldest first; blocks up to `timeout` seconds for the first.

        Empty at the timeout, when woken, and once the subscription is closed. Where events were
        lost, an `events.dropped` stands first in their place.
        """
        with self._arrived:
            self._arrived.wait_for(lambda: self._batches or self._woken or self._closed, timeout)
            self._woken = False
            batches, self._batches = self._batches, deque()
            self._held = self._held_bytes = 0
            lost, self._lost = self._lost, None
        events = [event for batch, _ in batches for event in batch]
        if lost is not None:
            from_seq, to_seq = lost
            count = to_seq - from_seq + 1  # with those that an events.dropped among them stood for
            events.insert(0, dropped_event(count, from_seq, to_seq, f"reader {self.name}"))
        return events

    @property
    def closed(self) -> bool:
        return self._closed

    def wake(self) -> None:
        """Have a reader that waits in `take` return with what there is."""
        with self._arrived:
            self._woken = True
            self._arrived.notify_all()

    def close(self) -> None:
        """End it; a reader that waits in `take` returns. May be called twice."""
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()
        self._ended(self)

    def _lose(self, batch: list[Event], weight: int) -> None:
        self._held -= len(batch)
        self._held_bytes -= weight
        first, last = batch[0], batch[-1].seq
        from_seq = first.data["from_seq"] if first.kind == "events.dropped" else first.seq
        if self._lost is not None:
            from_seq = self._lost[0]
        self._lost = (from_seq, last)
