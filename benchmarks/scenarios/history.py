"""Whether writing history holds up a busy handler: latency at a steady pace, with and without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.child import Child
from benchmarks.compare import Contender, in_turn
from benchmarks.loadgen import Load, Outcome
from benchmarks.measure import Line, at_most
from benchmarks.plan import Plan
from benchmarks.servers import recorded

LOAD = Load(connections=50, rate=20_000)
P99_AT_MOST = 1.3


def _stored(
    load: Load, outcome: Outcome, before: Mapping[str, Any], after: Mapping[str, Any]
) -> float:
    """The share of all bytes echoed, both ways, that stands in the history."""
    stored: int = after["stored_bytes"] - before["stored_bytes"]
    return stored / (2 * load.size * outcome.completed)


def run(plan: Plan) -> Iterator[Line]:
    """p99 of 20,000 echoes a second over the same without history.

    Where the kernel places the threads, as it does for the panel, and pinned to one core.
    """
    # History writes once a second, and a window is half of this: it holds one of these writes.
    plan = replace(plan, seconds=2.0)
    for place, core in (("not pinned", None), ("pinned", plan.server_core)):
        without = partial(Child, recorded.serve, core, history=False)
        contenders = {
            "without history (control)": Contender(without),
            "history written": Contender(
                partial(Child, recorded.serve, core, history=True), _stored
            ),
        }
        title = f"history, {place}"
        found = in_turn(without, contenders, LOAD, plan, title, pinned=core is not None, visits=4)
        for name, series in found.items():
            slowest = min(outcome.rate for outcome in series.mine + series.reference)
            yield series.p99_line(
                f"p99, {place}: {name}",
                at_most(P99_AT_MOST) if name == "history written" else None,
                more=f"; at least {slowest:,.0f} requests/s",
            )
