"""How closely a service is watched: levels switched while it serves, auto, the kernel's counts."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from socketdeck import Connection, Service, Supervisor, capture, kernel
from socketdeck.definition import ServiceDefinition

from .client import PATIENCE_SECONDS, Client
from .conftest import Connect, Serve
from .transcript import Transcript

HELLO = b"hello, world"

by_kernel = pytest.mark.skipif(not kernel.counts_bytes(), reason="the system does not count")


def look(deck: Supervisor, service: Service, **fields: Any) -> None:
    """Have a service watched otherwise, as an edit of its definition does."""
    wanted = {**service.definition.model_dump(mode="json"), "capture": fields}
    deck.replace(service.name, ServiceDefinition.parse(wanted))


def exchange(client: Client, data: bytes = HELLO) -> None:
    client.send(data)
    received = b""
    while len(received) < len(data):
        received += client.receive()
    assert received == data


def payloads(events: Transcript, connection: int) -> list[bytes | None]:
    return [event.data["data"] for event in events.now("connection.data", connection=connection)]


@pytest.fixture(params=["thread", "process", "forking"])
def where(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "forking":
        return {"concurrency": "forking"}
    return {"host": request.param}


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_a_level_is_switched_on_live_connections(
    where: dict[str, Any],
    scheme: str,
    serve: Serve,
    connect: Connect,
    deck: Supervisor,
    events: Transcript,
    tmp_path: Path,
) -> None:
    address = "tcp://127.0.0.1:0" if scheme == "tcp" else f"unix://{tmp_path}/echo"
    service = serve("echo", address, capture={"level": "payload", "bytes": 4}, **where)
    client = connect(service)
    exchange(client)
    number = events.wait("connection.data", direction="out").connection
    assert number is not None
    look(deck, service, level="payload", bytes=7)
    assert service.pending_changes == []
    await_prefix(client, events, number, 7)
    for level, kept in (("counters", False), ("events", None), ("off", False), ("payload", b"hel")):
        look(deck, service, level=level, bytes=3)
        assert service.status().capture.effective == level
        if kept is False:
            continue
        seen = len(payloads(events, number))
        while payloads(events, number)[seen:][-1:] != [kept]:
            exchange(client)
    client.close()
    told = events.closed(number)
    assert told["bytes"]["in"] == told["bytes"]["out"] > 0


def await_prefix(client: Client, events: Transcript, connection: int, length: int) -> None:
    """A child obeys in its own time: talk until a message is kept at such a length."""
    while payloads(events, connection)[-1] != HELLO[:length]:
        exchange(client)


def test_datagrams_too(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    service = serve("echo", "udp://127.0.0.1:0", capture={"level": "counters"})
    client = connect(service)
    exchange(client)
    look(deck, service, level="payload", bytes=5)
    exchange(client)
    number = events.opened(client)
    events.wait("connection.data", count=2, connection=number, data=b"hello")
    assert deck.connection(number).view().messages.in_ == 2


def test_a_connection_opened_unrecorded_is_recorded_from_then_on(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    service = serve("echo", capture={"level": "off"})
    client = connect(service)
    exchange(client)
    look(deck, service, level="events")
    exchange(client)
    (connection,) = deck.connections.open()
    events.wait("connection.data", connection=connection.id, direction="out")
    look(deck, service, level="off")
    client.close()
    assert events.closed(connection.id)["reason"] == "client_closed"


def test_a_dup_obeys_as_well(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript, loaded: Any, release: Any
) -> None:
    service = serve("obedient:Lender", capture={"level": "counters"}, drain_timeout=0)
    client = connect(service)
    with loaded("obedient").lent.get(timeout=10).dup() as twin:
        look(deck, service, level="payload")
        client.send(HELLO)
        assert twin.recv(100) == HELLO
        events.wait("connection.data", data=HELLO)
        release()


# -- what the kernel counts -----------------------------------------------------------------------


@by_kernel
@pytest.mark.parametrize("level", ["off", "counters"])
def test_the_kernel_counts_bytes(
    level: str, serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    service = serve("echo", capture={"level": level})
    client = connect(service)
    exchange(client, HELLO * 1000)
    (connection,) = deck.connections.open()
    shown = connection.as_json()
    assert shown["bytes"] == {"in": 12_000, "out": 12_000}
    assert shown["counted_by"] == "kernel"
    assert service.status().bytes.in_ == 12_000
    client.end()
    assert client.rest() == b""
    service.stop()
    assert connection.as_json()["bytes"] == {"in": 12_000, "out": 12_000}
    assert connection.close_reason == "client_closed"
    assert service.status().bytes.out == 12_000


@by_kernel
@pytest.mark.parametrize("end", ["client", "server", "reset", "unread", "killed"])
def test_no_end_is_counted_as_a_byte(
    end: str, serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    service = serve(capture={"level": "counters"})
    client = connect(service)
    assert client.say("hello").line() == "hello"
    number = events.opened(client)
    connection = deck.connection(number)
    sent = 6
    match end:
        case "client":
            client.end()
        case "server":
            client.send(b"quit\n")
            sent += 5
        case "reset":
            client.reset()
        case "unread":
            client.send(b"quit\nand more that nobody reads")
            sent += 5
        case _:
            connection.close()
    told = events.closed(number)
    if end == "unread":  # a buffered reader takes what has come, whether or not it is asked for
        assert sent <= told["bytes"]["in"] <= sent + 26
    else:
        assert told["bytes"]["in"] == sent
    reasons = {"client": "client_closed", "reset": "client_reset", "killed": "killed"}
    assert told["reason"] == reasons.get(end, "server_closed")


@by_kernel
def test_an_end_behind_unsent_data_is_no_byte(
    serve: Serve, connect: Connect, deck: Supervisor, loaded: Any, release: Any
) -> None:
    service = serve("obedient:Lender", capture={"level": "counters"}, drain_timeout=0)
    connect(service)
    request = loaded("obedient").lent.get(timeout=PATIENCE_SECONDS)
    (connection,) = deck.connections.open()
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += request.send(bytes(1 << 16), socket.MSG_DONTWAIT)
    request.shutdown(socket.SHUT_WR)
    assert connection.as_json()["bytes"]["out"] == sent
    release()


@by_kernel
def test_counts_go_on_when_a_tap_takes_over(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    service = serve("echo", capture={"level": "counters"})
    client = connect(service)
    number = events.opened(client)
    connection = deck.connection(number)
    for level in ("payload", "counters", "events", "off", "payload"):
        exchange(client)
        look(deck, service, level=level)
    exchange(client)
    assert connection.as_json()["bytes"] == {"in": 6 * 12, "out": 6 * 12}
    client.close()
    assert events.closed(number)["bytes"] == {"in": 6 * 12, "out": 6 * 12}
    assert service.status().bytes.in_ == 6 * 12


@by_kernel
def test_the_kernel_is_asked_while_connections_are_open(
    serve: Serve, connect: Connect, deck: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "RECOUNT_SECONDS", 0.01)
    service = serve("echo", capture={"level": "counters"})
    exchange(connect(service))
    (connection,) = deck.connections.open()
    asked = threading.Event()
    monkeypatch.setattr(Connection, "settle", lambda *_: asked.set())
    assert asked.wait(PATIENCE_SECONDS)
    assert (connection.bytes_in, connection.bytes_out) == (12, 12)


# -- auto -----------------------------------------------------------------------------------------


@pytest.fixture
def easily_hot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred messages a second are hot here, and one second without is quiet."""
    monkeypatch.setattr(capture, "HOT_MESSAGES", 100)
    monkeypatch.setattr(capture, "COOL_MESSAGES", 50)
    monkeypatch.setattr(capture, "COOL_SECONDS", 1)
    monkeypatch.setattr(capture, "HEAT_SECONDS", 0)


