"""`host: process`, pinned to a core, against a stock server that the kernel moves about."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import partial

from benchmarks.child import Child
from benchmarks.compare import Contender, bytes_counted, data_drained, in_turn
from benchmarks.loadgen import Load
from benchmarks.measure import Line, at_least
from benchmarks.plan import Plan
from benchmarks.servers import managed, stock

LOAD = Load(connections=64)
RATE_AT_LEAST = 2.0


def run(plan: Plan) -> Iterator[Line]:
    """Requests a second over stock's, which nobody pins.

    The stock server pinned by hand, on the same core as a child, is all that pinning can bring.
    """
    handler = "echoes:BlockEcho"
    reference = partial(Child, stock.serve, None, server="ThreadingTCPServer", handler=handler)
    ours = partial(Child, managed.serve, None, handler=handler, concurrency="threading")
    contenders = {
        "stock (control)": Contender(reference),
        "stock, pinned by hand": Contender(
            partial(
                Child,
                stock.serve,
                plan.server_core,
                server="ThreadingTCPServer",
                handler=handler,
            )
        ),
        "thread, counters": Contender(partial(ours, level="counters"), bytes_counted),
    }
    hosted = {
        f"process, {level}": Contender(
            partial(ours, level=level, host="process"),
            data_drained if level == "payload" else bytes_counted,
        )
        for level in ("counters", "payload")
    }
    found = in_turn(reference, contenders | hosted, LOAD, plan, "pinned", pinned=False, visits=6)
    for name, series in found.items():
        p99_ms = statistics.median(outcome.p99_us for outcome in series.mine) / 1e3
        theirs_ms = statistics.median(outcome.p99_us for outcome in series.reference) / 1e3
        yield series.rate_line(
            name,
            at_least(RATE_AT_LEAST) if name in hosted else None,
            more=f"; p99 {p99_ms:.1f} / {theirs_ms:.1f} ms",
        )
