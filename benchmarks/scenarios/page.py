"""The service page in a real browser, beside 10,000 open connections and 5,000 events a second."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import page
from benchmarks.child import Child
from benchmarks.compare import progress
from benchmarks.loadgen import Drive, Holder, Load, drive
from benchmarks.measure import Line, at_most
from benchmarks.panel import PanelFailed, RunningPanel
from benchmarks.plan import Plan
from benchmarks.scenarios.idle import quantile
from socketdeck import Address

OPEN = 10_000
DESCRIPTORS_SPARE = 1_000
EVENTS_PER_SECOND = 5_000
TALKING = Load(connections=50, rate=EVENTS_PER_SECOND / 2)  # a request is two: in and out
SECONDS = 600.0
QUICK_SECONDS = 30.0
ROUND_SECONDS = 20.0
FRAME_MS_AT_MOST = 16.0
HEAP_AT_MOST = 1.1
REST_MS_AT_MOST = 100.0
REST_PAUSE_SECONDS = 0.25
SERVICE = {"name": "measured", "address": "tcp://127.0.0.1:0", "handler": "echo"}


def run(plan: Plan) -> Iterator[Line]:
    """Ten minutes of it, as a page that is left open; nothing is pinned."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = min(OPEN, hard // 2 - DESCRIPTORS_SPARE)
    seconds = QUICK_SECONDS if plan.quick else SECONDS
    with RunningPanel() as panel:
        service = panel.call("POST", "/services?start=true", SERVICE)
        port = Address.parse(service["status"]["address"]).port
        held = Load(connections=connections).on(port)
        with (
            Holder(held, seconds=seconds + 120),
            Child(
                page.watch, None, url=panel.url, token=panel.token, path="/services/measured"
            ) as browser,
            Driving(port, seconds) as driving,
            Asking(panel) as asking,
        ):
            browser.hear()
            rounds, heaps = [], []
            until = time.monotonic() + seconds - 2 * ROUND_SECONDS / 10
            while time.monotonic() < until:
                left = until - time.monotonic()
                progress(f"page: {left:.0f} s left")
                length = min(ROUND_SECONDS, max(1.0, left), seconds / 5)
                rounds.append(browser.ask("frames", seconds=length))
                heaps.append(browser.ask("heap")["bytes"])
        drove = driving.outcome()
    outcome = drove.outcomes[0]
    note = (
        f"{connections:,} open, {2 * outcome.rate:,.0f} events/s, "
        f"{sum(len(found['work']) for found in rounds):,} frames"
    )
    yield Line(
        "a frame's work, p95",
        [quantile(found["work"], 0.95) for found in rounds],
        unit="ms",
        target=at_most(FRAME_MS_AT_MOST),
        note=note,
        others=drove.others,
    )
    yield Line(
        "between two frames, p95", [quantile(found["gaps"], 0.95) for found in rounds], unit="ms"
    )
    yield Line(
        "tasks above 50 ms a minute",
        [len(found["long"]) * 60e3 / max(1.0, sum(found["gaps"])) for found in rounds],
        unit="",
    )
    half = len(heaps) // 2
    yield Line(
        "heap in the second half over the first",
        [sum(heaps[half:]) / len(heaps[half:]) / (sum(heaps[:half]) / max(1, half))],
        target=at_most(HEAP_AT_MOST),
        note=f"{heaps[0] / 2**20:.1f} MiB at first, {heaps[-1] / 2**20:.1f} MiB at the end",
    )
    yield Line(
        "a page of connections over REST, p99",
        [quantile(asking.milliseconds, 0.99)],
        unit="ms",
        target=at_most(REST_MS_AT_MOST),
        note=f"{len(asking.milliseconds):,} calls",
    )


class Driving:
    """A load in the background, for so many seconds."""

    def __init__(self, port: int, seconds: float) -> None:
        self._drive: Drive | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(port, seconds), daemon=True)

    def _run(self, port: int, seconds: float) -> None:
        try:
            self._drive = drive([TALKING.on(port)], seconds=seconds, warmup=0)
        except BaseException as error:
            self._error = error

    def outcome(self) -> Drive:
        """Blocks until it is over."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._drive is not None
        return self._drive

    def __enter__(self) -> Driving:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


class Asking:
    """Asks for a page of connections again and again; `milliseconds` are what that took."""

    PATHS = (
        "/connections?service=measured&limit=50",
        "/connections?service=measured&sort=-bytes_in&limit=50",
        "/connections?service=measured&state=all&q=127.0.0.1&limit=50",
    )

    def __init__(self, panel: RunningPanel) -> None:
        self._panel = panel
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.milliseconds: list[float] = []
        self.failed: PanelFailed | None = None

    def _run(self) -> None:
        turn = 0
        while not self._over.wait(REST_PAUSE_SECONDS):
            began = time.perf_counter()
            try:
                answer: Any = self._panel.call("GET", self.PATHS[turn % len(self.PATHS)])
            except PanelFailed as error:
                self.failed = error
                return
            assert answer["items"]
            self.milliseconds.append(1e3 * (time.perf_counter() - began))
            turn += 1

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self.failed is not None:
            raise self.failed
