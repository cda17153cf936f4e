"""Datagrams: a flow for each peer, what is counted of it, and how it ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import socketdeck.watch
from socketdeck import Supervisor

from .conftest import Connect, Serve
from .transcript import Transcript

LEVELS = ["off", "counters", "events", "payload"]
CONCURRENCIES = ["sync", "threading", "pool"]


@pytest.fixture(params=["udp", "unixgram"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "udp://127.0.0.1:0" if request.param == "udp" else f"unixgram://{tmp_path}/s"


@pytest.fixture
def name(address: str) -> str | None:
    """What a client binds, to be answered: on Unix a name of the kernel's choice (unix(7))."""
    return None if address.startswith("udp") else ""


# -- flows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_a_peer_has_one_flow(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    address: str,
    name: str | None,
    concurrency: str,
) -> None:
    service = serve("upper", address, concurrency=concurrency)
    client = connect(service, name)
    for word in (b"one", b"two", b"three"):
        assert client.send(word).receive() == word.upper()
    flow = deck.connection(events.opened(client))
    view = flow.view()
    assert view.transport == address.partition(":")[0]
    assert view.peer == client.name
    assert view.state == "open"
    assert view.kernel is None
    assert (view.bytes.in_, view.bytes.out) == (11, 11)
    assert (view.messages.in_, view.messages.out) == (3, 3)
    assert service.status().connections.total == 1
    assert [
        (event.data["direction"], event.data["data"])
        for event in events.now("connection.data", connection=flow.id)
    ] == [
        ("in", b"one"),
        ("out", b"ONE"),
        ("in", b"two"),
        ("out", b"TWO"),
        ("in", b"three"),
        ("out", b"THREE"),
    ]


