"""Looking into a connection's handler, and sending into the connection, over REST."""

from __future__ import annotations

import base64
import contextlib
import getpass
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.panels import Rest, RunningPanel, connected

HANDLERS = """
import socket
from itertools import repeat
from socketserver import BaseRequestHandler

class Reader(BaseRequestHandler):
    def handle(self):
        while order := self.listen():
            if order == b"hold":
                self.request.sendall(b"now")
                sum(repeat(0))
            if order == b"detach":
                with socket.socket(fileno=self.request.detach()) as own:
                    own.sendall(b"now")
                    own.recv(10)
                return
            self.request.sendall(order)

    def listen(self):
        return self.request.recv(64)
"""


@pytest.fixture(params=["thread", "process", "forking"])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Where handlers run."""
    if request.param == "forking":
        return {"concurrency": "forking"}
    return {"host": request.param, "concurrency": "threading"}


@contextlib.contextmanager
def reader(
    rest: Rest, panel: RunningPanel, way: dict[str, Any], **fields: Any
) -> Iterator[tuple[Any, int]]:
    """A client of a `Reader` that has answered, and the number of its connection."""
    folder = panel.panel.configuration.handlers
    (folder / "readers.py").write_text(HANDLERS)
    with rest.follow(kind="connection.opened") as events:
        started = rest.start("reads", "readers:Reader", **way, **fields)
        with connected(started["status"]["address"]) as peer:
            ask(peer, b"hello")
            yield peer, events.until_kind("connection.opened")["connection"]


def ask(peer: Any, order: bytes) -> bytes:
    peer.sendall(order)
    answer: bytes = peer.recv(64)
    return answer


def waits(rest: Rest, number: int) -> dict[str, Any]:
    """Its stack, once its handler is back from what it was at."""
    while True:
        found: dict[str, Any] = rest.get(f"/connections/{number}/stack").json()
        if [frame["function"] for frame in found["frames"]] == ["Reader.handle", "Reader.listen"]:
            return found


def test_the_stack_of_a_handler(client: Rest, panel: RunningPanel, way: dict[str, Any]) -> None:
    with reader(client, panel, way) as (_, number):
        found = waits(client, number)
        shown = client.get(f"/connections/{number}").json()
    assert (found["state"], found["cut"]) == ("handling", False)
    assert (found["pid"], found["thread"]) == (shown["pid"], shown["thread"])
    assert [frame["code"] for frame in found["frames"]] == [
        "while order := self.listen():",
        "return self.request.recv(64)",
    ]
    lines = HANDLERS.splitlines()
    for frame in found["frames"]:
        assert lines[frame["line"] - 1].strip() == frame["code"]
        assert Path(frame["file"]).name == "readers.py"
        assert f'File "{frame["file"]}", line {frame["line"]}, in ' in found["text"]
    assert found["time"].endswith("Z")


def test_of_a_closed_connection_and_one_from_before_a_restart(tmp_path: Path) -> None:
    first = RunningPanel(tmp_path / "data")
    rest = first.rest()
    address = rest.start("one", drain_timeout=0)["status"]["address"]
    with rest.follow(service="one") as events, connected(address) as peer:
        ask(peer, b"hello")
        number = events.until_kind("connection.opened")["connection"]
        peer.close()
        events.until_kind("connection.closed")
    found = rest.get(f"/connections/{number}/stack").json()
    assert (found["state"], found["frames"], found["text"]) == ("closed", [], "")
    rest.session.close()
    first.close()
    second = RunningPanel(tmp_path / "data")
    rest = second.rest()
    found = rest.get(f"/connections/{number}/stack").json()
    assert (found["state"], found["frames"]) == ("closed", [])
    refused = rest.post(f"/connections/{number}/send", json={"data": "hello"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == f"connection {number} is closed"
    rest.session.close()
    second.close()


def test_a_connection_that_never_was(client: Rest) -> None:
    assert client.get("/connections/999/stack").status_code == 404
    assert client.post("/connections/999/send", json={"data": "x"}).status_code == 404


@pytest.mark.parametrize("way", [{"host": "process"}, {"concurrency": "forking"}])
def test_a_handler_that_keeps_the_interpreter(
    client: Rest, panel: RunningPanel, way: dict[str, Any]
) -> None:
    """Many ask at once: each is told, or told to come again, and the panel goes on."""
    with reader(client, panel, way, drain_timeout=0) as (peer, number):
        peer.sendall(b"hold")
        assert peer.recv(64) == b"now"
        path = f"/connections/{number}/stack"
        while client.get(path).status_code == 200:
            pass  # it has answered, and is about to
        rests = [panel.rest() for _ in range(30)]
        with ThreadPoolExecutor(len(rests)) as askers:
            answers = list(askers.map(lambda rest: rest.get(path), rests))
        assert {answer.status_code for answer in answers} <= {409, 503}
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert "did not answer within 2 s" in refused.json()["detail"]
        assert client.get("/connections").status_code == 200
        for rest in rests:
            rest.session.close()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [("héllo", "text"), ("68 c3a96c6c6f", "hex"), ("aMOpbGxv", "base64"), ("héllo", None)],
)
def test_what_is_sent_arrives(
    client: Rest, panel: RunningPanel, way: dict[str, Any], data: str, encoding: str | None
) -> None:
    with reader(client, panel, way) as (peer, number), client.follow(connection=number) as events:
        body = {"data": data} if encoding is None else {"data": data, "encoding": encoding}
        answer = client.post(f"/connections/{number}/send", json=body)
        assert (answer.status_code, answer.json()) == (200, {"sent": 6})
        assert peer.recv(64) == "héllo".encode()
        told = events.until(lambda event: "injected" in event["data"])["data"]
        assert (told["injected"], told["direction"]) == (True, "out")
        assert base64.b64decode(told["data"]) == "héllo".encode()
        (audit,) = client.get(f"/events?kind=audit&connection={number}").json()["items"]
        assert audit["data"] == {"action": "connection.send", "length": 6, "sent": 6}
        shown = client.get(f"/connections/{number}").json()
        assert shown["bytes"] == {"in": 5, "out": 11}
        messages = client.get(f"/connections/{number}/messages").json()["items"]
        assert sorted(message["injected"] for message in messages) == [False, False, True]


def test_a_datagram_to_a_flows_peer(client: Rest) -> None:
    address = client.start("one", "upper", address="udp://127.0.0.1:0")["status"]["address"]
    with connected(address) as peer:
        assert ask(peer, b"hello") == b"HELLO"
        (flow,) = client.get("/connections").json()["items"]
        answer = client.post(f"/connections/{flow['id']}/send", json={"data": ""})
        assert answer.json() == {"sent": 0}
        assert peer.recv(64) == b""
        assert client.get(f"/connections/{flow['id']}/stack").json()["state"] == "between"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/data"),
        ({"data": 1}, "/data"),
        ({"data": ""}, "/data"),
        ({"data": "x", "encoding": "utf-7"}, "/encoding"),
        ({"data": "x" * 65_537}, "/data"),
        ({"data": "abc", "encoding": "hex"}, "/data"),
        ({"data": "ab", "encoding": "base64"}, "/data"),
        ({"data": "00" * 65_537, "encoding": "hex"}, "/data"),
        ({"data": "x", "pace": 1}, "/pace"),
    ],
)
def test_a_bad_body(client: Rest, body: dict[str, Any], pointer: str) -> None:
    address = client.start("one")["status"]["address"]
    with connected(address) as peer:
        ask(peer, b"hello")
        (found,) = client.get("/connections").json()["items"]
        refused = client.post(f"/connections/{found['id']}/send", json=body)
        assert refused.status_code == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
        assert ask(peer, b"still here") == b"still here"


def test_all_that_is_sent_at_a_time(client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    with connected(address) as peer:
        ask(peer, b"hello")
        (found,) = client.get("/connections").json()["items"]
        answer = client.post(f"/connections/{found['id']}/send", json={"data": "x" * 65_536})
        sent = answer.json()["sent"]
        assert 0 < sent <= 65_536
        received = b""
        while len(received) < sent:
            received += peer.recv(65_536)
        assert received == b"x" * sent


def test_a_socket_that_was_taken_apart(
    client: Rest, panel: RunningPanel, way: dict[str, Any]
) -> None:
    with reader(client, panel, way) as (peer, number):
        assert ask(peer, b"detach") == b"now"
        refused = client.post(f"/connections/{number}/send", json={"data": "hello"})
        assert refused.status_code == 409
        assert "TLS" in refused.json()["detail"]


def test_who_is_at_the_other_end_of_a_unix_socket(
    client: Rest, panel: RunningPanel, way: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory(prefix="deck-") as folder:
        fields = {**way, "address": f"unix://{folder}/s"}
        with reader(client, panel, fields) as (_, number):
            found = client.get(f"/connections/{number}").json()["peer_credentials"]
        assert found == {
            "pid": os.getpid(),
            "uid": os.getuid(),
            "gid": os.getgid(),
            "user": getpass.getuser(),
            "process": Path("/proc/self/comm").read_text().strip(),
        }
        client.post("/services/reads/stop", json={"drain_timeout": 0})


def test_the_kernels_figures_and_a_reset(
    client: Rest, panel: RunningPanel, way: dict[str, Any]
) -> None:
    with reader(client, panel, way) as (peer, number):
        assert client.get(f"/connections/{number}").json()["kernel"]["rtt"] > 0
        assert client.get("/connections?sort=rtt").json()["items"][0]["kernel"]["rtt"] > 0
        closed = client.delete(f"/connections/{number}?how=reset").json()
        assert (closed["close_reason"], closed["kernel"]) == ("killed", None)
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
