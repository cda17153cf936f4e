"""Connections over REST: open and closed as one table, and how they are closed."""

from __future__ import annotations

import base64
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from socketdeck import Connection
from tests.panels import SECONDS, Rest, RunningPanel, connected

DEAF = """
import threading
from socketserver import BaseRequestHandler

go_on = threading.Event()

class Deaf(BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.request.recv(64))
        go_on.wait(20)
"""


@contextlib.contextmanager
def peers(rest: Rest, address: str, count: int) -> Iterator[list[Any]]:
    """So many clients of an echo service, each of which has had an answer."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(address)) for _ in range(count)]
        for number, client in enumerate(clients):
            client.sendall(b"x" * (number + 1))
            assert client.recv(64) == b"x" * (number + 1)
        yield clients


def ids(rest: Rest, **query: Any) -> list[int]:
    page = rest.get("/connections", params=query).json()
    return [connection["id"] for connection in page["items"]]


def wait_until(rest: Rest, path: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is at `path` once it is so."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        shown: dict[str, Any] = rest.get(path).json()
        if is_so(shown):
            return shown
    raise AssertionError(f"{path} has stayed {shown}")


def test_an_open_connection(client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    with connected(address) as peer:
        peer.sendall(b"hello")
        assert peer.recv(16) == b"hello"
        (found,) = client.get("/connections").json()["items"]
        host, port = peer.getsockname()
    assert found["service"] == "one"
    assert found["state"] == "open"
    assert found["peer"] == f"{host}:{port}"
    assert found["local"] == address.partition("//")[2]
    assert found["bytes"] == {"in": 5, "out": 5}
    assert found["messages"] == {"in": 1, "out": 1}
    assert found["close_reason"] is None
    assert found["kernel"]["rtt"] > 0
    assert found["opened_at"].endswith("Z")


def test_a_closed_connection_is_in_the_table_at_once(client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    with client.follow(service="one") as events:
        with peers(client, address, 1):
            (number,) = ids(client)
        # Whatever of it is written down by now: it is in one of the two places, and in one only.
        events.until_kind("connection.closed")
        for _ in range(20):
            assert ids(client, state="all") == [number]
            assert ids(client, state="closed") == [number]
            assert ids(client) == []
            found = client.get(f"/connections/{number}").json()
            assert (found["state"], found["close_reason"]) == ("closed", "client_closed")


def test_a_page_looks_once_at_each_that_is_on_it(
    client: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look asks the kernel too: of thousands that are open, a page costs what is on it."""
    looked_at: list[int] = []
    as_json = Connection.as_json

    def look(connection: Connection) -> dict[str, Any]:
        looked_at.append(connection.id)
        return as_json(connection)

    monkeypatch.setattr(Connection, "as_json", look)
    with peers(client, client.start("one")["status"]["address"], 6):
        first = ids(client, limit=2)
        assert looked_at == first
        looked_at.clear()
        by_rtt = ids(client, limit=2, sort="rtt")
        assert looked_at == by_rtt


def test_pages_of_open_and_closed_ones_together(client: Rest, panel: RunningPanel) -> None:
    address = client.start("one")["status"]["address"]
    with client.follow(service="one") as events:
        with peers(client, address, 5):
            closed = ids(client, sort="id")
        for _ in closed:
            events.until_kind("connection.closed")
    panel.panel.history.flush()
    with peers(client, address, 5):
        everything = sorted([*closed, *ids(client)])
        for sort in ("id", "-id", "bytes_in", "-duration"):
            seen: list[int] = []
            cursor: dict[str, str] = {}
            while True:
                query = {"state": "all", "limit": 3, "sort": sort, **cursor}
                page = client.get("/connections", params=query).json()
                assert page["total"] == 10
                seen += [connection["id"] for connection in page["items"]]
                if page["next_cursor"] is None:
                    break
                cursor = {"cursor": page["next_cursor"]}
            if sort != "-duration":  # which grows between two pages
                assert sorted(seen) == everything
        assert ids(client, state="all", sort="id") == everything


def test_filters(client: Rest) -> None:
    one = client.start("one")["status"]["address"]
    six = client.start("six", address="tcp://[::1]:0")["status"]["address"]
    with peers(client, one, 2), peers(client, six, 1):
        assert len(ids(client)) == 3
        assert len(ids(client, service="one")) == 2
        assert len(ids(client, service="nobody")) == 0
        assert len(ids(client, peer="127.0.0.0/8")) == 2
        assert len(ids(client, peer="::1")) == 1
        assert len(ids(client, peer="10.0.0.0/8")) == 0
        assert len(ids(client, q="SIX")) == 1
        assert len(ids(client, sort="-bytes_in", limit=1)) == 1
        assert len(ids(client, sort="rtt")) == 3
        assert len(ids(client, sort="idle")) == 3
        assert len(ids(client, state="closed", reason="killed")) == 0


