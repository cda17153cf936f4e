"""The journal: what happened, in one order.

The road is one way. Whoever sees something (a tapped socket, a service) puts a small record into
the *inbox* (`hot.Inbox`) and goes on: no lock, no format, no I/O. One *drainer* thread takes the
inbox in pieces, in the order of birth and folded where that is too much to tell singly, gives every
event its place in the one order (`seq`), keeps the last ones in a *ring* and hands each batch to
the subscribers. What the inbox lost for want of room it knows, and is told to the last one.

Why the drainer is not told of each record: a wake-up for each would cost more than the record. It
sleeps only when all is quiet; the first record after that wakes it (`asleep`), after which it comes
by itself every `WINDOW_SECONDS` until it has found nothing twice.

Who owns what: the inbox and the list of changed counters are appended to by any thread (each append
is atomic) and taken from under `_draining` only, as are the ring and `seq`. A subscription's queue
is guarded by its own condition.
"""

from __future__ import annotations

import threading
import time
import traceback
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from socketdeck.event import Draft, Event, Origin, dropped_event
from socketdeck.hot import Inbox
from socketdeck.hot.numbering import numbered, weight_of
from socketdeck.subscription import Subscription

if TYPE_CHECKING:
    from socketdeck.hot.inbox import Record

WINDOW_SECONDS = 0.05
"""One frame of a live page: later would be seen, sooner would cost a wake-up for nothing."""

INBOX_RECORDS = 200_000
PIECE_RECORDS = 5_000
"""Drained at a time; the interpreter lock is offered to the handlers between two pieces."""

FOLD_ABOVE_RECORDS = 512
"""A piece above this (10,000 a second) is more than anybody reads: data events fold."""

RING_EVENTS = 50_000
RING_BYTES = 32 << 20


class Changed(Protocol):
    """Something with counters that were written to since it was last settled."""

    def settle(self, now: float) -> None:
        """Account for what was counted; `now` is in seconds since the epoch."""


