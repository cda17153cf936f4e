"""All of socketserver: each of its four servers in each of its modes, over REST.

`TCPServer`, `UDPServer`, `UnixStreamServer` and `UnixDatagramServer`, each one after the other,
with ThreadingMixIn, with ForkingMixIn and with a pool of threads; the internet ones over IPv4 and
IPv6; with real clients.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.panels import Rest, RunningPanel, connected, target

ADDRESSES = {
    "tcp4": "tcp://127.0.0.1:0",
    "tcp6": "tcp://[::1]:0",
    "udp4": "udp://127.0.0.1:0",
    "udp6": "udp://[::1]:0",
    "unix": "unix://{folder}/s",
    "unixgram": "unixgram://{folder}/g",
}
CONCURRENCIES = ("sync", "threading", "forking", "pool")


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPanel]:
    running = RunningPanel(tmp_path_factory.mktemp("panel") / "data")
    yield running
    running.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """For socket files, whose paths must be short."""
    made = Path(tempfile.mkdtemp(prefix="deck-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(params=ADDRESSES)
def address(request: pytest.FixtureRequest, folder: Path) -> str:
    """Where to listen."""
    return ADDRESSES[request.param].format(folder=folder)


def is_stream(address: str) -> bool:
    return target(address)[0] in ("tcp", "unix")


def seen(events: Any, kind: str, count: int) -> list[dict[str, Any]]:
    """The first `count` events of a kind."""
    while sum(event["kind"] == kind for event in events.seen) < count:
        events.until_kind(kind)
    return [event for event in events.seen if event["kind"] == kind]


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_serves(client: Rest, address: str, concurrency: str) -> None:
    name = f"{address.partition(':')[0]}-{concurrency}-{'6' if '[' in address else '4'}"
    with client.follow(service=name) as events:
        service = client.start(name, address=address, concurrency=concurrency, pool_size=4)
        status = service["status"]
        assert (status["state"], status["last_error"]) == ("running", None)
        assert status["host"] == ("process" if concurrency == "forking" else "thread")
        bound = status["address"]
        for text in (b"first", b"second"):
            with connected(bound) as peer:
                peer.sendall(text)
                assert peer.recv(64) == text
        opened = seen(events, "connection.opened", 2)
        data = seen(events, "connection.data", 4)
        # In the order of each process's own: forked children tell theirs beside one another.
        assert sorted(event["data"]["length"] for event in data) == [5, 5, 6, 6]
        assert sorted(event["data"]["direction"] for event in data) == ["in", "in", "out", "out"]
        if is_stream(address):
            closed = sorted(
                seen(events, "connection.closed", 2), key=lambda event: event["connection"]
            )
            assert {event["data"]["reason"] for event in closed} == {"client_closed"}
            assert [event["data"]["bytes"] for event in closed] == [
                {"in": 5, "out": 5},
                {"in": 6, "out": 6},
            ]
        listed = client.get(
            "/connections", params={"service": name, "state": "all", "sort": "id"}
        ).json()["items"]
        assert [found["id"] for found in listed] == [event["connection"] for event in opened]
        assert [found["bytes"]["in"] for found in listed] == [5, 6]

        stopped = client.post(f"/services/{name}/stop", json={"drain_timeout": 0})
        assert stopped.status_code == 200, stopped.text
        status = stopped.json()["status"]
        assert (status["state"], status["address"], status["pids"]) == ("stopped", None, [])
        assert status["connections"]["open"] == 0
        assert status["connections"]["total"] == 2
        assert status["bytes"] == {"in": 11, "out": 11}
    assert_nobody_listens(bound)
    assert client.delete(f"/services/{name}").status_code == 204


def assert_nobody_listens(bound: str) -> None:
    """A stopped service has given its address back."""
    transport, where = target(bound)
    if transport.startswith("unix"):
        assert not os.path.exists(where)
        return
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(where)


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
@pytest.mark.parametrize("transport", ["tcp4", "unix"])
def test_how_many_are_served_at_once(
    client: Rest, folder: Path, transport: str, concurrency: str
) -> None:
    name = f"at-once-{transport}-{concurrency}"
    address = ADDRESSES[transport].format(folder=folder)
    bound = client.start(name, address=address, concurrency=concurrency)["status"]["address"]
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(connected(bound)) for _ in range(2))
        first.sendall(b"first")
        assert first.recv(64) == b"first"
        second.sendall(b"second")
        if concurrency == "sync":
            # It waits until the first has gone.
            second.settimeout(0.1)
            with pytest.raises(TimeoutError):
                second.recv(64)
            second.settimeout(20)
            first.close()
        assert second.recv(64) == b"second"
    client.delete(f"/services/{name}")


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
@pytest.mark.parametrize("transport", ["udp4", "unixgram"])
def test_datagrams_of_every_size(
    client: Rest, folder: Path, transport: str, concurrency: str
) -> None:
    name = f"sizes-{transport}-{concurrency}"
    address = ADDRESSES[transport].format(folder=folder)
    bound = client.start(name, address=address, concurrency=concurrency)["status"]["address"]
    with connected(bound) as peer:
        for size in (0, 1, 65_507):
            peer.send(b"x" * size)
            assert len(peer.recv(70_000)) == size
    client.delete(f"/services/{name}")


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_a_few_requests_and_then_stopped(client: Rest, concurrency: str) -> None:
    name = f"few-{concurrency}"
    with client.follow(service=name) as events:
        started = client.start(name, "greeting", concurrency=concurrency, requests=3)
        for _ in range(3):
            with connected(started["status"]["address"]) as peer:
                assert peer.recv(64) == b"Thank you for connection"
        events.until(lambda event: event["data"].get("state") == "stopped")
    status = client.service(name)["status"]
    assert (status["connections"]["total"], status["last_error"]) == (3, None)
    client.delete(f"/services/{name}")


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_one_request(client: Rest, panel: RunningPanel, concurrency: str) -> None:
    name = f"one-{concurrency}"
    client.create(name, "greeting", concurrency=concurrency)
    answer = client.post(f"/services/{name}/handle-request", json={"timeout": 0.05})
    assert (answer.json()["handled"], answer.json()["status"]["state"]) == (False, "stopped")
    client.delete(f"/services/{name}")


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_a_bug_in_a_handler(client: Rest, panel: RunningPanel, concurrency: str) -> None:
    (panel.panel.configuration.handlers / "buggy.py").write_text(
        "from socketserver import BaseRequestHandler\n"
        "class Buggy(BaseRequestHandler):\n"
        "    def handle(self):\n"
        "        raise ValueError('a bug')\n"
    )
    name = f"bug-{concurrency}"
    with client.follow(service=name) as events:
        started = client.start(name, "buggy:Buggy", concurrency=concurrency)
        for count in (1, 2):
            with connected(started["status"]["address"]) as peer:
                assert peer.recv(64) == b""
            closed = seen(events, "connection.closed", count)
    errors = seen(events, "connection.error", 2)
    assert {event["data"]["reason"] for event in closed} == {"handler_error"}
    assert all("raise ValueError('a bug')" in event["data"]["traceback"] for event in errors)
    status = client.service(name)["status"]
    assert (status["state"], status["errors"]) == ("running", 2)
    client.delete(f"/services/{name}")


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
def test_a_child_process_of_its_own(client: Rest, address: str, concurrency: str) -> None:
    name = f"child-{address.partition(':')[0]}-{'6' if '[' in address else '4'}-{concurrency}"
    service = client.start(name, address=address, concurrency=concurrency, host="process")
    status = service["status"]
    assert status["host"] == "process"
    assert len(status["pids"]) == 1
    with connected(status["address"]) as peer:
        peer.sendall(b"hello")
        assert peer.recv(64) == b"hello"
    assert client.delete(f"/services/{name}").status_code == 204
    assert not os.path.exists(f"/proc/{status['pids'][0]}")
