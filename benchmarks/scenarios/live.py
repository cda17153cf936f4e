"""From the socket to the page: how old an event is when the browser's end has it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks import browser
from benchmarks.child import Child
from benchmarks.compare import progress
from benchmarks.loadgen import Load, drive
from benchmarks.measure import Line, at_most
from benchmarks.panel import PanelFailed, RunningPanel
from benchmarks.plan import Plan
from benchmarks.scenarios.idle import quantile
from socketdeck import Address

EVENTS_PER_SECOND = 1000
LOAD = Load(connections=10, rate=EVENTS_PER_SECOND / 2)  # a request is two: in and out
P99_MS_AT_MOST = 100.0
SERVICE = {"name": "measured", "address": "tcp://127.0.0.1:0", "handler": "echo"}


def run(plan: Plan) -> Iterator[Line]:
    """A panel as it is served to people, one page open on a service; nothing is pinned."""
    seconds = 2.0 if plan.quick else 5.0
    p50, p99, shares, notes = [], [], [], ""
    with RunningPanel() as panel:
        service = panel.call("POST", "/services?start=true", SERVICE)
        port = Address.parse(service["status"]["address"]).port
        with Child(
            browser.follow, None, url=panel.url, token=panel.token, service=SERVICE["name"]
        ) as page:
            subscribed = page.hear()
            if not subscribed["ok"]:
                raise PanelFailed(f"the live link refused: {subscribed['answer']}")
            for turn in range(plan.rounds):
                progress(f"live: round {turn + 1} of {plan.rounds}")
                driven = drive([LOAD.on(port)], seconds=seconds, warmup=0)
                expected = 2 * driven.outcomes[0].completed
                found = page.ask("collect", expected=expected)
                milliseconds = [1e3 * latency for latency in found["latencies"]]
                p50.append(statistics.median(milliseconds))
                p99.append(quantile(milliseconds, 0.99))
                shares.append((found["messages"] + found["folded"]) / expected)
                notes = (
                    f"{expected / seconds:,.0f} events/s in {found['frames'] / seconds:.0f} "
                    f"frames/s, {found['folded']:,} folded"
                )
    yield Line("event to page, p50", p50, unit="ms", drained=min(shares), note=notes)
    yield Line(
        "event to page, p99",
        p99,
        unit="ms",
        target=at_most(P99_MS_AT_MOST),
        drained=min(shares),
    )
