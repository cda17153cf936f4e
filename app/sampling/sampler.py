"""`Sampler`: takes samples of services while something changes in them, and has them kept.

Its thread sleeps until a service says that something changed (`Tally.sample_with`), then to the end
of that second, and takes samples once a second of those in which something changed, until there are
none. So a stopped or an idle service costs nothing, and a panel full of them one wake-up a minute,
by which it notes that it is there. What was sampled is written every ten seconds: that much is lost
where the panel is killed.

The samples wait in memory where the database cannot be written to. They are taken by the clock on
the wall, as people read them: where it jumps, as when a machine was asleep, a run of the panel ends
and another begins, so that nobody takes the time between for one in which nothing happened.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from weakref import WeakSet

from app.sampling.columns import QUANTILES, WINDOWS, Columns, Window
from app.sampling.record import Record
from app.store import StoreError
from app.store.breather import Breather
from app.store.series import MINUTE, Kept, SeriesStore
from socketdeck import Service
from socketdeck.histogram import Bins, add_bins, bins_of, quantiles
from socketdeck.status import HandlingSecond
from socketdeck.tally import NOTHING

SETTLE_SECONDS = 0.1
"""After a second's end: what happened in it is counted by then (`Journal`'s window, twice)."""

WRITE_SECONDS = 10.0
IDLE_WRITE_SECONDS = 60.0
JUMP_SECONDS = 5.0
"""By more than this the clock on the wall goes on differently from the monotonic one: it was set,
or the machine was asleep."""

SPREAD_SECONDS = 30
"""What was missed for longer is not spread any further back."""

TIMES_AT_A_STRETCH = 2_000
CLOSE_SECONDS = 10.0
BEFORE_SECONDS = 2 * MINUTE
"""Samples by the second are read from so far before a chart's beginning: of how many connections
were open then, the last full minute tells the rest."""

log = logging.getLogger(__name__)


class Sampler:
    """Samples the services that call `stirred`. Its maker starts it, and closes it.

    `_lock` guards `_records`, which only the thread writes to. `_writing` is held over each write
    on purpose: a service that was forgotten must not be written after that.
    """

    def __init__(
        self,
        store: SeriesStore,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin a run of the panel; raises `StoreError`."""
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._stirred: SimpleQueue[Service | None] = SimpleQueue()  # `put` may be the collector's
        self._waiting: set[Service] = set()  # those that stirred since the last turn
        self._closing = threading.Event()
        self._forgotten: WeakSet[Service] = WeakSet()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._records: dict[str, Record] = {}
        self._since = store.since()
        self._unwritten_since: dict[str, float] = {}
        self._breather = Breather()
        now = clock()
        self._run = store.begin_run(now, restarted=True)
        self._skew = now - monotonic()
        self._seen_at = now  # when it last looked at the clock
        self._written_at = monotonic()
        self._pruned_at = float("-inf")
        self._sampled = int(now) - 1
        """The last second of which all is sampled, while something changes."""
        self._busy = False
        self._changed = False
        """Whether there is something to write."""
        self._failing = False
        self._thread = threading.Thread(target=self._live, name="socketdeck-sampler", daemon=True)

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def close(self) -> None:
        """Take the last samples and write them. Blocks, for `CLOSE_SECONDS` at most."""
        self._closing.set()
        self._stirred.put(None)
        if self._thread.ident is not None:
            self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log.error("the last samples could not be written: the disk does not answer")
            return
        if self.turn(self._clock() + 1 + SETTLE_SECONDS):
            self.write()

    def stirred(self, service: Service) -> None:
        """Something changed in a service; from any thread, in whatever it is at."""
        self._stirred.put(service)

    @contextlib.contextmanager
    def forgetting(self, service: Service) -> Iterator[None]:
        """Sample a service no more, and write nothing of it, from when its definition is deleted.

        That is done within, and what is on the disk goes with it; where it raises, nothing is
        forgotten. Blocks for a write that is under way; none begins meanwhile.
        """
        with self._writing:
            yield
            service.tally.sample_with(None)
            with self._lock:
                self._forgotten.add(service)
                self._records.pop(service.name, None)
                self._since.pop(service.name, None)
                self._unwritten_since.pop(service.name, None)

    # -- questions ----------------------------------------------------------------------------

    def series(self, name: str, window: Window, after: int | None = None) -> Columns:
        """The columns of a service's chart, of the steps from `after` on where that is given.

        From any thread; blocks for short reads of the database. `StoreError` may rise.
        """
        step, length = WINDOWS[window]
        now = self._clock()
        end = self._sampled + 1 if self._busy else int(now)
        start = (end - length + step - 1) // step * step
        if after is not None:
            start = max(start, min(end, after // step * step))
        with self._lock:
            record = self._records.get(name)
            run = self._run._replace(ended=max(now, self._run.began))
            held = record.held(step, run.number) if record is not None else []
            since = self._since.get(name)
            totals = record.totals if record is not None else NOTHING
        columns = Columns(step, start, end, since, totals=totals)
        runs = {found.number: found for found in self._store.runs(after=start)}
        runs[run.number] = run
        first = start if step == MINUTE else start - BEFORE_SECONDS
        samples = [*self._store.samples(name, step, first), *held] if since is not None else []
        level = self._level(name, start, samples)
        if level is None and not samples and run.began <= start:
            level = (run.number, totals.open)  # nothing has changed for longer than is kept
        columns.lay((kept for kept in samples if kept.at >= start), list(runs.values()), level)
        return columns

    def _level(self, name: str, start: int, samples: list[Kept]) -> tuple[int, int] | None:
        """How many connections were open at a time, and in which run, where that is kept."""
        before = [kept for kept in samples if kept.at < start]
        if not before and (minute := self._store.last_minute(name, start)) is not None:
            before = [minute]
        if not before:
            return None
        last = max(before, key=lambda kept: (kept.run, kept.at))
        return last.run, last.sample.open

    # -- the thread ---------------------------------------------------------------------------

    def _live(self) -> None:
        while not self._closing.is_set():
            try:
                self._wait()
                if self._closing.is_set():
                    return
                if self.turn(self._clock()):
                    self._write_if_due()
            except Exception:
                log.exception("samples could not be taken")
                self._closing.wait(1.0)

    def _wait(self) -> None:
        """Sleep to the end of this second, or while all is quiet until it is not."""
        if not self._busy:
            try:
                service = self._stirred.get(timeout=self._write_in())
            except Empty:
                return
            if service is not None:
                self._waiting.add(service)
            self._sampled = int(self._clock()) - 1
            self._busy = True
        now = self._clock()
        self._closing.wait(int(now) + 1 + SETTLE_SECONDS - now)

    def turn(self, now: float) -> bool:
        """Sample the services in which something changed, for the seconds that are over at `now`.

        Returns whether it could: where a run cannot be ended, what happens waits in the tallies.
        Called by its thread, and by tests that are their own clock.
        """
        if not self._mind_jump(now):
            return False
        with contextlib.suppress(Empty):
            while True:
                stirred = self._stirred.get_nowait()
                if stirred is not None:
                    self._waiting.add(stirred)
        at = int(now - SETTLE_SECONDS / 2) - 1
        seconds = min(SPREAD_SECONDS, max(1, at - self._sampled))
        self._busy = bool(self._waiting)
        while self._waiting:  # one that is dropped unsampled would not stir again
            self._take(self._waiting.pop(), at, seconds)
            self._breather.breathe()
        self._sampled = at
        return True

    def _take(self, service: Service, at: int, seconds: int) -> None:
        totals, times = service.tally.take_sample()
        handled: Bins = {}
        for start in range(0, len(times), TIMES_AT_A_STRETCH):
            add_bins(handled, bins_of(times[start : start + TIMES_AT_A_STRETCH]))
            self._breather.breathe()
        name = service.name
        with self._lock:
            if service in self._forgotten:
                return
            record = self._records.get(name)
            if record is None or record.service is not service:
                record = self._records[name] = Record(service)
            record.take(at, seconds, totals, handled)
            if name not in self._since:
                self._since[name] = self._unwritten_since[name] = float(at)
                self._changed = True
            self._changed = self._changed or record.changed
        found = quantiles(handled, QUANTILES)
        if found is not None:
            p50, p95, p99 = found
            service.tally.latest = HandlingSecond.model_construct(
                second=at, p50=p50, p95=p95, p99=p99
            )

    def _mind_jump(self, now: float) -> bool:
        """Where the clock jumped, what is sampled from here on is of another run.

        Returns whether it is: the old one is to be written first, and is tried again otherwise.
        """
        skew = now - self._monotonic()
        if abs(skew - self._skew) > JUMP_SECONDS:
            if not self.write(at=self._seen_at):
                return False
            try:
                run = self._store.begin_run(now, restarted=False)
            except StoreError as error:
                self._fail(error)
                return False
            with self._lock:
                self._run = run
                for record in self._records.values():
                    record.leave_run()
            self._sampled = int(now) - 2
        self._skew = skew
        self._seen_at = now
        return True

    # -- writing ------------------------------------------------------------------------------

    def _write_in(self) -> float:
        """In how many seconds there is something to write, at the latest."""
        pause = WRITE_SECONDS if self._changed else IDLE_WRITE_SECONDS
        return max(0.0, self._written_at + pause - self._monotonic())

    def _write_if_due(self) -> None:
        if self._write_in() <= 0:
            self.write()

    def write(self, at: float | None = None) -> bool:
        """Write what was sampled, and that the panel runs still, now or `at` that time.

        Returns whether that was done: what cannot be written is written with what comes next.
        """
        now = self._clock() if at is None else at
        self._written_at = self._monotonic()
        with self._writing:
            changed = [record for record in self._records.values() if record.changed]
            blocks = [block for record in changed for block in record.blocks()]
            try:
                self._store.write(self._run, now, blocks, self._unwritten_since)
                if now - self._pruned_at >= IDLE_WRITE_SECONDS:
                    self._store.prune(now)
                    self._pruned_at = now
            except StoreError as error:
                self._fail(error)
                return False
            with self._lock:
                for record in changed:
                    record.written()
                self._unwritten_since.clear()
                self._changed = False
        if self._failing:
            log.warning("series are written again")
            self._failing = False
        return True

    def _fail(self, error: StoreError) -> None:
        if not self._failing:
            log.error("%s; it is tried again", error)
        self._failing = True
