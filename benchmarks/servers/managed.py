"""The engine, driven as its user would: a supervisor, one service, one reader of its journal."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.child import Talk
from benchmarks.plan import HANDLERS
from benchmarks.servers.drain import Drain
from socketdeck import Address, Service, Supervisor
from socketdeck.collector import leave_out_what_is_loaded

OPEN_SECONDS = 10.0


def serve(talk: Talk, /, *, level: str = "payload", **fields: Any) -> None:
    """One service with these fields of a definition, until the parent is done.

    Any question is answered with what the service counted and what the drain received.
    """
    deck = Supervisor(handlers_folder=HANDLERS)
    drain = Drain(deck.journal)
    fields = {"address": "tcp://127.0.0.1:0", "capture": {"level": level}} | fields
    service = deck.add(name="measured", **fields)
    service.start()
    status = service.status()
    assert status.address is not None
    leave_out_what_is_loaded()  # as the panel does
    talk.say(port=Address.parse(status.address).port, pids=status.pids)
    while (asked := talk.hear()) is not None:
        if "open" in asked:
            wait_until_open(service, asked["open"], total=asked.get("total", 0))
        drain.catch_up()
        status = service.status()
        talk.say(
            opened=drain.kinds["connection.opened"],
            closed=drain.kinds["connection.closed"],
            total=status.connections.total,
            open=status.connections.open,
            counted_bytes=status.bytes.in_ + status.bytes.out,
            drained_bytes=drain.bytes,
            drained_messages=drain.messages,
            dropped=drain.dropped,
        )
    deck.shutdown(5)
    drain.close()


def wait_until_open(service: Service, count: int, total: int = 0) -> None:
    """Blocks until exactly `count` connections are open of at least `total`, 10 s at most.

    A client can be done before the server has noticed, and a child process before its parent has.
    """
    deadline = time.monotonic() + OPEN_SECONDS
    while time.monotonic() < deadline:
        connections = service.status().connections
        if connections.open == count and connections.total >= total:
            return
        time.sleep(0.01)