class Journal:
    """Takes records from any thread, gives events in one order. Its maker closes it."""

    def __init__(
        self,
        *,
        first_seq: int = 1,
        window: float = WINDOW_SECONDS,
        inbox: int = INBOX_RECORDS,
        source: str = "panel",
    ) -> None:
        self.source = source
        self.asleep = False
        """Whether the drainer must be woken; read by taps, written by the drainer and `wake`."""
        self.inbox = Inbox(inbox, FOLD_ABOVE_RECORDS)
        self._changed: deque[Changed] = deque()
        self._window = window
        self._draining = threading.RLock()
        self._next_seq = first_seq
        self._ring: deque[tuple[list[Event], int]] = deque()  # batches and their weights
        self._ring_events = self._ring_bytes = 0
        self.dropped = 0
        self._subscriptions: tuple[Subscription, ...] = ()  # replaced whole, under _draining
        # Its `put` may be called by the collector, in whatever this very thread is at.
        self._awake: SimpleQueue[None] = SimpleQueue()
        self._closing = False
        self._drainer: threading.Thread | None = None
        self._starting = threading.RLock()

    # -- what handlers' threads call ----------------------------------------------------------

    def touch(self, changed: Changed) -> None:
        """Note that counters were written to; called once for each between two settlings."""
        self._changed.append(changed)
        if self.asleep or self._drainer is None:
            self.wake()

    def emit(
        self, kind: str, service: str | None = None, connection: int | None = None, **data: Any
    ) -> None:
        """Record an event; does not block, may be called from any thread."""
        self.record((service, connection), kind, data)

    def record(self, origin: Origin, kind: str, data: dict[str, Any]) -> None:
        """The same, for a caller that has its origin at hand."""
        self.inbox.record(origin, kind, data)
        if self.asleep or self._drainer is None:
            self.wake()

    def wake(self) -> None:
        """Have the drainer look now; starts it where there is none yet."""
        self.asleep = False
        if self._drainer is None:
            with self._starting:
                if self._drainer is None and not self._closing:
                    self._drainer = threading.Thread(
                        target=self._run, name="socketdeck-journal", daemon=True
                    )
                    self._drainer.start()
        self._awake.put(None)

    # -- what readers call --------------------------------------------------------------------

    def subscribe(self, name: str, capacity: int = 100_000) -> Subscription:
        """A queue of all events from now on, of at most about `capacity`; the caller closes it."""
        subscription = Subscription(name, capacity, self._unsubscribe)
        with self._draining:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def recent(self, after: int = 0, limit: int | None = None) -> list[Event]:
        """The ring's events with `seq` above `after`, oldest first; of them the last `limit`."""
        found: list[Event] = []
        with self._draining:
            for batch, _ in reversed(self._ring):
                enough = limit is not None and len(found) >= limit
                if enough or batch[-1].seq <= after:
                    break
                found += reversed(batch)
        found.reverse()
        if found and found[0].seq <= after:
            found = found[bisect_right(found, after, key=_seq_of) :]
        return found if limit is None else found[max(0, len(found) - limit) :]

    @property
    def first_kept(self) -> int:
        """The `seq` of the oldest event in the ring, or of the next one where it is empty."""
        with self._draining:
            return self._ring[0][0][0].seq if self._ring else self._next_seq

    @property
    def last_seq(self) -> int:
        """The last `seq` given, 0 or the stored mark where none was yet."""
        return self._next_seq - 1

    def publish(self, drafts: Iterable[Draft]) -> None:
        """Give events of another source, already in its own order, their place in this one.

        They come behind all that this process recorded before the call.
        """
        with self._draining:
            self.flush()
            self._publish(drafts)

    def publish_loss(self, count: int | None, source: str, service: str | None = None) -> None:
        """Say that `count` events of a source were lost; `None` where nobody can know how many.

        `service` where they were all of one.
        """
        with self._draining:
            self._tell_loss(count, source, service)

    def flush(self) -> None:
        """Drain on the caller's thread all that was recorded before the call."""
        with self._draining:
            while self._drain_piece():
                pass

    def close(self) -> None:
        """Drain what is left, end the drainer, and close every subscription."""
        self._closing = True
        self.wake()
        drainer = self._drainer
        if drainer is not None and drainer is not threading.current_thread():
            drainer.join(timeout=5)
        self.flush()
        with self._draining:
            self._tell_lost(last=True)
        for subscription in self._subscriptions:
            subscription.close()

    # -- the drainer --------------------------------------------------------------------------

    def _run(self) -> None:
        empty_looks = 0
        while not self._closing:
            try:
                with self._draining:
                    found = self._drain_piece()
            except Exception:  # a fault of ours must not end all seeing
                traceback.print_exc()
                self.publish_loss(None, self.source)
                found = 1
            if found >= PIECE_RECORDS:
                time.sleep(0)
                empty_looks = 0
                continue
            empty_looks = 0 if found else empty_looks + 1
            if empty_looks < 2 or self.inbox.missing:
                time.sleep(self._window)
                continue
            while not self._awake.empty():  # what woke it before this sleep
                self._awake.get()
            self.asleep = True
            if len(self.inbox) or self._changed or self._closing:
                self.asleep = False
                continue
            self._awake.get()
            empty_looks = 0

    def _drain_piece(self) -> int:
        """Drain up to `PIECE_RECORDS`; returns how many records and changes there were."""
        found = self._settle_changed()
        count, records = self.inbox.take(PIECE_RECORDS)
        if records:
            self._take_in(records)
        self._tell_lost()
        return found + count

    def _settle_changed(self) -> int:
        changed = self._changed
        count = len(changed)
        if count:
            now = time.time()
            for _ in range(count):
                changed.popleft().settle(now)
        return count

    def _tell_lost(self, *, last: bool = False) -> None:
        lost = self.inbox.take_lost(last=last)
        if lost:
            self.dropped += lost
            self._tell_loss(lost, self.source)

    def _tell_loss(self, count: int | None, source: str, service: str | None = None) -> None:
        first = self._next_seq
        self._next_seq += 1 if count is None else count
        event = dropped_event(count, first, self._next_seq - 1, source)._replace(service=service)
        self._hand_out([event], weight_of(event.data))

    def _take_in(self, records: list[Record]) -> None:
        batch, weight = numbered(records, self._next_seq)
        self._next_seq += len(batch)
        self._hand_out(batch, weight)

    def _publish(self, drafts: Iterable[Draft]) -> None:
        batch = [Event(seq, *draft) for seq, draft in enumerate(drafts, self._next_seq)]
        if batch:
            self._next_seq += len(batch)
            self._hand_out(batch, _weight(batch))

    def _hand_out(self, batch: list[Event], weight: int) -> None:
        for subscription in self._subscriptions:
            subscription.put(batch, weight)
        while weight > RING_BYTES and len(batch) > 1:  # all payloads whole: the last of them
            batch = batch[len(batch) // 2 :]
            weight = _weight(batch)
        ring = self._ring
        ring.append((batch, weight))
        self._ring_events += len(batch)
        self._ring_bytes += weight
        while ring and (
            self._ring_bytes > RING_BYTES or self._ring_events - len(ring[0][0]) >= RING_EVENTS
        ):
            oldest, weight = ring.popleft()
            self._ring_events -= len(oldest)
            self._ring_bytes -= weight

    def _unsubscribe(self, gone: Subscription) -> None:
        with self._draining:
            self._subscriptions = tuple(kept for kept in self._subscriptions if kept is not gone)


def _seq_of(event: Event) -> int:
    return event.seq


def _weight(batch: list[Event]) -> int:
    return sum(weight_of(event.data) for event in batch)