def test_each_peer_has_its_own(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve("echo", "udp://127.0.0.1:0")
    clients = [connect(service) for _ in range(5)]
    for number, client in enumerate(clients):
        for _ in range(number + 1):
            assert client.send(b"x").receive() == b"x"
    for number, client in enumerate(clients):
        assert deck.connection(events.opened(client)).messages_in == number + 1
    assert service.status().connections.open == 5


def test_unnamed_senders_share_one(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, tmp_path: Path
) -> None:
    service = serve("discard", f"unixgram://{tmp_path}/s")
    for _ in range(3):
        connect(service).send(b"from nobody")
    events.wait("connection.data", count=3)
    (opened,) = events.now("connection.opened")
    assert opened.data["peer"] is None
    assert opened.connection is not None
    flow = deck.connection(opened.connection)
    assert flow.messages_in == 3
    assert flow.view().peer is None


def test_abstract_names_are_shown_with_what_does_not_print_escaped(
    serve: Serve, connect: Connect, events: Transcript, tmp_path: Path
) -> None:
    service = serve("echo", f"unixgram://{tmp_path}/s")
    name = f"\0socketdeck \x1b[2J {time.monotonic_ns()}"
    client = connect(service, name)
    assert client.send(b"hello").receive() == b"hello"
    shown = events.wait("connection.opened").data["peer"]
    assert shown == "@" + name[1:].replace("\x1b", "\\x1b")


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_seen_at_each_level(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, level: str
) -> None:
    service = serve("echo", "udp://127.0.0.1:0", capture={"level": level, "bytes": 3})
    client = connect(service)
    assert client.send(b"hello").receive() == b"hello"
    (flow,) = deck.connections.open()
    assert flow.peer == client.name
    service.stop()  # the answer is counted when the handler has returned
    messages = (flow.bytes_in, flow.bytes_out, flow.messages_in, flow.messages_out)
    assert messages == ((0, 0, 0, 0) if level == "off" else (5, 5, 1, 1))
    told = [event.data for event in events.now("connection.data", connection=flow.id)]
    if level == "payload":
        assert [data["data"] for data in told] == [b"hel", b"hel"]
        assert all(data["truncated"] for data in told)
    elif level == "events":
        assert [data["data"] for data in told] == [None, None]
    else:
        assert told == []


def test_a_handler_that_fails_leaves_the_flow_open(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    for concurrency in CONCURRENCIES:
        service = serve("obedient:ObedientDatagram", "udp://127.0.0.1:0", concurrency=concurrency)
        client = connect(service)
        client.send(b"raise something")
        client.send(b"exit")
        number = events.opened(client)
        events.wait("connection.error", connection=number, type="ValueError")
        events.wait("connection.error", connection=number, type="SystemExit")
        # DatagramRequestHandler sends what there is of an answer, whatever became of `handle`.
        assert [client.receive(), client.receive()] == [b"", b""]
        assert client.send(b"hello").receive() == b"hello"
        assert deck.connection(number).is_open
        assert service.status().errors == 2
        assert service.state == "running"


def test_a_handler_that_answers_somebody_else_opens_a_flow_to_them(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve("obedient:Forwarder", "udp://127.0.0.1:0")
    sender, other = connect(service), connect(service)
    host, port = other.socket.getsockname()
    sender.send(f"{host} {port} hello".encode())
    assert other.receive() == b"hello"
    theirs = deck.connection(events.opened(other))
    assert (theirs.messages_in, theirs.messages_out) == (0, 1)


# -- how they end ---------------------------------------------------------------------------------


def test_a_killed_flow_is_forgotten_and_the_next_datagram_opens_another(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    address: str,
    name: str | None,
) -> None:
    service = serve("echo", address)
    client = connect(service, name)
    client.send(b"hello").receive()
    first = events.opened(client)
    deck.connection(first).close()
    assert events.closed(first)["reason"] == "killed"
    assert service.status().connections.open == 0
    assert client.send(b"again").receive() == b"again"
    second = events.opened(client)
    assert second != first
    assert deck.connection(second).messages_in == 1
    assert deck.connection(first).messages_in == 1


def test_flows_end_with_the_service(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve("echo", "udp://127.0.0.1:0")
    for _ in range(3):
        connect(service).send(b"hello").receive()
    service.stop()
    assert service.status().closed == {"service_stopped": 3}
    assert service.status().connections.open == 0


def test_the_table_of_flows_is_bounded(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socketdeck.watch, "FLOWS", 3)
    service = serve("echo", "udp://127.0.0.1:0")
    clients = [connect(service) for _ in range(5)]
    for client in clients:
        assert client.send(b"hello").receive() == b"hello"
    numbers = [events.opened(client) for client in clients]
    for number in numbers[:2]:
        assert events.closed(number)["reason"] == "flow_expired"
    status = service.status()
    assert status.connections.open == 3
    assert status.closed == {"flow_expired": 2}
    assert clients[0].send(b"back").receive() == b"back"
    assert events.closed(numbers[2])["reason"] == "flow_expired"


# -- idle -----------------------------------------------------------------------------------------


class Clock:
    """The time that flows are judged by, and the timers that wait for it; the test tells it."""

    def __init__(self) -> None:
        self.now = time.time()
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.timers.append((self.now + seconds, callback))

    def pass_(self, seconds: float) -> None:
        """Time goes on, and what is due meanwhile is called at its time."""
        until = self.now + seconds
        while self.timers and min(self.timers, key=_when)[0] <= until:
            due = min(self.timers, key=_when)
            self.timers.remove(due)
            self.now = max(self.now, due[0])
            due[1]()
        self.now = until


def _when(timer: tuple[float, Any]) -> float:
    return timer[0]


@pytest.fixture
def clock(deck: Supervisor, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the engine, from now on."""
    clock = Clock()
    monkeypatch.setattr(deck, "_timekeeper", clock)
    for module in ("flows", "service", "connections", "watch", "journal"):
        played = type("time", (), {**vars(time), "time": clock.time})
        monkeypatch.setattr(f"socketdeck.{module}.time", played)
    return clock


@pytest.mark.parametrize("level", LEVELS)
def test_an_idle_flow_expires(
    clock: Clock, serve: Serve, connect: Connect, deck: Supervisor, events: Transcript, level: str
) -> None:
    service = serve("echo", "udp://127.0.0.1:0", capture={"level": level})
    quiet, talker = connect(service), connect(service)
    for client in (quiet, talker):
        assert client.send(b"hello").receive() == b"hello"
    flows = {found.peer: found for found in deck.connections.open()}
    for _ in range(4):
        events.now()  # the counters are settled
        clock.pass_(10)
        assert talker.send(b"still here").receive() == b"still here"
    assert flows[quiet.name].close_reason == "flow_expired"
    assert flows[talker.name].is_open
    assert len(clock.timers) == 1
    events.now()
    clock.pass_(31)
    assert flows[talker.name].close_reason == "flow_expired"
    assert clock.timers == [], "nothing is looked at where there are no flows"


def test_one_timer_does_for_all_flows_ever(
    clock: Clock, serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve("echo", "udp://127.0.0.1:0")
    client = connect(service)
    for number in range(1, 11):
        assert client.send(b"hello").receive() == b"hello"
        events.wait("connection.opened", connection=number)
        deck.connection(number).close()
    assert len(clock.timers) == 1
    service.restart()
    assert connect(service).send(b"hello").receive() == b"hello"
    events.wait("connection.opened", connection=11)
    assert len(clock.timers) == 1
    clock.pass_(70)
    assert events.closed(11)["reason"] == "flow_expired"
    assert clock.timers == []


def test_connections_do_not_expire_as_flows_do(
    clock: Clock, serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve("echo", "udp://127.0.0.1:0")
    connect(service).send(b"hello").receive()
    deck.replace(
        service.name, service.definition.model_copy(update={"address": "tcp://127.0.0.1:0"})
    )
    service.restart()
    client = connect(service)
    assert client.send(b"hello").receive() == b"hello"
    clock.pass_(100)
    assert client.send(b"still here").receive() == b"still here"
    assert deck.connection(events.opened(client)).is_open


# -- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 8_192, 65_507])
def test_datagrams_of_every_size(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, size: int
) -> None:
    service = serve("echo", "udp://127.0.0.1:0")
    client = connect(service)
    sent = bytes(size)
    assert client.send(sent).receive() == sent
    flow = deck.connection(events.opened(client))
    assert (flow.bytes_in, flow.bytes_out) == (size, size)
    assert (flow.messages_in, flow.messages_out) == (1, 1)
    data = events.wait("connection.data", connection=flow.id, direction="in").data
    assert data["length"] == size
    assert data["data"] == sent[:256]
    assert data["truncated"] is (size > 256)


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool", "forking"])
def test_what_is_longer_than_max_datagram_is_cut_and_said_to_be(
    serve: Serve, connect: Connect, events: Transcript, concurrency: str
) -> None:
    limits = {"max_datagram": 10}
    service = serve("echo", "udp://127.0.0.1:0", limits=limits, concurrency=concurrency)
    client = connect(service)
    assert client.send(b"0123456789abcdef").receive() == b"0123456789"
    cut = events.wait("connection.data", direction="in").data
    assert (cut["length"], cut["data"], cut["truncated"]) == (16, b"0123456789", True)
    assert client.send(b"9876543210").receive() == b"9876543210"
    whole = events.wait("connection.data", direction="in", count=2).data
    assert (whole["length"], whole["data"], whole["truncated"]) == (10, b"9876543210", False)


def test_a_unix_datagram_may_be_longer_than_any_other(
    serve: Serve, connect: Connect, events: Transcript, tmp_path: Path
) -> None:
    service = serve("discard", f"unixgram://{tmp_path}/s", capture={"bytes": 0})
    connect(service).send(bytes(100_000))
    cut = events.wait("connection.data").data
    assert (cut["length"], len(cut["data"]), cut["truncated"]) == (100_000, 65_507, True)


def test_an_answer_that_cannot_be_sent_is_no_end(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    """Its port is closed, and the kernel tells the server by ICMP (udp(7), ECONNREFUSED)."""
    service = serve("echo", "udp://127.0.0.1:0")
    gone = connect(service)
    gone.send(b"hello")
    number = events.opened(gone)
    gone.close()
    for _ in range(3):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as passing:
            assert service.address is not None
            passing.sendto(b"bye", service.address.connect_to())
    client = connect(service)
    assert client.send(b"hello").receive() == b"hello"
    assert deck.connection(number).is_open
    assert service.state == "running"


def test_a_unix_client_whose_queue_is_full_holds_up_nobody(
    serve: Serve, connect: Connect, events: Transcript, tmp_path: Path
) -> None:
    """Some ten datagrams wait for one that is not connected back (unix(7), max_dgram_qlen)."""
    service = serve("echo", f"unixgram://{tmp_path}/s", concurrency="sync")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind("")  # a name of the kernel's choice
        for _ in range(1_000):
            deaf.sendto(b"hello", f"{tmp_path}/s")
            if events.now("service.log"):
                break
        assert "no answer to" in events.wait("service.log").data["text"]
        client = connect(service, "")
        assert client.send(b"hello").receive() == b"hello"
