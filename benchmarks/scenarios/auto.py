"""Level auto: how soon a hot service tells all again, once somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from benchmarks import browser
from benchmarks.child import Child
from benchmarks.compare import progress
from benchmarks.loadgen import Load, drive
from benchmarks.measure import Line, at_most
from benchmarks.panel import PanelFailed, RunningPanel
from benchmarks.plan import Plan
from socketdeck import Address

LOAD = Load(connections=50, rate=10_000)
WINDOW_SECONDS = 14.0
HOT_SECONDS = 5.0
COOLS_SECONDS = 8.0
SECONDS_AT_MOST = 1.0
SERVICE = {"name": "measured", "address": "tcp://127.0.0.1:0", "handler": "echo"}


def run(plan: Plan) -> Iterator[Line]:
    """A panel as it is served to people; a page's link is opened once the service is hot."""
    waited = []
    with RunningPanel() as panel:
        service = panel.call("POST", "/services?start=true", SERVICE)
        port = Address.parse(service["status"]["address"]).port
        for turn in range(plan.rounds):
            progress(f"auto: round {turn + 1} of {plan.rounds}")
            load = threading.Thread(
                target=drive,
                args=([LOAD.on(port)],),
                kwargs={"seconds": WINDOW_SECONDS, "warmup": 0},
            )
            load.start()
            threading.Event().wait(HOT_SECONDS)
            capture = panel.call("GET", "/services/measured")["status"]["capture"]
            if capture["effective"] != "counters":
                raise PanelFailed(f"the service is not hot: {capture}")
            with Child(
                browser.follow, None, url=panel.url, token=panel.token, service="measured"
            ) as page:
                subscribed = page.hear()
                first = page.ask("first")
                waited.append(first["at"] - subscribed["at"])
            load.join()
            threading.Event().wait(COOLS_SECONDS)
    yield Line(
        "from the subscription to the first message recorded",
        waited,
        unit="s",
        target=at_most(SECONDS_AT_MOST),
    )
