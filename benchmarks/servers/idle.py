"""Many idle services in one process: what they cost while nothing happens, and to stop."""

from __future__ import annotations

import gc
import socketserver
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.child import Talk
from benchmarks.plan import HANDLERS
from benchmarks.servers.stock import handler_class, server_class
from socketdeck import Supervisor

Stop = Callable[[], None]


def unshared_mib() -> float:
    """Memory that this process alone has (smaps_rollup, proc(5)), in MiB, after a collection."""
    gc.collect()
    rows = (line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines())
    return sum(int(row[1]) for row in rows if row[0].startswith("Private_")) / 1024


def wake_ups() -> int:
    """How often any thread of this process has gone to sleep and been woken (proc(5))."""
    return sum(
        int(line.split()[1])
        for status in Path("/proc/self/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )


def _measure(
    talk: Talk, start: Callable[[], Stop], *, services: int, idle_seconds: float, stops: int
) -> list[Stop]:
    """Starts, waits, stops `stops` of them one by one; returns how to stop the rest."""
    bare = unshared_mib()
    began = time.perf_counter()
    stopping = [start() for _ in range(services)]
    start_ms = 1e3 * (time.perf_counter() - began) / services
    memory = unshared_mib() - bare
    time.sleep(0.5)  # whatever starting has left to do is not idling

    woken = wake_ups()
    began, cpu = time.perf_counter(), time.process_time()
    time.sleep(idle_seconds)
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    woken = wake_ups() - woken - 1  # our own sleep

    stop_ms = []
    for stop in stopping[:stops]:
        began = time.perf_counter()
        stop()
        stop_ms.append(1e3 * (time.perf_counter() - began))
    talk.say(
        start_ms=start_ms,
        memory_mib=memory,
        idle_percent=100 * cpu / seconds,
        wake_ups=woken / seconds,
        stop_ms=stop_ms,
    )
    return stopping[stops:]


def ours(talk: Talk, *, services: int, idle_seconds: float, stops: int) -> None:
    """The engine's, all with the defaults of a definition."""
    deck = Supervisor(handlers_folder=HANDLERS)
    names = iter(range(services))

    def start() -> Stop:
        service = deck.add(
            name=f"idle-{next(names)}", address="tcp://127.0.0.1:0", handler="echoes:BlockEcho"
        )
        service.start()

        def stop() -> None:
            service.stop()

        return stop

    _measure(talk, start, services=services, idle_seconds=idle_seconds, stops=stops)
    deck.shutdown(5)


def stock(talk: Talk, *, services: int, idle_seconds: float, stops: int) -> None:
    """Stock ThreadingTCPServer, `serve_forever` in a thread each, as its documentation has it."""
    handler = handler_class("echoes:BlockEcho")
    threading_server = server_class("ThreadingTCPServer")

    def start() -> Stop:
        server: socketserver.TCPServer = threading_server(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop

    left = _measure(talk, start, services=services, idle_seconds=idle_seconds, stops=stops)
    threads = [threading.Thread(target=stop) for stop in left]  # half a second each: all at once
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
