"""500 idle services: what they cost while nothing happens, and how soon each stops."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.child import Child
from benchmarks.compare import progress
from benchmarks.measure import Line, at_most
from benchmarks.plan import Plan
from benchmarks.servers import idle

SERVICES = 500
STOCK_STOPS = 10  # half a second each


def quantile(samples: list[float], q: float) -> float:
    """The least sample that a share `q` of all does not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def run(plan: Plan) -> Iterator[Line]:
    """A round is a process of its own: 500 started, left alone, stopped one by one."""
    idle_seconds = 1.0 if plan.quick else 6.0
    rounds = []
    for turn in range(plan.rounds):
        progress(f"idle: round {turn + 1} of {plan.rounds}")
        with Child(
            idle.ours,
            plan.server_core,
            services=SERVICES,
            idle_seconds=idle_seconds,
            stops=SERVICES,
        ) as child:
            rounds.append(child.hear())
    progress("idle: stock")
    with Child(
        idle.stock,
        plan.server_core,
        services=SERVICES,
        idle_seconds=2.0,
        stops=2 if plan.quick else STOCK_STOPS,
    ) as child:
        stock = child.hear()

    def line(
        what: str, unit: str, most: float | None, of: Callable[[dict[str, Any]], float]
    ) -> Line:
        target = None if most is None else at_most(most)
        note = f"stock {of(stock):.3g} {unit}"
        return Line(what, [of(found) for found in rounds], unit=unit, target=target, note=note)

    yield line("stop, p50", "ms", None, lambda found: statistics.median(found["stop_ms"]))
    yield line("stop, p99", "ms", 1.0, lambda found: quantile(found["stop_ms"], 0.99))
    yield line("idle CPU of 500, of a core", "%", 0.01, lambda found: found["idle_percent"])
    yield line("wake-ups of 500, a second", "/s", None, lambda found: found["wake_ups"])
    yield line("memory of 500", "MiB", 10.0 * 1e6 / 2**20, lambda found: found["memory_mib"])
    yield line("a start", "ms", None, lambda found: found["start_ms"])
