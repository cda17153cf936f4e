"""Connections: how each ends and what is said of it, the first cause before all others."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import socketdeck.connections
from socketdeck import Connection, Journal, Service, Supervisor
from socketdeck.errors import UnknownConnection, Unsupported

from .client import PATIENCE_SECONDS
from .conftest import Connect, Serve
from .transcript import Transcript

LEVELS = ["off", "counters", "events", "payload"]
CONCURRENCIES = ["sync", "threading", "pool"]


@pytest.fixture(params=["tcp", "unix"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "tcp://127.0.0.1:0" if request.param == "tcp" else f"unix://{tmp_path}/s"


# -- why it ended ---------------------------------------------------------------------------------


def reason_of_the_only(service: Service, deck: Supervisor) -> str | None:
    """Why a service's one connection ended; a stop waits for it, at level `off` too."""
    service.stop(drain_timeout=PATIENCE_SECONDS)
    return deck.connection(1).view().close_reason


@pytest.mark.parametrize("level", LEVELS)
def test_the_client_closed(
    serve: Serve, connect: Connect, deck: Supervisor, address: str, level: str
) -> None:
    service = serve(address=address, capture={"level": level})
    client = connect(service)
    assert client.ask("hello") == "hello"
    client.end()
    assert reason_of_the_only(service, deck) == "client_closed"


@pytest.mark.parametrize("level", LEVELS)
def test_the_server_closed(
    serve: Serve, connect: Connect, deck: Supervisor, address: str, level: str
) -> None:
    service = serve(address=address, capture={"level": level})
    assert connect(service).ask("quit") == ""
    assert reason_of_the_only(service, deck) == "server_closed"


@pytest.mark.parametrize("level", LEVELS)
def test_the_client_broke_off(serve: Serve, connect: Connect, deck: Supervisor, level: str) -> None:
    service = serve(capture={"level": level})
    client = connect(service)
    assert client.ask("hello") == "hello"
    client.reset()
    assert reason_of_the_only(service, deck) == "client_reset"


