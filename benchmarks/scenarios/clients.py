"""Two hundred live clients on one busy service, one of them a real browser, and one that stalls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

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
    with RunningPanel(LIVE_CLIENTS=str(CLIENTS)) as panel:
        service = panel.call("POST", "/services?start=true", SERVICE)
        scene = Scene(panel, Address.parse(service["status"]["address"]).port, plan)
        scene.window()
        alone = [scene.window() for _ in range(plan.rounds)]
        where = {"url": panel.url, "token": panel.token}
        with (
            Child(page.watch, None, **where, path="/services/measured") as browser,
            Child(watchers.watch, None, **where, service="measured", clients=CLIENTS - 1) as crowd,
        ):
            browser.hear()
            crowd.hear()
            scene.window()
            watched = scene.rounds(crowd, "all read")
            if not plan.quick:
                # All that fills up with events is full by now: what comes on top is the client's.
                drive([scene.target], seconds=FILL_SECONDS, warmup=0)
            before = panel.memory_mib()
            usual = scene.rounds(crowd, "all read on")
            crowd.ask("stall")
            stalled = scene.rounds(crowd, "one stalls")
    note = f"{watched.frames:.0f} frames/s each, {EVENTS_PER_SECOND:,} events/s"
    yield Line("oldest event of a frame, p50", watched.p50, unit="ms", note=note)
    yield Line(
        "oldest event of a frame, p99", watched.p99, unit="ms", target=at_most(P99_MS_AT_MOST)
    )
    yield Line("the panel without clients", alone, unit="cores")
    yield Line(
        "the panel with 200 clients, one a browser",
        watched.cores,
        unit="cores",
        target=at_most(CORES_AT_MOST),
    )
    yield Line(
        "one stalls: the others' p99 over before",
        [one / other for one, other in zip(stalled.p99, watched.p99, strict=True)],
        target=at_most(OTHERS_AT_MOST),
    )
    yield Line(
        "one stalls: the panel grows more by",
        [
            (memory - usual.memory[-1]) - (alike - before)
            for memory, alike in zip(stalled.memory, usual.memory, strict=True)
        ],
        unit="MiB",
        target=at_most(GROWN_MIB_AT_MOST),
    )


@dataclass
class Watched:
    """What was seen in some windows: ages of events in ms, cores, and MiB at each one's end."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    frames: float = 0.0
    """A second, for each client, in the last window."""


class Scene:
    """A panel with one service, under load a window at a time."""

    def __init__(self, panel: RunningPanel, port: int, plan: Plan) -> None:
        self._panel = panel
        self._plan = plan
        self._seconds = 3.0 if plan.quick else 10.0
        self.target = LOAD.on(port)

    def window(self) -> float:
        """A window of load; how many cores the panel took meanwhile."""
        before = self._panel.cpu_seconds()
        driven = drive([self.target], seconds=self._seconds, warmup=0)
        return (self._panel.cpu_seconds() - before) / driven.outcomes[0].seconds

    def rounds(self, crowd: Child, what: str) -> Watched:
        """What the clients of a crowd saw, in as many windows as the plan has rounds."""
        watched = Watched()
        crowd.ask("ages")
        for turn in range(self._plan.rounds):
            progress(f"clients: {what}, round {turn + 1} of {self._plan.rounds}")
            watched.cores.append(self.window())
            found = crowd.ask("ages")
            assert not found["lost"], "live clients were cut off"
            milliseconds = [1e3 * age for age in found["ages"]]
            watched.p50.append(quantile(milliseconds, 0.5))
            watched.p99.append(quantile(milliseconds, 0.99))
            watched.memory.append(self._panel.memory_mib())
            watched.frames = found["frames"] / self._seconds / CLIENTS
        return watched