def heat(service: Service, client: Client) -> int:
    """Talk until it is hot; how many messages that took, in and out."""
    messages = 0
    while service.status().capture.effective != "counters":
        exchange(client)
        messages += 2
    return messages


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_auto_records_while_quiet_and_counts_while_hot(
    easily_hot: None,
    where: dict[str, Any],
    scheme: str,
    serve: Serve,
    connect: Connect,
    events: Transcript,
) -> None:
    if scheme == "udp" and where.get("concurrency"):
        pytest.skip("its children are too slow to be hot")
    service = serve("echo", f"{scheme}://127.0.0.1:0", **where)
    assert service.status().capture.level == "auto"
    client = connect(service)
    exchange(client)
    assert service.status().capture.why == "quiet"
    total = 2 + heat(service, client)
    assert service.status().capture.why == "hot"
    for _ in range(50):
        exchange(client)
    total += 100
    told = events.wait("events.dropped", source="capture", service=service.name)
    assert told.data["to_seq"] - told.data["from_seq"] + 1 == told.data["count"]
    assert service.status().capture.effective == "payload"
    exchange(client)
    total += 2
    service.stop(drain_timeout=0)
    recorded = sum(event.data.get("count", 1) for event in events.now("connection.data"))
    dropped = sum(event.data["count"] for event in events.now("events.dropped"))
    assert recorded + dropped == total


def test_whoever_looks_sees_all_at_once(
    easily_hot: None, serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve("echo")
    client, silent = connect(service), connect(service)
    exchange(silent)
    heat(service, client)
    service.capture.look(60)
    assert service.status().capture.why == "looked at"
    assert service.status().capture.effective == "payload"
    exchange(silent)  # whose handler has waited since before
    number = events.opened(silent)
    events.wait("connection.data", count=4, connection=number)
    assert payloads(events, number) == [HELLO] * 4


def test_it_counts_again_when_nobody_looks_any_more(
    easily_hot: None, serve: Serve, connect: Connect
) -> None:
    service = serve("echo")
    client = connect(service)
    heat(service, client)
    service.capture.look(0.5)
    assert service.status().capture.effective == "payload"
    heat(service, client)


def test_a_fixed_level_says_so(serve: Serve, deck: Supervisor) -> None:
    service = serve("echo", capture={"level": "events"})
    shown = service.status().capture.model_dump(mode="json")
    assert (shown["level"], shown["effective"], shown["why"]) == ("events", "events", "set")
    look(deck, service, level="auto")
    assert service.status().capture.why == "quiet"


@by_kernel
def test_a_fixed_level_takes_over_while_it_is_hot(
    easily_hot: None, serve: Serve, connect: Connect, deck: Supervisor
) -> None:
    service = serve("echo")
    heat(service, connect(service))
    (connection,) = deck.connections.open()
    assert connection.as_json()["counted_by"] == "tap"
    look(deck, service, level="counters")
    assert connection.as_json()["counted_by"] == "kernel"
