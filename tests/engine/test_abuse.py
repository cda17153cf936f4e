"""Clients that do what they should not: the service goes on, and says what happened."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct
import threading
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socketdeck import Address, Service, Supervisor

from .client import PATIENCE_SECONDS, Client
from .conftest import Connect, Serve
from .transcript import Transcript

STREAM_HANDLERS = ["echo", "upper", "chat", "http", "discard", "daytime", "chargen", "greeting"]
CONCURRENCIES = ["sync", "threading", "pool"]


def still_serves(service: Service) -> None:
    """Somebody who behaves is served, by whatever handler it is."""
    assert service.state == "running"
    assert service.address is not None
    with Client(service.address) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(OSError):
            client.end()
        while client.receive():
            pass


# -- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", STREAM_HANDLERS)
def test_random_bytes(serve: Serve, connect: Connect, events: Transcript, handler: str) -> None:
    options = {"max_bytes": 1000} if handler == "chargen" else {}
    service = serve(handler, options=options)
    count = 10
    for _ in range(count):
        client = connect(service)
        with contextlib.suppress(OSError):
            client.send(os.urandom(5_000))
            client.end()
            client.rest()
        client.close()
    for number in range(1, count + 1):
        events.closed(number)
    still_serves(service)
    service.stop()
    status = service.status()
    assert status.connections.total == count + 1
    assert status.bytes.in_ <= count * 5_000 + 18
    assert "handler_error" not in status.closed


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
@pytest.mark.parametrize("handler", ["echo", "chargen", "http"])
def test_a_reset_at_any_moment(
    serve: Serve, connect: Connect, events: Transcript, handler: str, concurrency: str
) -> None:
    # More than all buffers hold, so that every reset meets a server that sends.
    options = {"max_bytes": 20_000_000} if handler == "chargen" else {}
    service = serve(handler, options=options, concurrency=concurrency)
    moments = [0, 1, 100, 60_000]
    for sent in moments:
        client = connect(service)
        client.send(bytes(sent))
        client.reset()
    events.wait("connection.closed", count=len(moments))
    still_serves(service)
    service.stop()
    status = service.status()
    assert sum(status.closed.values()) == status.connections.total == len(moments) + 1
    assert status.closed.get("client_reset", 0) >= 1
    assert set(status.closed) <= {"client_reset", "server_closed", "client_closed"}


def test_a_reset_before_it_was_accepted(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve("echo", concurrency="sync")
    first = connect(service)
    assert first.send(b"hello").receive() == b"hello"
    for _ in range(20):
        connect(service).reset()
    first.end()
    still_serves(service)
    service.stop()
    status = service.status()
    assert sum(status.closed.values()) == status.connections.total
    assert set(status.closed) <= {"client_reset", "client_closed"}


@pytest.mark.parametrize("concurrency", ["threading", "pool"])
def test_a_client_that_never_sends(
    serve: Serve, connect: Connect, events: Transcript, concurrency: str
) -> None:
    service = serve("echo", concurrency=concurrency, drain_timeout=0)
    silent = [connect(service) for _ in range(10)]
    numbers = [events.opened(client) for client in silent]
    still_serves(service)
    events.wait("connection.closed")
    assert service.status().connections.open == 10
    service.stop()
    for number, client in zip(numbers, silent, strict=True):
        assert client.receive() == b""
        ended = events.closed(number)
        assert ended["reason"] == "service_stopped"
        assert ended["messages"] == {"in": 0, "out": 0}


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_a_half_open_client_still_gets_its_answers(
    serve: Serve, connect: Connect, events: Transcript, concurrency: str
) -> None:
    service = serve("upper", concurrency=concurrency)
    client = connect(service)
    client.send(b"one\ntwo\nthree")
    client.end()
    assert client.rest() == b"ONE\nTWO\nTHREE"
    assert events.closed(events.opened(client))["reason"] == "client_closed"


def test_a_client_that_stops_reading(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve("chargen", drain_timeout=0)
    deaf = connect(service)
    number = events.opened(deaf)
    with connect(service) as other:
        assert other.receive()
    assert deck.connection(number).is_open
    service.stop()
    assert events.closed(number)["reason"] == "service_stopped"


def test_a_line_without_an_end(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve("upper", options={"max_line": 1_000})
    client = connect(service)
    client.send(b"x" * 10_000)
    client.end()
    assert client.rest() == b"X" * 10_000


def test_urgent_data_is_no_trouble(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve("echo")
    client = connect(service)
    client.socket.send(b"!", socket.MSG_OOB)
    assert client.send(b"hello").receive() == b"hello"


def test_many_clients_at_once(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve("echo")
    clients = [connect(service) for _ in range(200)]
    for number, client in enumerate(clients):
        client.send(b"hello %d" % number)
    for number, client in enumerate(clients):
        assert client.receive() == b"hello %d" % number
        client.reset() if number % 2 else client.end()
    events.wait("connection.closed", count=200)
    status = service.status()
    assert status.closed == {"client_closed": 100, "client_reset": 100}
    assert status.bytes.in_ == status.bytes.out == sum(len(b"hello %d" % n) for n in range(200))


def come(address: Address, times: int) -> None:
    """Connect, so many times, and be greeted."""
    for _ in range(times):
        with Client(address) as client:
            assert client.rest() == b"Thank you for connection"


def test_a_flood_of_short_connections(serve: Serve, events: Transcript) -> None:
    """Every one is opened once and closed once, and in this order."""
    for concurrency in CONCURRENCIES:
        service = serve("greeting", concurrency=concurrency, capture={"level": "counters"})
        address = service.address
        assert address is not None
        each = 100
        clients = [threading.Thread(target=come, args=(address, each)) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(PATIENCE_SECONDS)
        count = 4 * each
        events.wait("connection.closed", service=service.name, count=count)
        by_connection: dict[int | None, list[str]] = {}
        for event in events.now(service=service.name):
            if event.connection is not None:
                by_connection.setdefault(event.connection, []).append(event.kind)
        assert len(by_connection) == count
        assert {tuple(kinds) for kinds in by_connection.values()} == {
            ("connection.opened", "service.log", "connection.closed")
        }
        assert service.status().closed == {"server_closed": count}
        assert events.now("events.dropped") == []


def test_no_descriptors_left(
    serve: Serve, connect: Connect, events: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accepting fails with EMFILE for a while: it is said, the service rests, and goes on."""
    for name in ("socketdeck.managed", "socketdeck.hosts.acceptor"):
        monkeypatch.setattr(import_module(name), "EXHAUSTED_PAUSE_SECONDS", 0.01)
    for concurrency in ("sync", "threading"):
        service = serve("echo", concurrency=concurrency, name=f"out-{concurrency}")
        assert service.exchange(b"hello").data == b"hello"
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        client = socket.socket()
        client.settimeout(PATIENCE_SECONDS)
        lowest = client.fileno() + 1
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            assert service.address is not None
            client.connect(service.address.connect_to())
            told = events.wait("service.log", service=service.name)
            assert "cannot accept: Too many open files" in told.data["text"]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with client:
            client.sendall(b"hello")
            assert client.recv(10) == b"hello"
        assert service.state == "running"


