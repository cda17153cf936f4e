"""Connections that are ended from outside while their handlers wait for data."""

from __future__ import annotations

import resource
import time

from benchmarks.child import Talk
from benchmarks.plan import HANDLERS
from benchmarks.servers.managed import wait_until_open
from socketdeck import Supervisor
from socketdeck.address import Address
from socketdeck.connections import Connection

PATIENCE_SECONDS = 30.0


def serve(talk: Talk, *, concurrency: str) -> None:
    """Answers `kill` with when it began and was over (monotonic), for `count` connections.

    A connection is over when its handler has returned and its socket is closed.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    deck = Supervisor(handlers_folder=HANDLERS)
    service = deck.add(
        name="measured",
        address="tcp://127.0.0.1:0",
        handler="echoes:BlockEcho",
        concurrency=concurrency,
    )
    service.start()
    status = service.status()
    assert status.address is not None
    talk.say(port=Address.parse(status.address).port)
    while (asked := talk.hear()) is not None:
        wait_until_open(service, asked["count"])
        connections = deck.connections.open()
        if asked["ask"] == "one by one":
            talk.say(milliseconds=[_kill_one(connection) for connection in connections])
            continue
        began = time.monotonic()
        for connection in connections:
            connection.close()
        called = time.monotonic()
        while service.status().connections.open and time.monotonic() < began + PATIENCE_SECONDS:
            time.sleep(0.002)
        talk.say(began=began, called=called, over=time.monotonic(), count=len(connections))
    deck.shutdown(5)


def _kill_one(connection: Connection) -> float:
    began = time.perf_counter()
    connection.close()
    while connection.is_open and time.perf_counter() < began + 1:
        time.sleep(0.00005)
    return 1e3 * (time.perf_counter() - began)