def test_at_level_off_nothing_is_recorded_and_all_is_listed(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    service = serve(capture={"level": "off"})
    client = connect(service)
    client.ask("print something")
    (found,) = deck.connections.open()
    assert found.view().peer == client.name
    client.say("raise something")
    assert reason_of_the_only(service, deck) == "handler_error"
    assert {event.kind for event in events.now()} == {"service.created", "service.state"}
    status = service.status()
    assert (status.connections.total, status.errors) == (1, 1)
    assert status.closed == {"handler_error": 1}


def test_a_clients_close_with_data_unread_is_a_reset(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    """The kernel sends RST where a socket is closed with data that nobody read (RFC 2525, 2.17)."""
    client = connect(serve())
    events.opened(client)
    client.say("hello")
    events.wait("connection.data", direction="out")
    client.close()
    assert events.closed(1)["reason"] == "client_reset"


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_the_handler_failed(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, concurrency: str
) -> None:
    service = serve(concurrency=concurrency)
    client = connect(service)
    client.say("raise something is wrong")
    assert client.rest() == b""
    told = events.wait("connection.error", connection=1)
    assert told.data["type"] == "ValueError"
    assert told.data["message"] == "something is wrong"
    assert "raise ValueError(rest)\nValueError: something is wrong" in told.data["traceback"]
    assert events.closed(1)["reason"] == "handler_error"
    error = deck.connection(1).view().error
    assert error is not None
    assert error.model_dump() == told.data
    assert connect(service).ask("hello") == "hello", "the service goes on"
    assert service.status().errors == 1
    assert service.state == "running"


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_an_exit_of_the_handler_ends_its_connection_alone(
    serve: Serve, connect: Connect, events: Transcript, concurrency: str
) -> None:
    service = serve(concurrency=concurrency, pool_size=1)
    for number in (1, 2, 3):
        client = connect(service)
        client.say("exit now")
        assert client.rest() == b""
        assert events.wait("connection.error", connection=number).data["type"] == "SystemExit"
        assert events.closed(number)["reason"] == "handler_error"
    assert connect(service).ask("hello") == "hello"


@pytest.mark.parametrize("concurrency", ["threading", "pool"])
def test_what_ends_a_thread_is_told_and_not_printed(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    capsys: pytest.CaptureFixture[str],
    concurrency: str,
) -> None:
    service = serve(concurrency=concurrency)
    connect(service).say("interrupt now")
    assert events.wait("connection.error", connection=1).data["type"] == "KeyboardInterrupt"
    assert events.closed(1)["reason"] == "handler_error"
    assert connect(service).ask("hello") == "hello"
    service.stop(drain_timeout=0)
    assert capsys.readouterr() == ("", "")


def test_an_error_that_cannot_be_printed_is_told(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve()
    connect(service).say("raise-nasty")
    told = events.wait("connection.error", connection=1).data
    assert told["type"] == "Nasty"
    assert events.closed(1)["reason"] == "handler_error"
    connect(service).say("raise-surrogate")
    told = events.wait("connection.error", connection=2).data
    assert told["message"].encode() == b"\\udcff is no text"
    assert told["traceback"].encode()


def test_killed(serve: Serve, connect: Connect, events: Transcript, deck: Supervisor) -> None:
    client = connect(serve())
    assert client.ask("hello") == "hello"
    deck.connection(1).close()
    assert client.receive() == b""
    assert events.closed(1)["reason"] == "killed"
    assert deck.connection(1).view().close_reason == "killed"


def test_killed_by_reset(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    client = connect(serve())
    assert client.ask("hello") == "hello"
    deck.connection(1).close(how="reset")
    with pytest.raises(ConnectionResetError):
        client.receive()
    assert events.closed(1)["reason"] == "killed"


def test_killed_for_a_reason_of_ones_own(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    connect(serve()).ask("hello")
    deck.connection(1).close(reason="too loud")
    assert events.closed(1)["reason"] == "too loud"


def test_a_kill_reaches_a_handler_that_sends_to_one_who_does_not_read(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    client = connect(serve("chargen"))
    number = events.opened(client)
    for _ in range(3):
        events.wait("connection.data", connection=number)
    deck.connection(number).close()
    assert events.closed(number)["reason"] == "killed"


@pytest.mark.parametrize("scheme", ["unix", "udp"])
def test_only_tcp_can_be_reset(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    tmp_path: Path,
    scheme: str,
) -> None:
    address = "udp://127.0.0.1:0" if scheme == "udp" else f"unix://{tmp_path}/s"
    client = connect(serve("echo", address))
    assert client.send(b"hello").receive() == b"hello"
    with pytest.raises(Unsupported, match=r"only .*TCP.* can be reset"):
        deck.connection(1).close(how="reset")
    assert deck.connection(1).is_open
    client.close()
    if scheme == "unix":
        assert events.closed(1)["reason"] == "client_closed", "the kill that failed left no mark"


def test_a_closed_connection_stays_closed(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    connect(serve()).ask("quit")
    events.closed(1)
    deck.connection(1).close()
    assert deck.connection(1).view().close_reason == "server_closed"
    assert events.kinds(connection=1).count("connection.closed") == 1


def test_the_service_stopped(
    serve: Serve, connect: Connect, events: Transcript, address: str
) -> None:
    service = serve(address=address)
    client = connect(service)
    assert client.ask("hello") == "hello"
    service.stop(drain_timeout=0)
    assert client.receive() == b""
    assert events.closed(1)["reason"] == "service_stopped"
    assert service.status().closed == {"service_stopped": 1}


# -- the first cause wins -------------------------------------------------------------------------


def test_ours_comes_before_the_handlers_failure(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    client = connect(serve("obedient:Fragile"))
    number = events.opened(client)
    deck.connection(number).close()
    assert events.closed(number)["reason"] == "killed"
    assert events.wait("connection.error", connection=number)
    error = deck.connection(number).view().error
    assert error is not None, "the traceback is kept whichever wins"
    assert error.type == "EOFError"


def test_a_kill_is_no_service_stop(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    release: Callable[[], None],
) -> None:
    service = serve()
    client = connect(service)
    client.say("wait")
    events.wait("connection.data", connection=1)
    deck.connection(1).close()
    release()
    service.stop(drain_timeout=PATIENCE_SECONDS)
    assert events.closed(1)["reason"] == "killed"


def test_a_reset_comes_before_the_handlers_failure(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    client = connect(serve("obedient:Fragile"))
    number = events.opened(client)
    client.reset()
    assert events.closed(number)["reason"] == "client_reset"
    error = deck.connection(number).view().error
    assert error is not None
    assert error.type == "ConnectionResetError"


def test_the_handlers_failure_comes_before_the_clients_end(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    client = connect(serve("obedient:Fragile"))
    number = events.opened(client)
    client.end()
    assert events.closed(number)["reason"] == "handler_error"


def test_an_end_that_the_handler_never_saw_is_the_servers(
    serve: Serve, connect: Connect, events: Transcript, release: Callable[[], None]
) -> None:
    client = connect(serve("obedient:Stubborn"))
    number = events.opened(client)
    client.end()
    release()
    assert events.closed(number)["reason"] == "server_closed"


# -- what is said of it ---------------------------------------------------------------------------


def test_the_view_of_an_open_connection(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    before = datetime.now(UTC)
    service = serve(name="talker")
    client = connect(service)
    assert client.ask("hello") == "hello"
    view = deck.connection(1).view()
    assert view.id == 1
    assert view.service == "talker"
    assert view.transport == "tcp"
    assert view.state == "open"
    assert view.peer == client.name
    assert view.local == str(service.address).removeprefix("tcp://")
    assert before <= view.opened_at <= view.last_activity <= datetime.now(UTC)
    assert view.closed_at is None
    assert view.close_reason is None
    assert 0 <= view.duration < PATIENCE_SECONDS
    assert view.idle is not None
    assert view.idle >= 0
    assert (view.bytes.in_, view.bytes.out) == (6, 6)
    assert (view.messages.in_, view.messages.out) == (1, 1)
    assert view.pid == os.getpid()
    assert view.thread == client.ask("thread")
    assert view.generation == 1
    assert view.kernel is not None
    assert 0 < view.kernel.rtt < 1
    assert view.kernel.congestion_window > 0
    assert view.peer_credentials is None


def test_the_kernels_queues(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript, release: Any
) -> None:
    client = connect(serve("obedient:Stubborn"))
    number = events.opened(client)
    client.send(b"x" * 100)
    kernel = deck.connection(number).view().kernel  # loopback delivers within the call of send
    assert kernel is not None
    assert kernel.receive_queue == 100


def test_the_view_of_a_closed_connection(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    client = connect(serve())
    client.ask("hello")
    client.say("quit")
    ended = events.closed(1)
    view = deck.connection(1).view()
    assert view.state == "closed"
    assert view.closed_at is not None
    assert view.closed_at >= view.opened_at
    assert view.duration == pytest.approx(ended["duration"])
    assert view.idle is None
    assert view.kernel is None
    assert ended["bytes"] == {"in": 11, "out": 6}
    assert ended["messages"] == {"in": 2, "out": 1}
    assert view.bytes.model_dump(by_alias=True) == ended["bytes"]
    assert view.messages.model_dump(by_alias=True) == ended["messages"]


def test_a_unix_peer_has_credentials(
    serve: Serve, connect: Connect, deck: Supervisor, tmp_path: Path
) -> None:
    connect(serve(address=f"unix://{tmp_path}/s"), tmp_path / "client").ask("hello")
    view = deck.connection(1).view()
    assert view.peer == f"{tmp_path}/client"
    assert view.local == f"{tmp_path}/s"
    assert view.peer_credentials is not None
    assert view.peer_credentials.model_dump() == {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "user": getpass.getuser(),
        "process": Path("/proc/self/comm").read_text().rstrip("\n"),
    }
    (tmp_path / "client").unlink()


def test_a_server_on_every_address_knows_by_which_it_was_reached(
    serve: Serve, connect: Connect, deck: Supervisor
) -> None:
    service = serve(address="tcp://:0")
    connect(service).ask("hello")
    assert service.address is not None
    view = deck.connection(1).view()
    assert view.local == f"127.0.0.1:{service.address.port}"
    assert view.peer is not None
    assert view.peer.startswith("127.0.0.1:"), "IPv4 is shown as such on a dual-stack socket"


def test_the_events_of_a_conversation_in_order(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    client = connect(serve())
    client.ask("hello")
    client.ask("print something")
    client.end()
    events.closed(1)
    assert events.kinds(connection=1) == [
        "connection.opened",
        "connection.data",
        "connection.data",
        "connection.data",
        "service.log",
        "connection.data",
        "connection.closed",
    ]
    opened = events.now("connection.opened")[0]
    assert opened.service == "service-1"
    assert opened.data["peer"] == client.name


def test_numbers_go_on_from_where_they_were_told_to(journal: Journal, events: Transcript) -> None:
    with Supervisor(journal=journal, first_connection_id=1_000) as deck:
        service = deck.add(name="greeter", address="tcp://127.0.0.1:0", handler="greeting")
        service.start()
        for number in (1_000, 1_001):
            assert service.exchange(b"").data == b"Thank you for connection"
            events.closed(number)


# -- the tables -----------------------------------------------------------------------------------


def test_open_and_closed_ones_are_listed(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    service = serve()
    first, second = connect(service), connect(service)
    first.ask("hello")
    second.ask("hello")
    first.end()
    events.closed(events.opened(first))
    table = deck.connections
    assert [found.id for found in table.open()] == [events.opened(second)]
    assert [found.id for found in table.recently_closed()] == [events.opened(first)]
    assert {found.id for found in table} == {1, 2}
    assert isinstance(deck.connection(1), Connection)
    figures = service.status().connections
    assert (figures.open, figures.total, figures.rejected) == (1, 2, 0)


def test_an_unknown_number_is_an_error(deck: Supervisor) -> None:
    with pytest.raises(UnknownConnection, match="there is no connection 7"):
        deck.connection(7)


def test_only_the_last_closed_ones_are_kept(
    serve: Serve,
    connect: Connect,
    deck: Supervisor,
    events: Transcript,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socketdeck.connections, "CLOSED_KEPT", 3)
    service = serve("obedient:Silent")
    for number in range(1, 6):
        assert connect(service).rest() == b""
        events.closed(number)
    assert [found.id for found in deck.connections.recently_closed()] == [3, 4, 5]
    with pytest.raises(UnknownConnection):
        deck.connection(2)
    assert service.status().connections.total == 5


# -- the totals -----------------------------------------------------------------------------------


def test_a_services_totals(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve()
    for order in ("quit", "raise x"):
        client = connect(service)
        client.ask("hello")
        client.say(order)
        client.rest()
    client = connect(service)
    client.ask("hello")
    client.end()
    events.wait("connection.closed", count=3)
    status = service.status()
    assert status.closed == {"server_closed": 1, "handler_error": 1, "client_closed": 1}
    assert status.connections.total == 3
    assert status.connections.open == 0
    assert (status.bytes.in_, status.bytes.out) == (3 * 6 + 5 + 8, 3 * 6)
    assert (status.messages.in_, status.messages.out) == (5, 3)
    assert status.errors == 1
    handling = status.handling
    assert handling.p50 is not None
    assert handling.p99 is not None
    assert 0 < handling.p50 <= handling.p99


def test_a_connection_may_end_under_the_lock_of_its_own_tally(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    """As where the collector finds its socket while this very thread looks at the service."""
    service = serve()
    client = connect(service)
    client.ask("hello")
    connection = deck.connection(events.opened(client))
    with service.tally.lock:
        connection.table.closed(connection, "server_closed")
    assert events.closed(connection.id)["reason"] == "server_closed"


def test_a_connection_is_always_in_one_of_the_tables(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    client = connect(serve())
    client.ask("hello")
    number = events.opened(client)
    connection = deck.connection(number)
    with deck.connections._lock:  # it cannot be moved to the closed ones now
        client.end()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while connection.is_open:
            assert time.monotonic() < deadline
            time.sleep(0)
        assert deck.connection(number) is connection
    events.closed(number)
