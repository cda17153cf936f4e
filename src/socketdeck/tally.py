"""`Tally`: what is added up of a service, over all its runs."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from socketdeck.connections import Connection
    from socketdeck.status import Handling, HandlingSecond, Rates

HANDLING_KEPT = 1_024
WINDOWS_SECONDS = (1, 10, 60)
BUCKETS_KEPT = max(WINDOWS_SECONDS) + 1

TIMES_SAMPLED = 20_000
"""Times of `handle` that wait for the next sample: of more in a second, the last ones count."""

Bucket = list[float]
"""`[second, connections, bytes in, bytes out, messages in, messages out]`"""


class Totals(NamedTuple):
    """What a tally counted so far, but for the open connections, of which it is how many."""

    open: int
    connections: int
    bytes_in: int
    bytes_out: int
    messages_in: int
    messages_out: int
    errors: int


NOTHING = Totals(0, 0, 0, 0, 0, 0, 0)


class Tally:
    """The totals of one service; `lock` guards every field, but for the times of `handle`.

    Rates come from one bucket a second, written when something happens and read with the clock: a
    quiet service costs nothing. What most services never need, the waiting and the samples, is made
    when it is first needed: hundreds of idle services should cost next to nothing in memory, too.
    """

    def __init__(self) -> None:
        # Reentrant: the collector may find a socket that was left open, and have its connection
        # end here, in the midst of whatever this thread is at. So what iterates takes a copy first.
        self.lock = threading.RLock()
        self.open: dict[int, Connection] = {}
        self.total = 0
        self.rejected = 0
        self.errors = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.messages_in = 0
        self.messages_out = 0
        self.unseen = 0
        self.closed: dict[str, int] = {}
        self.first_opened: Callable[[], None] = _nothing
        """Called when the first of its connections opens, none having been: somebody may have to
        look at them from time to time."""
        self.messages_bound = math.inf
        self.notice: Callable[[], None] = _nothing
        """Called under `lock` where there are more messages in a second than `messages_bound`, or
        some that were not recorded; it must be quick."""
        self._idle: threading.Condition | None = None
        self._handling: list[float] = []  # appended to by any thread; the tail is what counts
        self._buckets: list[Bucket] = []
        self.latest: HandlingSecond | None = None
        """Written by who samples, replaced whole: the last second in which a request ended."""
        self._stirred: Callable[[], None] = _nothing
        self._quiet = False  # whether the next change is to be told; two may tell it, which is once
        self._unsampled: deque[float] | None = None  # appended to by any thread, taken by one

    def sample_with(self, stirred: Callable[[], None] | None) -> None:
        """Have `stirred` called at the first change after each `take_sample`; `None` ends that.

        It is called from any thread, under `lock` or not, by the collector too: it must be quick,
        and may not take a lock. A service in which nothing changes costs its sampler nothing.
        """
        self._unsampled = None if stirred is None else deque(maxlen=TIMES_SAMPLED)
        self._stirred = stirred or _nothing
        self._quiet = stirred is not None

    def take_sample(self) -> tuple[Totals, list[float]]:
        """The totals, and how long each request took that ended since the last call."""
        unsampled = self._unsampled
        self._quiet = unsampled is not None  # first: what changes from here on is told again
        times = [] if unsampled is None else [unsampled.popleft() for _ in range(len(unsampled))]
        with self.lock:
            totals = Totals(
                len(self.open),
                self.total,
                self.bytes_in,
                self.bytes_out,
                self.messages_in,
                self.messages_out,
                self.errors,
            )
        return totals, times

    def stir(self) -> None:
        """Something changed that a sample shows: called after each change."""
        if self._quiet:
            self._quiet = False
            self._stirred()

    def account(self, connection: Connection, more: list[int], now: float) -> None:
        """Add what a connection counted: bytes in and out, messages in and out, and how many of
        these were not recorded. Under `lock`.
        """
        self.bytes_in += more[0]
        self.bytes_out += more[1]
        self.messages_in += more[2]
        self.messages_out += more[3]
        self.unseen += more[4]
        bucket = self.bucket(now)
        bucket[2] += more[0]
        bucket[3] += more[1]
        bucket[4] += more[2]
        bucket[5] += more[3]
        if more[4] or bucket[4] + bucket[5] > self.messages_bound:
            self.notice()

    def bucket(self, now: float) -> Bucket:
        """The bucket of this second. Under `lock`."""
        if self._quiet:
            self.stir()
        second = int(now)
        buckets = self._buckets
        if not buckets or buckets[-1][0] < second:
            buckets.append([second, 0, 0, 0, 0, 0])
            if len(buckets) > 2 * BUCKETS_KEPT:
                del buckets[:-BUCKETS_KEPT]
        return buckets[-1]

    def messages_a_second(self, now: float) -> float:
        """How many messages went by in this second so far, or the last full one: the larger."""
        second = int(now)
        with self.lock:
            return max(
                (row[4] + row[5] for row in self._buckets[-2:] if row[0] >= second - 1), default=0
            )

    def handled(self, seconds: float) -> None:
        """One call of `handle` took this long; from any thread."""
        times = self._handling
        times.append(seconds)
        if len(times) > 2 * HANDLING_KEPT:
            del times[:-HANDLING_KEPT]
        unsampled = self._unsampled
        if unsampled is not None:
            unsampled.append(seconds)
            if self._quiet:
                self.stir()

    def rates(self, now: float) -> dict[str, Rates]:
        """The mean rates over the last 1, 10 and 60 full seconds."""
        from socketdeck.status import Rates

        with self.lock:
            buckets = [list(bucket) for bucket in self._buckets]
        last = int(now)
        found = {}
        for window in WINDOWS_SECONDS:
            rows = [row for row in buckets if last - window <= row[0] < last]
            sums = [sum(row[column] for row in rows) / window for column in range(1, 6)]
            found[f"{window}s"] = Rates.model_construct(
                connections=sums[0],
                bytes_in=sums[1],
                bytes_out=sums[2],
                messages_in=sums[3],
                messages_out=sums[4],
            )
        return found

    def handling(self) -> Handling:
        """How long `handle` took over the last finished requests."""
        from socketdeck.status import Handling

        times = sorted(self._handling[-HANDLING_KEPT:])
        if not times:
            return Handling.model_construct(latest=self.latest)
        p50, p95, p99 = (times[min(len(times) - 1, int(len(times) * q))] for q in (0.5, 0.95, 0.99))
        return Handling.model_construct(p50=p50, p95=p95, p99=p99, latest=self.latest)

    def tell_idle(self) -> None:
        """Wake who waits for connections to end; called whenever one has, or a deadline moved."""
        idle = self._idle
        if idle is not None:
            with idle:
                idle.notify_all()

    def wait_idle(
        self, deadline: Callable[[], float], busy: Callable[[], object] | None = None
    ) -> bool:
        """Block until no connection is open, or the deadline (monotonic); whether none is.

        `busy` asks something else than whether a connection is open. Both are asked again at each
        `tell_idle`.
        """
        busy = busy or (lambda: self.open)
        with self.lock:
            if not busy():
                return True
            if self._idle is None:
                self._idle = threading.Condition(self.lock)
            while busy():
                left = deadline() - time.monotonic()
                if left <= 0:
                    return False
                self._idle.wait(min(left, threading.TIMEOUT_MAX))
            return True


def _nothing() -> None:
    """For a service that is not told."""
