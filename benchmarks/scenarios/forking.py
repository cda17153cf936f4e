"""A forking service in its clean child, against stock forking in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from benchmarks.child import Child
from benchmarks.compare import Address, Contender, in_turn, progress
from benchmarks.loadgen import Load, drive
from benchmarks.measure import Line, at_least, at_most
from benchmarks.plan import Plan
from benchmarks.scenarios.pool import lives_drained
from benchmarks.servers import managed, stock

CONNECTIONS = 2000
AT_A_TIME = 20
LONGEST_SECONDS = 60.0


def run(plan: Plan) -> Iterator[Line]:
    """Connections a second over stock's; then 2,000 connections, each accounted for."""
    core, handler = plan.server_core, "echoes:BlockEcho"
    reference = partial(Child, stock.serve_forking, core, handler=handler)
    ours = partial(Child, managed.serve, core, handler=handler, concurrency="forking")
    contenders = {
        "stock, forking (control)": Contender(reference),
        "ours, counters": Contender(partial(ours, level="counters"), lives_drained),
        "ours, payload": Contender(partial(ours, level="payload"), lives_drained),
    }
    load = Load(kind="short", connections=AT_A_TIME)
    for name, series in in_turn(reference, contenders, load, plan, "forking").items():
        target = at_least(1.0) if name.startswith("ours") else None
        line = series.rate_line(f"rate: {name}", target, of="connections")
        # Children that have ended are on no clock: they would pass for somebody else's work.
        yield replace(line, others=None)

    lost = []
    notes = {}
    rounds = 1 if plan.quick else plan.rounds
    for turn in range(rounds):
        progress(f"forking: {CONNECTIONS} connections, round {turn + 1} of {rounds}")
        with ours(level="payload") as child:
            address = Address.of(child)
            limited = Load(kind="short", connections=AT_A_TIME, limit=CONNECTIONS)
            driven = drive(
                [limited.on(address.port)], seconds=LONGEST_SECONDS, warmup=0, core=plan.load_core
            )
            counts = child.ask("counts", open=0, total=CONNECTIONS)
        served = driven.outcomes[0].completed
        lost.append(float(2 * served - counts["opened"] - counts["closed"]))
        notes = {name: counts[name] for name in ("opened", "closed", "dropped")} | {
            "served": served
        }
    yield Line(
        f"{CONNECTIONS:,} connections: events lost",
        lost,
        unit="",
        target=at_most(0),
        drained=1 - max(lost) / (2 * CONNECTIONS),
        note=", ".join(f"{name} {count:,}" for name, count in notes.items()),
    )
