"""Two ways to compare servers under the same load.

At once: the reference and another server share one core and are driven by one generator over
one window, with as many requests each, and their CPU a request is compared. Whatever else the
machine does hits both alike, so the quotient of two equal servers stays within a few percent of
1 where rates measured one after another differ by ten.

In turn: each server has its core for itself, one after another, again and again, and each is
compared with what the reference did right before and right after it, since a machine's pace wanders
within seconds. This is what a user sees, and it is noisier.

Either way every round starts its servers anew, so that the luck of one process (its addresses
in memory) is part of the spread and no part of the median.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.child import Child
from benchmarks.loadgen import Drive, Load, Outcome, drive
from benchmarks.measure import Line, Target
from benchmarks.plan import Plan

Start = Callable[[], Child]

EVEN_PER_CONNECTION = 4
"""How far apart two servers at once may get: a few requests for each connection, so that every one
of them stays busy while the slower server catches up."""


@dataclass
class Series:
    """All rounds of one server against the reference under one load."""

    mine: list[Outcome] = field(default_factory=list)
    reference: list[Outcome] = field(default_factory=list)
    drained: list[float] = field(default_factory=list)  # shares, 0 to 1
    busy: list[float] = field(default_factory=list)  # of the load generator, 0 to 1
    others: list[float] = field(default_factory=list)  # cores busy with something else

    def cpu_line(self, what: str, target: Target | None = None) -> Line:
        """CPU a request over the reference's."""
        mine = statistics.median(outcome.cpu_us for outcome in self.mine)
        theirs = statistics.median(outcome.cpu_us for outcome in self.reference)
        ratios = self._ratios(lambda outcome: outcome.cpu_us)
        return self.line(what, ratios, f"{mine:.1f} / {theirs:.1f} us", target)

    def rate_line(
        self, what: str, target: Target | None = None, of: str = "requests", more: str = ""
    ) -> Line:
        """Rate over the reference's."""
        rate = statistics.median(outcome.rate for outcome in self.mine)
        ratios = self._ratios(lambda outcome: outcome.rate)
        return self.line(what, ratios, f"{rate:,.0f} {of}/s{more}", target)

    def p99_line(self, what: str, target: Target | None = None, more: str = "") -> Line:
        """p99 latency over the reference's."""
        mine = statistics.median(outcome.p99_us for outcome in self.mine)
        theirs = statistics.median(outcome.p99_us for outcome in self.reference)
        ratios = self._ratios(lambda outcome: outcome.p99_us)
        return self.line(what, ratios, f"{mine:,.0f} / {theirs:,.0f} us{more}", target)

    def line(
        self, what: str, samples: Sequence[float], note: str, target: Target | None = None
    ) -> Line:
        """A line of these samples, with what is known of all rounds beside it."""
        faults = sum(outcome.faults for outcome in self.mine)
        return Line(
            what,
            samples,
            target=target,
            drained=min(self.drained, default=None),
            note=note + (f"; {faults:,} requests FAILED" if faults else ""),
            others=statistics.median(self.others),
        )

    def _ratios(self, of: Callable[[Outcome], float]) -> list[float]:
        pairs = zip(self.mine, self.reference, strict=True)
        return [of(mine) / of(theirs) for mine, theirs in pairs]


@dataclass(frozen=True)
class Contender:
    """A server to start, and how much of what it recorded is asked of it after each run.

    `recorded` maps an outcome and the counts before and after it to the share drained.
    """

    start: Start
    recorded: Callable[[Load, Outcome, Mapping[str, Any], Mapping[str, Any]], float] | None = None
    heat: float = 0.0
    """Seconds of load before its window, beside the plan's warm-up."""


def data_drained(
    load: Load, outcome: Outcome, before: Mapping[str, Any], after: Mapping[str, Any]
) -> float:
    """The share of all bytes echoed, both ways, that arrived at the reader as events."""
    drained: int = after["drained_bytes"] - before["drained_bytes"]
    return drained / (2 * load.size * outcome.completed)


def bytes_counted(
    load: Load, outcome: Outcome, before: Mapping[str, Any], after: Mapping[str, Any]
) -> float:
    """The share of all bytes echoed, both ways, that the service's counters account for."""
    counted: int = after["counted_bytes"] - before["counted_bytes"]
    return counted / (2 * load.size * outcome.completed)


def counts_after(
    child: Child, before: Mapping[str, Any], load: Load, outcome: Outcome
) -> Mapping[str, Any]:
    """The server's counts once it has seen the end of every connection of this run."""
    if load.kind == "udp":
        return child.ask("counts")  # flows end by being idle, a minute from now
    connections = outcome.completed if load.kind == "short" else 0
    return child.ask("counts", open=0, total=before.get("total", 0) + connections)


