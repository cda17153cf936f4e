"""Who waits to be served: in the kernel's backlog, or in a pool's queue; and how it is told."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from socketdeck import Journal, Service, Supervisor
from socketdeck.connections import Connection, ConnectionTable
from socketdeck.tally import Tally

from .conftest import Connect, Serve
from .transcript import Transcript

POOLS: list[dict[str, Any]] = [{"host": "thread"}, {"host": "process"}]
pool = pytest.mark.parametrize("place", [pytest.param(place, id=place["host"]) for place in POOLS])


def serve_by_one_thread(serve: Serve, place: dict[str, Any], **fields: Any) -> Service:
    return serve(concurrency="pool", pool_size=1, name="pool", **place, **fields)


# -- a pool's queue -------------------------------------------------------------------------------


@pool
def test_one_that_waits_says_so_and_is_told_of_when_it_is_served(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, place: dict[str, Any]
) -> None:
    service = serve_by_one_thread(serve, place)
    first = connect(service)
    assert first.ask("thread") == "pool-1"
    second = connect(service).say("thread")
    number = events.opened(second)
    opened = events.wait("connection.opened", connection=number).data
    assert opened == {"peer": second.name, "local": opened["local"], "waiting": True}
    so_far = deck.connection(number).view()
    assert so_far.thread is None
    assert so_far.waited is not None
    assert so_far.waited > 0
    first.end()

    assert second.line() == "pool-1"
    served = events.wait("connection.served", connection=number).data
    pid = int(second.ask("pid"))
    assert served == {"waited": served["waited"], "thread": "pool-1", "pid": pid}
    assert served["waited"] >= so_far.waited
    assert events.kinds(connection=number)[:2] == ["connection.opened", "connection.served"]
    second.end()
    assert events.closed(number)["duration"] > served["waited"]
    assert deck.connection(number).view().waited == served["waited"]


@pool
def test_one_that_need_not_wait_costs_no_event_more(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, place: dict[str, Any]
) -> None:
    service = serve(concurrency="pool", pool_size=2, **place)
    clients = [connect(service) for _ in range(2)]
    for client in clients:
        client.ask("hello")
        client.end()
    for number in (1, 2):
        events.closed(number)
        assert events.kinds(connection=number).count("connection.served") == 0
        assert "waiting" not in events.wait("connection.opened", connection=number).data
        assert deck.connection(number).view().waited is None


def test_one_that_ends_while_it_waits_has_waited_all_its_life(journal: Journal) -> None:
    table = ConnectionTable(journal)
    connection = Connection(table, Tally(), "pool", "tcp", 1, ("127.0.0.1", 1), None, 256)
    connection.waits = True
    table.opened(connection)
    table.closed(connection)
    view = connection.view()
    assert view.waited == view.duration


def test_at_level_off_it_is_known_though_not_told(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve_by_one_thread(serve, {}, capture={"level": "off"})
    first = connect(service)
    first.ask("hello")
    second = connect(service).say("hello")
    first.end()
    assert second.line() == "hello"
    (found,) = (one for one in service.tally.open.values() if one.peer == second.name)
    assert found.view().waited is not None
    assert events.now("connection.served") == []


# -- what a child says ----------------------------------------------------------------------------


def test_a_forked_child_is_named_at_once(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="forking")
    for number in (1, 2):
        client = connect(service)
        pid = int(client.ask("pid"))
        client.end()
        opened = events.wait("connection.opened", connection=number).data
        assert opened == {"peer": client.name, "local": opened["local"], "pid": pid}
        assert pid != os.getpid()


@pytest.mark.parametrize(
    "claim",
    [
        {"waited": -1.0, "thread": "t", "pid": 1},
        {"waited": math.inf, "thread": "t", "pid": 1},
        {"waited": math.nan, "thread": "t", "pid": 1},
        {"waited": "long", "thread": "t", "pid": 1},
        {"waited": 1.0, "thread": ["t"], "pid": 1},
        {"waited": 1.0, "thread": "t", "pid": "1"},
        {"thread": "t", "pid": 1},
    ],
)
def test_what_a_child_claims_is_no_event_unless_it_is_one(
    own_folder: Path, journal: Any, connect: Connect, claim: dict[str, Any]
) -> None:
    """A handler may find the wire, and write to it what it likes."""
    (own_folder / "claiming.py").write_text(
        "import json, os, socket\n"
        "from socketserver import StreamRequestHandler\n"
        "from obedient import Obedient\n"
        f"CLAIM = {claim!r}\n".replace("inf", "float('inf')").replace("nan", "float('nan')")
        + "class Claiming(StreamRequestHandler):\n"
        "    def handle(self):\n"
        "        self.rfile.readline()\n"
        "        text = json.dumps([['connection.served', 0, 2, CLAIM]])\n"
        "        for number in map(int, os.listdir('/proc/self/fd')):\n"
        "            try:\n"
        "                found = socket.socket(fileno=os.dup(number))\n"
        "            except OSError:\n"
        "                continue\n"
        "            with found:\n"
        "                if found.type == socket.SOCK_SEQPACKET:\n"
        "                    found.send(text.encode())\n"
        "        self.rfile.readline()\n"
    )
    fields: dict[str, Any] = {"host": "process", "concurrency": "pool", "pool_size": 1}
    with Supervisor(handlers_folder=own_folder, journal=journal) as deck:
        events = Transcript(journal)
        service = deck.add(
            name="claiming", address="tcp://127.0.0.1:0", handler="claiming:Claiming", **fields
        )
        service.start()
        first = connect(service)
        events.opened(first)
        number = events.opened(connect(service))
        first.say("now")
        assert events.wait("events.dropped").data["count"] == 1
        assert deck.connection(number).view().thread is None
        assert events.now("connection.served") == []
        service.stop(0)
        events.close()


# -- the kernel's backlog -------------------------------------------------------------------------

WAYS: list[dict[str, Any]] = [
    {"concurrency": "sync"},
    {"concurrency": "sync", "host": "process"},
    {"concurrency": "sync", "address": "unix"},
    {"concurrency": "sync", "host": "process", "address": "unix"},
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way.values()))
def test_the_backlog_and_its_limit(
    serve: Serve, connect: Connect, tmp_path: Path, way: dict[str, Any]
) -> None:
    address = f"unix://{tmp_path}/s" if way.get("address") else "tcp://127.0.0.1:0"
    service = serve(**(way | {"address": address}), limits={"backlog": 7})
    waiting = service.status().connections.waiting
    assert (waiting.backlog, waiting.backlog_limit) == (0, 7)
    connect(service).ask("hello")
    for count in (1, 2, 3):
        connect(service)
        assert service.status().connections.waiting.backlog == count


def test_forking_leaves_in_the_backlog_those_it_has_no_child_for(
    serve: Serve, connect: Connect, events: Transcript, own_folder: Path
) -> None:
    service = serve(concurrency="forking")
    clients = [connect(service).say("pid") for _ in range(41)]
    pids = {client.line() for client in clients[:40]}
    assert len(pids) == 40  # socketserver's own bound, ForkingMixIn.max_children
    assert service.status().connections.waiting.backlog == 1
    clients[0].end()
    assert clients[40].line() not in pids


def test_datagrams_have_none(serve: Serve) -> None:
    service = serve("obedient:ObedientDatagram", "udp://127.0.0.1:0")
    waiting = service.status().connections.waiting
    assert (waiting.backlog, waiting.backlog_limit) == (None, None)
