"""Short connections: a pool's threads, used again, against a thread started for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from benchmarks.child import Child
from benchmarks.compare import Contender, at_once, in_turn
from benchmarks.loadgen import Load, Outcome
from benchmarks.measure import Line, at_least
from benchmarks.plan import Plan
from benchmarks.servers import managed, stock

LOAD = Load(kind="short", connections=50)
RATE_AT_LEAST = 2.3


def lives_drained(
    load: Load, outcome: Outcome, before: Mapping[str, Any], after: Mapping[str, Any]
) -> float:
    """The share of all connections whose opening and closing arrived at the reader."""
    lives: int = sum(after[kind] - before[kind] for kind in ("opened", "closed"))
    return lives / (2 * outcome.completed)


def run(plan: Plan) -> Iterator[Line]:
    """Connections a second over stock's, each alone; then CPU a connection, both at once."""
    core, handler = plan.server_core, "echoes:BlockEcho"
    reference = partial(Child, stock.serve, core, server="ThreadingTCPServer", handler=handler)
    ours = partial(Child, managed.serve, core, handler=handler)
    pools = {
        f"pool, {level}": Contender(
            partial(ours, concurrency="pool", level=level),
            None if level == "off" else lives_drained,
        )
        for level in ("off", "counters", "payload")
    }
    control = {"stock (control)": Contender(reference)}
    threads = {
        "threading, counters": Contender(
            partial(ours, concurrency="threading", level="counters"), lives_drained
        )
    }
    found = in_turn(reference, control | pools | threads, LOAD, plan, "pool")
    for name, series in found.items():
        target = at_least(RATE_AT_LEAST) if name in pools else None
        yield series.rate_line(f"rate: {name}", target, of="connections")
    pairs = at_once(reference, control | pools, {"": LOAD}, plan, "pool")
    for (_, name), series in pairs.items():
        yield series.cpu_line(f"CPU: {name}")
