"""Two hundred live clients on one busy service, one of them a real browser, and one that stalls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import page, watchers
from benchmarks.child import Child
from benchmarks.compare import progress
from benchmarks.loadgen import Load, drive
from benchmarks.measure import Line, at_most
from benchmarks.panel import RunningPanel
from benchmarks.plan import Plan
from benchmarks.scenarios.idle import quantile
from socketdeck import Address
from socketdeck.journal import RING_EVENTS

CLIENTS = 200
EVENTS_PER_SECOND = 1_000
FILL_SECONDS = RING_EVENTS / EVENTS_PER_SECOND
LOAD = Load(connections=10, rate=EVENTS_PER_SECOND / 2)
P99_MS_AT_MOST = 250.0
CORES_AT_MOST = 0.5
OTHERS_AT_MOST = 1.2
GROWN_MIB_AT_MOST = 1.0
SERVICE = {"name": "measured", "address": "tcp://127.0.0.1:0", "handler": "echo"}


def run(plan: Plan) -> Iterator[Line]:
    """First without any, then all of them, then one reads no more; nothing is pinned."""
    seconds = 3.0 if plan.quick else 10.0
    clients = CLIENTS - 1
    with RunningPanel(LIVE_CLIENTS=str(CLIENTS)) as panel, ExitStack() as open_ones:
        service = panel.call("POST", "/services?start=true", SERVICE)
        port = Address.parse(service["status"]["address"]).port

        def load() -> float:
            """A window of load; how many cores the panel took meanwhile."""
            before = panel.cpu_seconds()
            driven = drive([LOAD.on(port)], seconds=seconds, warmup=0)
            return (panel.cpu_seconds() - before) / driven.outcomes[0].seconds

        load()
        alone = [load() for _ in range(plan.rounds)]
        browser = open_ones.enter_context(
            Child(page.watch, None, url=panel.url, token=panel.token, path="/services/measured")
        )
        browser.hear()
        crowd = open_ones.enter_context(
            Child(
                watchers.watch,
                None,
                url=panel.url,
                token=panel.token,
                service="measured",
                clients=clients,
            )
        )
        crowd.hear()
        load()
        crowd.ask("ages")
        p50, p99, cores, frames = [], [], [], 0
        for turn in range(plan.rounds):
            progress(f"clients: round {turn + 1} of {plan.rounds}")
            cores.append(load())
            found = crowd.ask("ages")
            assert not found["lost"], "live clients were cut off"
            milliseconds = [1e3 * age for age in found["ages"]]
            p50.append(quantile(milliseconds, 0.5))
            p99.append(quantile(milliseconds, 0.99))
            frames = found["frames"]
        note = f"{frames / seconds / clients:.0f} frames/s each, {EVENTS_PER_SECOND:,} events/s"
        # All that fills up with events is full by now: what comes on top is the client's.
        if not plan.quick:
            drive([LOAD.on(port)], seconds=FILL_SECONDS, warmup=0)
            crowd.ask("ages")
        crowd.ask("stall")
        before = panel.memory_mib()
        stalled, grown = [], []
        for turn in range(plan.rounds):
            progress(f"clients: one stalls, round {turn + 1} of {plan.rounds}")
            load()
            found = crowd.ask("ages")
            stalled.append(quantile([1e3 * age for age in found["ages"]], 0.99))
            grown.append(panel.memory_mib() - before)
    yield Line("oldest event of a frame, p50", p50, unit="ms", note=note)
    yield Line("oldest event of a frame, p99", p99, unit="ms", target=at_most(P99_MS_AT_MOST))
    yield Line("the panel without clients", alone, unit="cores")
    yield Line(
        "the panel with 200 clients, one a browser",
        cores,
        unit="cores",
        target=at_most(CORES_AT_MOST),
    )
    yield Line(
        "one stalls: the others' p99 over before",
        [one / other for one, other in zip(stalled, p99, strict=True)],
        target=at_most(OTHERS_AT_MOST),
    )
    yield Line(
        "one stalls: the panel has grown by",
        grown,
        unit="MiB",
        target=at_most(GROWN_MIB_AT_MOST),
    )