def test_messages(client: Rest) -> None:
    address = client.start("one", capture={"bytes": 4})["status"]["address"]
    with client.follow(service="one") as events:
        with connected(address) as peer:
            for text in (b"first", b"<b>\x1b[31m"):
                peer.sendall(text)
                assert peer.recv(64) == text
            (number,) = ids(client)
        events.until_kind("connection.closed")
    found = client.get(f"/connections/{number}/messages").json()["items"]
    assert [(item["direction"], item["length"], item["truncated"]) for item in found] == [
        ("in", 5, True),
        ("out", 5, True),
        ("in", 8, True),
        ("out", 8, True),
    ]
    assert [base64.b64decode(item["data"]) for item in found[::2]] == [b"firs", b"<b>\x1b"]
    first = client.get(f"/connections/{number}/messages", params={"limit": 3}).json()
    rest = client.get(
        f"/connections/{number}/messages", params={"cursor": first["next_cursor"]}
    ).json()
    assert [item["seq"] for item in first["items"] + rest["items"]] == [
        item["seq"] for item in found
    ]


@pytest.mark.parametrize(("how", "seen"), [("close", b""), ("reset", ConnectionResetError)])
def test_close_one(client: Rest, how: str, seen: Any) -> None:
    address = client.start("one")["status"]["address"]
    with client.follow(service="one") as events, peers(client, address, 1) as (peer,):
        (number,) = ids(client)
        answer = client.delete(
            f"/connections/{number}", params={"how": how}, json={"reason": "a test"}
        )
        assert answer.status_code == 200
        closed = answer.json()
        assert (closed["id"], closed["state"], closed["close_reason"]) == (
            number,
            "closed",
            "killed",
        )
        if seen == b"":
            assert peer.recv(1) == b""
        else:
            with pytest.raises(seen):
                peer.recv(1)
        for kind in ("connection.closed", "audit"):  # in either order
            if kind not in events.kinds():
                events.until_kind(kind)
        kinds = {event["kind"]: event for event in events.seen}
    assert kinds["connection.closed"]["data"]["reason"] == "killed"
    assert kinds["audit"]["connection"] == number
    assert kinds["audit"]["data"] == {
        "action": "connection.close",
        "how": how,
        "reason": "a test",
    }
    again = client.delete(f"/connections/{number}")
    assert again.status_code == 409
    assert "closed already" in again.json()["detail"]


