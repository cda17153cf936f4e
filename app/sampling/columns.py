"""Samples laid out as the columns of a chart. Nothing here reads a clock or a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.store.series import KEPT_SECONDS, MINUTE, SECOND, Kept, Run, Sample
from socketdeck.histogram import quantiles
from socketdeck.tally import NOTHING, Totals

Window = Literal["1m", "15m", "24h"]
"""How far back a chart goes."""

WINDOWS: dict[Window, tuple[int, int]] = {
    "1m": (SECOND, 60),
    "15m": (SECOND, KEPT_SECONDS[SECOND]),
    "24h": (MINUTE, KEPT_SECONDS[MINUTE]),
}
"""The step and the length of each, in seconds."""

FIGURES = (
    "open",
    "connections",
    "bytes_in",
    "bytes_out",
    "messages_in",
    "messages_out",
    "errors",
    "p50",
    "p95",
    "p99",
)

QUANTILES = (0.5, 0.95, 0.99)

Numbers = list[float | None]


@dataclass(slots=True)
class Columns:
    """A value a step, `None` where nobody knows: the panel or the service was not there."""

    step: int
    start: int
    end: int
    """Seconds since the epoch; the last step ends here, perhaps before it is over."""
    since: float | None
    """When the service first did anything; `None`: it never did."""
    times: list[int] = field(default_factory=list)
    open: Numbers = field(default_factory=list)
    connections: Numbers = field(default_factory=list)
    bytes_in: Numbers = field(default_factory=list)
    bytes_out: Numbers = field(default_factory=list)
    messages_in: Numbers = field(default_factory=list)
    messages_out: Numbers = field(default_factory=list)
    errors: Numbers = field(default_factory=list)
    p50: Numbers = field(default_factory=list)
    p95: Numbers = field(default_factory=list)
    p99: Numbers = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    totals: Totals = NOTHING
    """What was counted in this run of the panel by the last step's end."""

    def by_name(self) -> dict[str, Numbers]:
        """The columns of figures, by their names."""
        return {name: getattr(self, name) for name in FIGURES}

    def lay(
        self, samples: Iterable[Kept], runs: Sequence[Run], level: tuple[int, int] | None
    ) -> None:
        """Lay out the samples, of the steps from `start` on.

        Of those of one run and step the last counts, those of two runs are added. `level` has the
        number of a run and how many connections were open in it when the first step begins; a
        panel that restarts has none.
        """
        by_step = _by_step(samples)
        level_run, is_open = level or (0, 0)
        runs = sorted(runs, key=lambda run: run.began)
        self.restarts = [run.began for run in runs if run.restarted and run.began >= self.start]
        coming = iter(runs)
        following = next(coming, None)
        known_until = float("-inf")
        for at in range(self.start, self.end, self.step):
            until = min(at + self.step, self.end)
            is_known = known_until > at
            while following is not None and following.began < until:
                is_known = is_known or following.ended > at
                known_until = max(known_until, following.ended)
                if following.restarted and following.number > level_run:
                    is_open = 0
                following = next(coming, None)
            sample = by_step.get(at)
            if sample is None:
                if not is_known or self.since is None or until <= self.since:
                    self._put_unknown(at)
                    continue
                sample = Sample(is_open, is_open)
            is_open = sample.open
            self._put(at, until - at, sample)

    def _put(self, at: int, seconds: int, sample: Sample) -> None:
        self.times.append(at)
        self.open.append(sample.most)
        self.connections.append(sample.connections / seconds)
        self.bytes_in.append(sample.bytes_in / seconds)
        self.bytes_out.append(sample.bytes_out / seconds)
        self.messages_in.append(sample.messages_in / seconds)
        self.messages_out.append(sample.messages_out / seconds)
        self.errors.append(sample.errors)
        p50, p95, p99 = quantiles(sample.handled, QUANTILES) or (None, None, None)
        self.p50.append(p50)
        self.p95.append(p95)
        self.p99.append(p99)

    def _put_unknown(self, at: int) -> None:
        self.times.append(at)
        for column in self.by_name().values():
            column.append(None)


def _by_step(samples: Iterable[Kept]) -> dict[int, Sample]:
    newest = {(kept.at, kept.run): kept.sample for kept in samples}
    by_step: dict[int, Sample] = {}
    for (at, _), sample in sorted(newest.items(), key=lambda item: item[0]):
        known = by_step.get(at)
        if known is None:
            by_step[at] = sample
        else:
            known.add(sample)
    return by_step
