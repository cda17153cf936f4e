"""How requests are served: one after the other, a thread each, or by a bounded pool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import socketdeck.concurrency
from socketdeck import Service, Supervisor
from socketdeck.building import server_class_for
from socketdeck.concurrency import QUEUE_FACTOR

from .client import PATIENCE_SECONDS, Client
from .conftest import Connect, Serve
from .transcript import Transcript

Release = Callable[[], None]
DATAGRAMS = ("obedient:ObedientDatagram", "udp://127.0.0.1:0")


def handlers_of(service: Service) -> list[str]:
    """The names of the threads that a service has, in a handler or waiting for one."""
    return sorted(
        thread.name for thread in threading.enumerate() if thread.name.startswith(service.name)
    )


def holds(client: Client, events: Transcript) -> Client:
    """Have a client's handler wait until it is released; it has begun to when this returns."""
    client.send(b"wait\n" if client.stream else b"wait")
    events.wait("connection.data", connection=events.opened(client), direction="in")
    return client


# -- sync -----------------------------------------------------------------------------------------


def test_sync_serves_one_after_the_other(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync")
    first, second = connect(service), connect(service)
    second.say("hello")
    assert first.ask("hello") == "hello"
    status = service.status()
    assert status.connections.open == 1
    assert status.connections.waiting.backlog == 1
    first.end()
    assert second.line() == "hello"
    order = [event.kind for event in events.now() if event.kind.startswith("connection.")]
    assert order.index("connection.closed") < order.index(
        "connection.opened", order.index("connection.opened") + 1
    )


def test_sync_serves_in_one_thread(serve: Serve, connect: Connect) -> None:
    service = serve(concurrency="sync", name="alone")
    for _ in range(3):
        client = connect(service)
        assert client.ask("thread") == "alone"
        client.end()
    assert handlers_of(service) == ["alone"]


def test_sync_reads_datagrams_one_after_the_other(
    serve: Serve, connect: Connect, events: Transcript, release: Release
) -> None:
    service = serve(*DATAGRAMS, concurrency="sync")
    first, second = connect(service), connect(service)
    holds(first, events)
    second.send(b"hello")
    assert events.now("connection.opened", peer=second.name) == []
    release()
    assert first.receive() == b"done"
    assert second.receive() == b"hello"


# -- threading ------------------------------------------------------------------------------------


def test_threading_serves_all_at_once(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve(concurrency="threading")
    clients = [connect(service) for _ in range(20)]
    threads = {client.ask("thread") for client in clients}
    assert len(threads) == 20
    assert service.status().threads == 20
    assert service.status().connections.open == 20
    for client in clients:
        client.end()
    events.wait("connection.closed", count=20)


def test_a_thread_that_has_served_is_gone(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="threading")
    client = connect(service)
    name = client.ask("thread")
    (thread,) = (thread for thread in threading.enumerate() if thread.name == name)
    client.end()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert service.status().threads == 0


# -- pool -----------------------------------------------------------------------------------------


def test_a_pool_has_so_many_threads_and_no_more(
    serve: Serve, connect: Connect, events: Transcript, release: Release
) -> None:
    service = serve(concurrency="pool", pool_size=3, name="pool")
    holding = [holds(connect(service), events) for _ in range(3)]
    waiting = [connect(service) for _ in range(4)]
    for client in waiting:
        client.say("thread")
        events.opened(client)
    assert len(handlers_of(service)) == 3
    status = service.status()
    assert status.connections.waiting.queue == 4
    assert status.connections.open == 7
    assert status.threads == 3
    release()
    for client in holding:
        assert client.line() == "done"
        client.end()
    pool = handlers_of(service)
    for client in waiting:
        assert client.line() in pool
        client.end()
    assert service.status().connections.waiting.queue == 0


def test_a_pool_starts_threads_as_they_are_needed(serve: Serve, connect: Connect) -> None:
    service = serve(concurrency="pool", pool_size=64, name="pool")
    assert handlers_of(service) == []
    for _ in range(10):
        client = connect(service)
        client.ask("quit")
        client.close()
    assert 1 <= len(handlers_of(service)) <= 10


def test_a_pool_whose_queue_is_full_leaves_the_rest_in_the_backlog(
    serve: Serve, connect: Connect, events: Transcript, release: Release
) -> None:
    service = serve(concurrency="pool", pool_size=1)
    holding = holds(connect(service), events)
    waiting = [connect(service) for _ in range(3 * QUEUE_FACTOR)]
    for client in waiting:
        client.say("hello")
    events.wait("connection.opened", count=1 + QUEUE_FACTOR)
    status = service.status()
    assert status.connections.waiting.queue == QUEUE_FACTOR
    assert status.connections.waiting.backlog == 2 * QUEUE_FACTOR
    assert status.connections.open == 1 + QUEUE_FACTOR
    release()
    assert holding.line() == "done"
    holding.end()
    for client in waiting:
        assert client.line() == "hello"
        client.end()
    events.wait("connection.closed", count=1 + 3 * QUEUE_FACTOR)
    assert set(service.status().closed) == {"client_closed"}


def test_a_pool_that_emptied_its_queue_before_it_paused_goes_on(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue may be full when it is looked at and empty when the server has paused."""
    monkeypatch.setattr(socketdeck.concurrency, "QUEUE_FACTOR", 2)
    service = serve("greeting", concurrency="pool", pool_size=1)
    for _ in range(200):
        assert connect(service).rest() == b"Thank you for connection"


def test_a_pool_counts_its_requests_within_its_bounds(
    serve: Serve, connect: Connect, events: Transcript, release: Release
) -> None:
    count = 2 * QUEUE_FACTOR
    service = serve(concurrency="pool", pool_size=1, requests=count)
    holding = holds(connect(service), events)
    waiting = [connect(service) for _ in range(count - 1)]
    for client in waiting:
        client.say("quit")
    events.wait("connection.opened", count=1 + QUEUE_FACTOR)
    assert service.status().connections.waiting.queue == QUEUE_FACTOR, "the rest is not taken yet"
    release()
    holding.end()
    events.wait("service.state", state="stopped", why="requests")
    assert service.status().connections.total == count


def test_a_pool_survives_what_would_end_its_threads(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="pool", pool_size=2)
    for number in range(1, 6):
        connect(service).say("interrupt")
        events.wait("connection.error", connection=number, type="KeyboardInterrupt")
        events.closed(number)
    assert connect(service).ask("hello") == "hello"


def test_who_waits_in_the_queue_of_a_pool_that_stops_is_told(
    serve: Serve, connect: Connect, events: Transcript, release: Release
) -> None:
    service = serve(concurrency="pool", pool_size=1)
    holding = holds(connect(service), events)
    waiting = [connect(service) for _ in range(3)]
    numbers = [events.opened(client) for client in waiting]
    stopping = threading.Thread(target=service.stop, args=(0,))
    stopping.start()
    for client in (holding, *waiting):
        assert client.receive() == b"", "the end comes at once, whoever is served"
    release()
    stopping.join(PATIENCE_SECONDS)
    assert {events.closed(number)["reason"] for number in numbers} == {"service_stopped"}
    assert handlers_of(service) == []


# -- datagrams ------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", ["threading", "pool"])
@pytest.mark.parametrize("scheme", ["udp", "unixgram"])
def test_a_slow_datagram_holds_up_nobody(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    release: Release,
    tmp_path: Path,
    concurrency: str,
    scheme: str,
) -> None:
    unix = scheme == "unixgram"
    address = f"unixgram://{tmp_path}/s" if unix else "udp://127.0.0.1:0"
    service = serve(DATAGRAMS[0], address, concurrency=concurrency)
    slow = [holds(connect(service, "" if unix else None), events) for _ in range(3)]
    quick = connect(service, "" if unix else None)
    for _ in range(20):
        assert quick.send(b"hello").receive() == b"hello"
    assert service.status().threads >= 3
    release()
    for client in slow:
        assert client.receive() == b"done"
    assert quick.send(b"hello").receive() == b"hello"


def test_quick_datagrams_are_served_by_one_thread(serve: Serve, connect: Connect) -> None:
    service = serve(*DATAGRAMS, name="quick")
    client = connect(service)
    threads = {client.send(b"thread").receive() for _ in range(200)}
    assert b"quick" in threads
    assert len(handlers_of(service)) <= 3, "a machine that is busy may have promoted one"


def test_threads_for_datagrams_are_used_again(
    serve: Serve, connect: Connect, events: Transcript, loaded: Callable[[str], ModuleType]
) -> None:
    service = serve(*DATAGRAMS, name="again")
    most = 0
    for _ in range(10):
        loaded("obedient").release.clear()
        slow = [holds(connect(service), events) for _ in range(3)]
        most = max(most, len(handlers_of(service)))
        loaded("obedient").release.set()
        for client in slow:
            assert client.receive() == b"done"
    assert most <= 3 + 2, "those that lost the lead are parked, and lead again"


def test_parked_threads_end_after_a_while(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    release: Release,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socketdeck.concurrency, "PARKED_SECONDS", 0.01)
    service = serve(*DATAGRAMS, name="parked")
    slow = [holds(connect(service), events) for _ in range(5)]
    quick = connect(service)
    assert quick.send(b"hello").receive() == b"hello"
    others = [thread for thread in threading.enumerate() if thread.name.startswith("parked-")]
    assert len(others) >= 5
    release()
    for client in slow:
        assert client.receive() == b"done"
    leading = quick.send(b"thread").receive().decode()
    for thread in others:
        if thread.name != leading:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
    assert quick.send(b"hello").receive() == b"hello"


def test_threads_for_datagrams_are_bounded(
    serve: Serve, connect: Connect, events: Transcript, release: Release
) -> None:
    service = serve(*DATAGRAMS, concurrency="pool", pool_size=2)
    slow = [holds(connect(service), events) for _ in range(2)]
    waiting = connect(service)
    waiting.send(b"hello")
    waiting.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        waiting.receive()
    assert events.now("connection.opened", peer=waiting.name) == [], "it is in the kernel's buffer"
    waiting.socket.settimeout(PATIENCE_SECONDS)
    release()
    assert waiting.receive() == b"hello"
    for client in slow:
        assert client.receive() == b"done"


def test_a_datagram_whose_handler_is_ended_ends_nothing_else(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(*DATAGRAMS)
    client = connect(service)
    for order, kind in ((b"exit", "SystemExit"), (b"interrupt", "KeyboardInterrupt")):
        client.send(order)
        events.wait("connection.error", type=kind)
        assert client.receive() == b"", "DatagramRequestHandler answers in any case"
    assert client.send(b"hello").receive() == b"hello"
    assert service.state == "running"


# -- stop -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_stop_lets_handlers_finish(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    release: Release,
    concurrency: str,
    scheme: str,
) -> None:
    handler = "obedient:Obedient" if scheme == "tcp" else DATAGRAMS[0]
    service = serve(handler, f"{scheme}://127.0.0.1:0", concurrency=concurrency)
    client = holds(connect(service), events)
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    events.wait("service.state", state="draining")
    release()
    assert client.receive().strip() == b"done"
    if client.stream:
        client.end()
    stopping.join(PATIENCE_SECONDS)
    assert service.state == "stopped"
    assert handlers_of(service) == []
    assert service.status().errors == 0


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_server_that_is_told_to_stop_before_it_serves_does_not(
    transport: Any, concurrency: Any
) -> None:
    """The thread that is to serve may come to it late."""
    server = server_class_for(transport, concurrency)(("127.0.0.1", 0), None)
    server.request_shutdown()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    serving.join(PATIENCE_SECONDS)
    assert not serving.is_alive()
    server.server_close()


def test_a_promoted_thread_that_returns_during_a_stop_serves_no_more(
    serve: Serve, connect: Connect, events: Transcript, release: Release
) -> None:
    """Also where the service's own thread has lost the lead, and has ended already."""
    service = serve(*DATAGRAMS)
    first = connect(service)
    for _ in range(3):  # whoever leads is held up, so that another comes to lead
        holds(connect(service), events)
        assert first.send(b"hello").receive() == b"hello"
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    events.wait("service.state", state="draining")
    release()
    stopping.join(PATIENCE_SECONDS)
    assert service.state == "stopped"
    assert handlers_of(service) == []


def test_the_services_thread_may_be_parked_when_it_stops(
    serve: Serve, connect: Connect, events: Transcript, loaded: Callable[[str], ModuleType]
) -> None:
    service = serve(*DATAGRAMS)
    release: Any = loaded("obedient").release
    client, other = connect(service), connect(service)
    holds(client, events)
    assert other.send(b"hello").receive() == b"hello"
    release.set()
    assert client.receive() == b"done"
    release.clear()
    holds(client, events)  # by a promoted thread
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    events.wait("service.state", state="draining")
    release.set()
    stopping.join(PATIENCE_SECONDS)
    assert service.state == "stopped"
    assert handlers_of(service) == []


def test_a_stop_while_clients_keep_coming(
    serve: Serve, deck: Supervisor, events: Transcript
) -> None:
    for concurrency in ("sync", "threading", "pool"):
        service = serve("echo", concurrency=concurrency, drain_timeout=0)
        address = service.address
        assert address is not None
        over = threading.Event()

        def keep_coming(address: Any = address, over: threading.Event = over) -> None:
            while not over.is_set():
                try:
                    with Client(address) as client:
                        client.send(b"hello").receive()
                except OSError:
                    continue

        clients = [threading.Thread(target=keep_coming) for _ in range(4)]
        for client in clients:
            client.start()
        events.wait("connection.closed", service=service.name, count=20)
        service.stop()
        over.set()
        for client in clients:
            client.join(PATIENCE_SECONDS)
        status = service.status()
        assert status.connections.open == 0
        assert status.connections.total == sum(status.closed.values())
        assert handlers_of(service) == []


def test_many_services_share_what_accepts(serve: Serve, connect: Connect) -> None:
    services = [serve(concurrency=way) for way in ("threading", "pool") for _ in range(20)]
    assert [handlers_of(service) for service in services] == [[]] * 40, "idle ones have no thread"
    clients = [connect(service) for service in services]
    for number, client in enumerate(clients):
        assert client.ask(f"hello {number}") == f"hello {number}"
    for service in services[::2]:
        service.stop(drain_timeout=0)
    for client in clients[1::2]:
        assert client.ask("still here") == "still here"
