"""Datagrams: a threading service without a thread a datagram, against stock's own two ways."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.child import Child
from benchmarks.compare import Contender, bytes_counted, data_drained, in_turn
from benchmarks.loadgen import Load
from benchmarks.measure import Line, at_least
from benchmarks.plan import Plan
from benchmarks.servers import managed, stock

LOAD = Load(kind="udp", connections=50)
RATE_AT_LEAST = 0.5
RECORDED = {"off": None, "counters": bytes_counted, "payload": data_drained}


def run(plan: Plan) -> Iterator[Line]:
    """Requests a second over those of stock's synchronous UDPServer, each alone."""
    core, handler = plan.server_core, "echoes:DatagramEcho"
    reference = partial(Child, stock.serve, core, server="UDPServer", handler=handler)
    threads = partial(Child, stock.serve, core, server="ThreadingUDPServer", handler=handler)
    ours = partial(Child, managed.serve, core, handler=handler, address="udp://127.0.0.1:0")
    contenders = {
        "stock, sync (control)": Contender(reference),
        "stock, threading": Contender(threads),
    }
    for level in ("off", "counters", "payload"):
        contenders[f"ours, threading, {level}"] = Contender(
            partial(ours, concurrency="threading", level=level), RECORDED[level]
        )
    contenders["ours, sync, counters"] = Contender(
        partial(ours, concurrency="sync", level="counters"), bytes_counted
    )
    for name, series in in_turn(reference, contenders, LOAD, plan, "datagrams").items():
        target = at_least(RATE_AT_LEAST) if name.startswith("ours, threading") else None
        yield series.rate_line(name, target)