# -- datagrams ------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
@pytest.mark.parametrize("handler", ["echo", "upper", "discard", "daytime", "time", "qotd"])
def test_datagrams_of_random_bytes(
    serve: Serve, connect: Connect, events: Transcript, handler: str, concurrency: str
) -> None:
    service = serve(handler, "udp://127.0.0.1:0", concurrency=concurrency)
    client = connect(service)
    sizes = [0, 1, 10, 1_000, 65_507]
    for size in sizes:
        # Not `upper`'s: what it answers may be longer, and too long for a datagram.
        client.send(bytes(size) if handler == "upper" else os.urandom(size))
        if handler != "discard":
            client.receive()
    events.wait("connection.data", direction="in", count=len(sizes))
    service.stop()
    status = service.status()
    assert status.messages.in_ == len(sizes)
    assert status.bytes.in_ == sum(sizes)
    assert status.errors == 0


def test_a_flood_of_datagrams_from_many_peers(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve("echo", "udp://127.0.0.1:0")
    clients = [connect(service) for _ in range(50)]
    for round_ in range(10):
        for client in clients:
            client.send(b"hello %d" % round_)
            assert client.receive() == b"hello %d" % round_
    assert service.status().connections.open == 50
    service.stop()
    status = service.status()
    assert (status.messages.in_, status.messages.out) == (500, 500)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_counted_is_what_was_sent(
    serve: Serve, deck: Supervisor, events: Transcript, pieces: list[bytes]
) -> None:
    name = "echo"
    service = (
        deck.get(name)
        if any(found.name == name for found in deck.services())
        else serve(name, "udp://127.0.0.1:0", name=name)
    )
    assert service.address is not None
    with Client(service.address) as client:
        for piece in pieces:
            assert client.send(piece).receive() == piece
        flow = deck.connection(events.opened(client))
        out = {"direction": "out", "connection": flow.id}
        events.wait("connection.data", count=len(pieces), **out)
        assert (flow.messages_in, flow.messages_out) == (len(pieces), len(pieces))
        assert flow.bytes_in == flow.bytes_out == sum(map(len, pieces))
        flow.close()


def test_what_is_shown_of_a_payload_is_what_it_was(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    """HTML, terminal escapes, NUL, what is no UTF-8: bytes are bytes here."""
    nasty = b"<script>alert(1)</script>\x1b[2J\x00\xff\r\n"
    client = connect(serve("echo"))
    assert client.send(nasty).receive() == nasty
    for event in (events.wait("connection.data", direction=way) for way in ("in", "out")):
        assert event.data["data"] == nasty


def test_a_client_of_a_unix_socket_that_breaks_off(
    serve: Serve, connect: Connect, events: Transcript, tmp_path: Path
) -> None:
    service = serve("echo", f"unix://{tmp_path}/s")
    client = connect(service)
    client.send(b"hello")
    number = events.opened(client)
    events.wait("connection.data", direction="out", connection=number)
    client.close()  # with an answer unread: the server's next read fails with ECONNRESET
    assert events.closed(number)["reason"] == "client_reset"
    still_serves(service)


def test_lingering_resets_while_it_stops(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve("echo")
    clients = [connect(service) for _ in range(20)]
    for client in clients:
        assert client.send(b"hello").receive() == b"hello"
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    events.wait("service.state", state="draining")
    for client in clients:
        linger = struct.pack("ii", 1, 0)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()
    stopping.join(PATIENCE_SECONDS)
    assert service.status().closed == {"client_reset": 20}