def at_once(
    reference: Start,
    contenders: Mapping[str, Contender],
    loads: Mapping[str, Load],
    plan: Plan,
    title: str,
) -> dict[tuple[str, str], Series]:
    """Drives the reference beside each contender, both on the server core, under each load."""
    found = {(load, name): Series() for load in loads for name in contenders}
    for turn in range(plan.rounds):
        progress(f"{title}: round {turn + 1} of {plan.rounds}")
        with ExitStack() as stack:
            first = stack.enter_context(reference())
            others = {
                name: stack.enter_context(contender.start())
                for name, contender in contenders.items()
            }
            addresses = {child: Address.of(child) for child in (first, *others.values())}
            for load_name, load in loads.items():
                for name, contender in contenders.items():
                    pair = [first, others[name]]
                    # Who is served first within the window alternates between rounds.
                    order = pair if turn % 2 == 0 else pair[::-1]
                    before = others[name].ask("counts")
                    driven = drive_all(
                        [(addresses[child], load) for child in order],
                        replace(plan, warmup=plan.warmup + contender.heat),
                        even=EVEN_PER_CONNECTION * load.connections,
                    )
                    outcomes = dict(zip(order, driven.outcomes, strict=True))
                    after = counts_after(others[name], before, load, outcomes[others[name]])
                    series = found[load_name, name]
                    series.reference.append(outcomes[first])
                    series.mine.append(outcomes[others[name]])
                    series.busy.append(driven.busy)
                    series.others.append(driven.others)
                    if contender.recorded is not None:
                        outcome = outcomes[others[name]]
                        series.drained.append(contender.recorded(load, outcome, before, after))
    return found


def in_turn(
    reference: Start,
    contenders: Mapping[str, Contender],
    load: Load,
    plan: Plan,
    title: str,
    *,
    pinned: bool = True,
    visits: int = 3,
) -> dict[str, Series]:
    """Drives each server alone: the reference, and then each contender and the reference again.

    Each contender is visited `visits` times a round, for half a window. The generator is pinned to
    its core unless `pinned` is false.
    """
    found = {name: Series() for name in contenders}
    core = plan.load_core if pinned else None
    brief = replace(plan, seconds=plan.seconds / 2, warmup=plan.warmup / 2)
    for turn in range(plan.rounds):
        progress(f"{title}: round {turn + 1} of {plan.rounds}")
        with ExitStack() as stack:
            first = stack.enter_context(reference())
            others = {
                name: stack.enter_context(contender.start())
                for name, contender in contenders.items()
            }
            addresses = {child: Address.of(child) for child in (first, *others.values())}
            for _ in range(1 if plan.quick else visits):
                theirs = drive_all([(addresses[first], load)], brief, core)
                for name, child in others.items():
                    before = child.ask("counts")
                    mine = drive_all([(addresses[child], load)], brief, core)
                    after = counts_after(child, before, load, mine.outcomes[0])
                    earlier, theirs = theirs, drive_all([(addresses[first], load)], brief, core)
                    found[name].reference.append(earlier.outcomes[0].joined(theirs.outcomes[0]))
                    found[name].mine.append(mine.outcomes[0])
                    found[name].busy.append(mine.busy)
                    found[name].others.append(mine.others)
                    recorded = contenders[name].recorded
                    if recorded is not None:
                        share = recorded(load, mine.outcomes[0], before, after)
                        found[name].drained.append(share)
    return found


@dataclass(frozen=True)
class Address:
    """Where a child serves, and the processes whose CPU time is its cost."""

    port: int
    pids: Sequence[int]

    @classmethod
    def of(cls, child: Child) -> Address:
        """Waits for the child's first message."""
        ready = child.hear()
        return cls(ready["port"], sorted({child.pid, *ready.get("pids", ())}))


PINNED = -1
TRIES = 5


class MachineTooBusy(Exception):
    """A server was not let run at all, again and again: there is nothing to measure."""


def drive_all(
    targets: Sequence[tuple[Address, Load]],
    plan: Plan,
    core: int | None = PINNED,
    even: int = 0,
) -> Drive:
    """One window of the plan on all targets at once, from the load core unless told.

    A window in which some server answered nothing is repeated, longer each time; what was done
    in it stays in `completed`. Raises MachineTooBusy.
    """
    completed = [0] * len(targets)
    for attempt in range(1, TRIES + 1):
        driven = drive(
            [load.on(address.port, address.pids) for address, load in targets],
            seconds=plan.seconds * attempt,
            warmup=plan.warmup,
            core=plan.load_core if core == PINNED else core,
            even=even,
        )
        completed = [
            done + outcome.completed
            for done, outcome in zip(completed, driven.outcomes, strict=True)
        ]
        if all(outcome.requests for outcome in driven.outcomes):
            outcomes = [
                replace(outcome, completed=done)
                for done, outcome in zip(completed, driven.outcomes, strict=True)
            ]
            return replace(driven, outcomes=outcomes)
    raise MachineTooBusy(
        f"in {TRIES} windows of up to {plan.seconds * TRIES:g} s some server had no turn; "
        "measure when less else is running"
    )


def progress(text: str) -> None:
    """Says on a terminal what is being done; each line replaces the last."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
