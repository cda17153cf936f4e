"""CPU a request of an echo at each level of capture, against stock at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.child import Child
from benchmarks.compare import (
    Contender,
    Start,
    at_once,
    bytes_counted,
    data_drained,
    in_turn,
)
from benchmarks.loadgen import Load
from benchmarks.measure import Line, at_most
from benchmarks.plan import Plan
from benchmarks.servers import managed, stock

TARGETS = {"off": 1.01, "counters": 1.02, "auto": 1.05, "events": 1.19, "payload": 1.40}

HEAT = 1.5
"""Seconds of load after which level `auto` counts, and no more."""

BY_COUNT = {"off": None, "counters": bytes_counted, "auto": bytes_counted}

BLOCKS = {
    "64 B, 50 connections": Load(connections=50),
    "64 B, 1 connection": Load(connections=1),
    "64 B, 200 connections": Load(connections=200),
    "16 KiB, 50 connections": Load(connections=50, size=16384),
    "16 KiB, 1 connection": Load(connections=1, size=16384),
    "16 KiB, 200 connections": Load(connections=200, size=16384),
}
LINES = {"64 B lines, 50 connections": Load(connections=50)}


def run(plan: Plan) -> Iterator[Line]:
    """Targets stand at 50 connections; 1 and 200 stand beside them."""
    for handler, loads in (("echoes:BlockEcho", BLOCKS), ("echoes:LineEcho", LINES)):
        reference = partial(
            Child, stock.serve, plan.server_core, server="ThreadingTCPServer", handler=handler
        )
        contenders = {"stock": Contender(reference)}
        for level in TARGETS:
            start = partial(
                Child,
                managed.serve,
                plan.server_core,
                level=level,
                handler=handler,
                concurrency="threading",
            )
            recorded = BY_COUNT.get(level, data_drained)
            contenders[level] = Contender(start, recorded, HEAT if level == "auto" else 0.0)
        if plan.quick:
            loads = {name: load for name, load in loads.items() if load.connections == 50}
        found = at_once(reference, contenders, loads, plan, "echo")
        for load_name, load in loads.items():
            for name in contenders:
                limit = TARGETS.get(name) if load.connections == 50 else None
                yield found[load_name, name].cpu_line(
                    f"{load_name}: {_label(name)}", None if limit is None else at_most(limit)
                )
        if handler == "echoes:BlockEcho":
            yield from _rates(reference, contenders, plan)


def _rates(reference: Start, contenders: dict[str, Contender], plan: Plan) -> Iterator[Line]:
    """Requests a second of each alone, where the targets stand."""
    for size in ("64 B", "16 KiB"):
        load = BLOCKS[f"{size}, 50 connections"]
        found = in_turn(reference, contenders, load, plan, "echo", visits=2)
        for name, series in found.items():
            yield series.rate_line(f"requests/s, {size}, 50 connections: {_label(name)}")


def _label(name: str) -> str:
    return "stock (control)" if name == "stock" else name
