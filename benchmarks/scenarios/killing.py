"""Ending connections from outside while their handlers wait for data."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Iterator

from benchmarks.child import Child
from benchmarks.compare import Address, progress
from benchmarks.loadgen import Holder, Load
from benchmarks.measure import Line, at_most
from benchmarks.plan import Plan
from benchmarks.scenarios.idle import quantile
from benchmarks.servers import killing

ONE_BY_ONE = 100
MANY = 10_000
DESCRIPTORS_SPARE = 500
HOLD_SECONDS = 60.0


def run(plan: Plan) -> Iterator[Line]:
    """A hundred one by one, then 10,000 in one go; the clients are another process's."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = min(MANY, hard - DESCRIPTORS_SPARE)
    single: list[list[float]] = []
    seen: list[float] = []
    over: list[float] = []
    served: list[float] = []
    rounds = 1 if plan.quick else plan.rounds
    for turn in range(rounds):
        progress(f"killing: round {turn + 1} of {rounds}")
        with Child(killing.serve, plan.server_core, concurrency="threading") as child:
            port = Address.of(child).port
            with _held(port, ONE_BY_ONE, plan):
                single.append(child.ask("one by one", count=ONE_BY_ONE)["milliseconds"])
            with _held(port, many, plan) as holder:
                killed = child.ask("all", count=many)
                seen.append(holder.closed().last_gone - killed["began"])
                over.append(killed["over"] - killed["began"])
                served.append(holder.seconds)
    yield Line("one, p50", [statistics.median(round_) for round_ in single], unit="ms")
    yield Line(
        "one, p99", [quantile(round_, 0.99) for round_ in single], unit="ms", target=at_most(5)
    )
    yield Line(
        f"{many:,}: the last client has seen it",
        seen,
        unit="s",
        target=at_most(1.5),
        note=f"{statistics.median(served):.1f} s to open and serve them all",
    )
    yield Line(f"{many:,}: every handler has ended", over, unit="s", target=at_most(1.5))


def _held(port: int, connections: int, plan: Plan) -> Holder:
    target = Load(connections=connections).on(port)
    return Holder(target, seconds=HOLD_SECONDS, core=plan.load_core)