def test_close_one_whose_handler_goes_on(
    client: Rest, panel: RunningPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered all the same, and says what is."""
    monkeypatch.setattr("app.connections.ENDING_SECONDS", 0.01)
    (panel.panel.configuration.handlers / "deaf.py").write_text(DEAF)
    address = client.start("one", "deaf:Deaf")["status"]["address"]
    with client.follow(service="one") as events, peers(client, address, 1):
        (number,) = ids(client)
        answer = client.delete(f"/connections/{number}")
        assert (answer.status_code, answer.json()["state"]) == (200, "open")
        sys.modules["deaf"].go_on.set()
        assert events.until_kind("connection.closed")["data"]["reason"] == "killed"


def test_only_tcp_can_be_reset(client: Rest) -> None:
    address = client.start("one", address="udp://127.0.0.1:0")["status"]["address"]
    with peers(client, address, 1):
        (number,) = ids(client)
        for answer in (
            client.delete(f"/connections/{number}", params={"how": "reset"}),
            client.post("/connections/close", json={"how": "reset"}),
        ):
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["pointer"] == "/how"
        assert client.delete(f"/connections/{number}").status_code == 200
        assert ids(client) == []


def test_close_those_that_are_chosen(client: Rest) -> None:
    one = client.start("one")["status"]["address"]
    two = client.start("two")["status"]["address"]
    with peers(client, one, 3) as ones, peers(client, two, 2) as twos:
        answer = client.post("/connections/close", params={"service": "one"}, json={})
        assert answer.json() == {"count": 3, "closing": None}
        assert [peer.recv(1) for peer in ones] == [b"", b"", b""]
        assert client.post("/connections/close").json()["count"] == 2
        assert [peer.recv(1) for peer in twos] == [b"", b""]
    assert client.post("/connections/close").json()["count"] == 0


def test_close_those_that_are_named(client: Rest) -> None:
    one = client.start("one")["status"]["address"]
    two = client.start("two")["status"]["address"]
    with peers(client, one, 3) as ones, peers(client, two, 1) as (other,):
        first, second, third = ids(client, service="one", sort="id")
        (stranger,) = ids(client, service="two")
        # The filters apply as well, and what is not open is passed over.
        named = {"ids": [third, first, stranger, 10**9]}
        answer = client.post("/connections/close", params={"service": "one"}, json=named)
        assert answer.json() == {"count": 2, "closing": None}
        assert (ones[0].recv(1), ones[2].recv(1)) == (b"", b"")
        assert set(ids(client)) == {second, stranger}
        assert client.post("/connections/close", json=named).json()["count"] == 1
        assert other.recv(1) == b""
        assert client.post("/connections/close", json={"ids": []}).json()["count"] == 0
        assert ids(client) == [second]


@pytest.mark.parametrize("bad", [[0], ["1"], [1.5], list(range(1, 10_002)), 7])
def test_ids_that_make_no_sense(client: Rest, bad: Any) -> None:
    answer = client.post("/connections/close", json={"ids": bad, "how": "melt"})
    assert answer.status_code == 422
    pointers = {error["pointer"].split("/")[1] for error in answer.json()["errors"]}
    assert pointers == {"ids", "how"}


def test_close_at_a_pace(client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    with client.follow(service="one") as events, peers(client, address, 4) as clients:
        answer = client.post("/connections/close", json={"pace": 50})
        assert answer.json()["count"] == 4
        times = [events.until_kind("audit")["time"] for _ in clients]
        assert [peer.recv(1) for peer in clients] == [b""] * 4
    assert times == sorted(times)
    assert len(set(times)) == 4
    path = f"/connections/closings/{answer.json()['closing']}"
    shown = wait_until(client, path, lambda closing: closing["state"] != "running")
    assert (shown["state"], shown["count"], shown["done"], shown["missed"]) == ("ended", 4, 4, 0)
    assert client.get("/connections/closings").json()["items"] == [shown]
    assert client.delete(path).json() == shown
    assert client.get("/connections/closings/99").status_code == 404


def test_a_closing_is_stopped(client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    with peers(client, address, 3) as clients:
        order = ids(client, sort="id")
        answer = client.post("/connections/close", json={"pace": 0.01, "ids": order})
        path = f"/connections/closings/{answer.json()['closing']}"
        assert clients[0].recv(1) == b""
        assert client.delete(path).status_code == 200
        shown = wait_until(client, path, lambda closing: closing["state"] != "running")
        assert (shown["state"], shown["count"], shown["done"]) == ("stopped", 3, 1)
        assert shown["ended_at"] >= shown["started_at"]
        assert ids(client, sort="id") == order[1:]


def test_those_that_left_by_themselves_are_told_apart(client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    with client.follow(service="one") as events, peers(client, address, 2) as (_, second):
        answer = client.post("/connections/close", json={"pace": 4})
        second.close()
        events.until(
            lambda event: (
                event["kind"] == "connection.closed" and event["data"]["reason"] == "client_closed"
            )
        )
        path = f"/connections/closings/{answer.json()['closing']}"
        shown = wait_until(client, path, lambda closing: closing["state"] != "running")
    assert (shown["state"], shown["done"], shown["missed"]) == ("ended", 1, 1)


def test_only_so_many_closings_at_a_time(client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    with peers(client, address, 10):
        numbers = ids(client, sort="id")
        for at in range(0, 8, 2):
            named = {"pace": 0.001, "ids": numbers[at : at + 2]}
            assert client.post("/connections/close", json=named).status_code == 200
        refused = client.post("/connections/close", json={"pace": 0.001})
        assert refused.status_code == 503
        assert "4 closings go on" in refused.json()["detail"]
        for closing in client.get("/connections/closings").json()["items"]:
            client.delete(f"/connections/closings/{closing['id']}")


def test_a_panel_that_ends_ends_a_slow_closing(tmp_path: Path) -> None:
    running = RunningPanel(tmp_path / "data")
    rest = running.rest()
    address = rest.start("one", drain_timeout=0)["status"]["address"]
    with peers(rest, address, 3):
        assert rest.post("/connections/close", json={"pace": 0.01}).json()["count"] == 3
        rest.session.close()
        running.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "socketdeck-closing"]


def test_connections_outlive_the_panel(tmp_path: Path) -> None:
    first = RunningPanel(tmp_path / "data")
    rest = first.rest()
    address = rest.start("one", drain_timeout=0)["status"]["address"]
    with peers(rest, address, 1):
        before = rest.get("/connections").json()["items"][0]
        rest.session.close()
        first.close()
    second = RunningPanel(tmp_path / "data")
    rest = second.rest()
    found = rest.get(f"/connections/{before['id']}").json()
    assert found["close_reason"] == "service_stopped"
    assert found["peer"] == before["peer"]
    assert len(rest.get(f"/connections/{before['id']}/messages").json()["items"]) == 2
    address = rest.start("two")["status"]["address"]
    with peers(rest, address, 1):
        assert rest.get("/connections").json()["items"][0]["id"] == before["id"] + 1
    rest.session.close()
    second.close()
