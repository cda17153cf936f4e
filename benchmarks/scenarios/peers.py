"""Where stock, the engine and others stand on the same echo, each alone on its core."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.child import Child
from benchmarks.compare import Contender, bytes_counted, in_turn
from benchmarks.loadgen import Load
from benchmarks.measure import Line
from benchmarks.plan import Plan
from benchmarks.servers import managed, peers, stock

LOADS = {
    "64 B, 50 connections": Load(connections=50),
    "short connections": Load(kind="short", connections=50),
}


def run(plan: Plan) -> Iterator[Line]:
    """Requests a second over stock's, no targets: orientation, and the generator's own limit."""
    core = plan.server_core
    reference = partial(
        Child, stock.serve, core, server="ThreadingTCPServer", handler="echoes:BlockEcho"
    )
    ours = partial(Child, managed.serve, core, level="counters", handler="echoes:BlockEcho")
    contenders = {
        "stock (control)": Contender(reference),
        "ours, threading, counters": Contender(
            partial(ours, concurrency="threading"), bytes_counted
        ),
        "ours, pool, counters": Contender(partial(ours, concurrency="pool"), bytes_counted),
        "asyncio streams": Contender(partial(Child, peers.asyncio_streams, core)),
        "asyncio protocol": Contender(partial(Child, peers.asyncio_protocol, core)),
        "C with epoll (the limit)": Contender(partial(Child, peers.epoll_in_c, core)),
    }
    for load_name, load in LOADS.items():
        found = in_turn(reference, contenders, load, plan, "peers", visits=1)
        for name, series in found.items():
            busy = f"; generator busy {max(series.busy):.0%} at most"
            yield series.rate_line(f"{load_name}: {name}", more=busy)
