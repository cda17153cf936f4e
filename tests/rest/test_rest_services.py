"""Services over REST: create, read, edit, delete; start, stop, and the rest of a life."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.panels import Rest, RunningPanel, connected

# -- reading ----------------------------------------------------------------------------------


def test_a_fresh_panel_has_three_services_that_are_stopped(client: Rest) -> None:
    found = client.get("/services").json()
    assert [service["name"] for service in found["items"]] == ["echo", "greeter", "quotes"]
    assert {service["status"]["state"] for service in found["items"]} == {"stopped"}
    assert [service["address"] for service in found["items"]] == [
        "tcp://127.0.0.1:7007",
        "tcp://127.0.0.1:7001",
        "udp://127.0.0.1:7017",
    ]
    assert (found["total"], found["next_cursor"]) == (3, None)


def test_pages_neither_skip_nor_repeat(client: Rest) -> None:
    names: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/services", params={"limit": 2, "sort": "-name", **cursor}).json()
        names += [service["name"] for service in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert names == ["quotes", "greeter", "echo"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"state": "running"}, ["one"]),
        ({"state": ["running", "stopped"]}, ["echo", "greeter", "one", "quotes"]),
        ({"label": "team"}, ["one"]),
        ({"label": ["team=blue"]}, ["one"]),
        ({"label": ["team=red"]}, []),
        ({"q": "QUOTE"}, ["quotes"]),
        ({"q": "team=bl"}, ["one"]),
        ({"q": "udp://"}, ["quotes"]),
        ({"sort": "-total"}, ["quotes", "one", "greeter", "echo"]),
    ],
)
def test_filters(client: Rest, filters: dict[str, object], names: list[str]) -> None:
    client.start("one", labels={"team": "blue"})
    found = client.get("/services", params=filters).json()
    assert [service["name"] for service in found["items"]] == names
    assert found["total"] == len(names)


# -- creating ---------------------------------------------------------------------------------


def test_create_says_where_it_is_and_does_not_start(client: Rest) -> None:
    answer = client.post(
        "/services", json={"name": "one", "address": "tcp://127.0.0.1:0", "handler": "echo"}
    )
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/services/one"
    assert answer.json()["status"]["state"] == "stopped"
    again = client.get(answer.headers["Location"])
    assert again.json() == answer.json()
    assert again.headers["ETag"] == answer.headers["ETag"]


def test_create_and_start_in_one(client: Rest) -> None:
    answer = client.post(
        "/services?start=true",
        json={"name": "one", "address": "tcp://127.0.0.1:0", "handler": "echo"},
    )
    assert answer.status_code == 201
    with connected(answer.json()["status"]["address"]) as peer:
        peer.sendall(b"hello")
        assert peer.recv(16) == b"hello"


def test_created_though_its_start_failed(client: Rest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = client.post(
            "/services?start=true",
            json={"name": "one", "address": f"tcp://127.0.0.1:{port}", "handler": "echo"},
        )
    assert answer.status_code == 201
    status = answer.json()["status"]
    assert status["state"] == "failed"
    assert "in use by" in status["last_error"]["message"]


# -- editing ----------------------------------------------------------------------------------


def test_patch_changes_what_it_names(client: Rest) -> None:
    client.create("one", labels={"a": "1", "b": "2"}, limits={"backlog": 7})
    patched = client.patch(
        "/services/one",
        json={"description": "new", "labels": {"a": None, "c": "3"}, "limits": {"backlog": None}},
        headers={"Content-Type": "application/merge-patch+json"},
    ).json()
    assert patched["description"] == "new"
    assert patched["labels"] == {"b": "2", "c": "3"}
    assert patched["limits"]["backlog"] == 4096
    assert patched["handler"] == "echo"


def test_put_replaces_all_of_it(client: Rest) -> None:
    before = client.create("one", description="old", pool_size=3)
    put = client.put("/services/one", json={"address": before["address"], "handler": "upper"})
    assert put.status_code == 200
    assert put.json()["description"] == ""
    assert put.json()["handler"] == "upper"
    assert put.json()["pool_size"] == 64


def test_what_was_read_can_be_put_back(client: Rest) -> None:
    read = client.create("one")
    put = client.put("/services/one", json={**read, "description": "edited"})
    assert put.status_code == 200, put.text
    assert put.json()["description"] == "edited"


def test_an_edit_of_what_runs_waits_for_its_next_start(client: Rest) -> None:
    client.start("one", options={})
    edited = client.patch("/services/one", json={"handler": "upper", "description": "x"}).json()
    assert edited["status"]["state"] == "running"
    assert edited["status"]["pending_changes"] == ["handler"]
    restarted = client.post("/services/one/restart").json()
    assert restarted["status"]["pending_changes"] == []
    with connected(restarted["status"]["address"]) as peer:
        peer.sendall(b"hello\n")
        assert peer.recv(16) == b"HELLO\n"


def test_a_lost_edit_is_refused(client: Rest) -> None:
    client.create("one")
    tag = client.get("/services/one").headers["ETag"]
    mine = client.patch("/services/one", json={"description": "1"}, headers={"If-Match": tag})
    assert mine.status_code == 200
    assert mine.headers["ETag"] != tag
    for change in (
        client.patch("/services/one", json={"description": "2"}, headers={"If-Match": tag}),
        client.put("/services/one", json=client.service("one"), headers={"If-Match": tag}),
        client.delete("/services/one", headers={"If-Match": tag}),
    ):
        assert change.status_code == 412
    assert client.service("one")["description"] == "1"
    assert client.delete("/services/one", headers={"If-Match": "*"}).status_code == 204


def test_an_edit_that_changes_nothing_is_none(client: Rest) -> None:
    client.create("one", description="as it is")
    before = client.get("/services/one")
    with client.follow(service="one") as events:
        for answer in (
            client.patch("/services/one", json={}),
            client.patch("/services/one", json={"description": "as it is", "labels": {}}),
            client.put("/services/one", json=before.json()),
        ):
            assert (answer.status_code, answer.headers["ETag"]) == (200, before.headers["ETag"])
        client.patch("/services/one", json={"description": "another"})
        assert events.until_kind("service.updated")["seq"] == events.seen[0]["seq"]


def test_edits_at_the_same_time_are_all_kept(client: Rest, panel: RunningPanel) -> None:
    client.create("one")

    def label(number: int) -> None:
        rest = panel.rest()
        answer = rest.patch("/services/one", json={"labels": {f"n{number}": "x"}})
        assert answer.status_code == 200
        rest.session.close()

    threads = [threading.Thread(target=label, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(client.service("one")["labels"]) == [f"n{number}" for number in range(8)]


def test_a_broken_file_does_not_stand_in_the_way_of_other_edits(
    client: Rest, panel: RunningPanel
) -> None:
    module = panel.panel.configuration.handlers / "mine.py"
    module.write_text(
        "from socketserver import StreamRequestHandler\nclass Mine(StreamRequestHandler):\n"
        "    def handle(self): pass\n"
    )
    client.create("one", handler="mine:Mine")
    module.write_text("def broken(:\n")
    assert client.patch("/services/one", json={"description": "x"}).status_code == 200
    refused = client.patch("/services/one", json={"concurrency": "sync"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/handler"


# -- a life -----------------------------------------------------------------------------------


def test_start_and_stop_twice_change_nothing(client: Rest) -> None:
    client.start("one")
    again = client.post("/services/one/start")
    assert (again.status_code, again.json()["status"]["generation"]) == (200, 1)
    for _ in range(2):
        stopped = client.post("/services/one/stop")
        assert (stopped.status_code, stopped.json()["status"]["state"]) == (200, "stopped")


def test_a_name_and_an_address_that_are_taken_are_told_at_once(client: Rest) -> None:
    client.create("one", address="tcp://127.0.0.1:1007")
    client.create("two", address="tcp://127.0.0.1:1008")
    body = {"name": "one", "address": "tcp://127.0.0.1:1008", "handler": "echo"}
    answer = client.post("/services", json=body)
    assert answer.status_code == 409
    told = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert list(told) == ["/name", "/address"]
    assert "there is a service one already" in told["/name"]
    assert "is the address of the service two" in told["/address"]
    assert client.service("one")["address"] == "tcp://127.0.0.1:1007"


def test_restart_of_a_stopped_one_starts_it(client: Rest) -> None:
    client.create("one")
    assert client.post("/services/one/restart").json()["status"]["state"] == "running"


def test_a_start_that_fails_says_why(client: Rest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        client.create("one", address=f"tcp://127.0.0.1:{other.getsockname()[1]}")
        answer = client.post("/services/one/start")
    assert answer.status_code == 409
    assert "in use by this panel" in answer.json()["detail"]
    assert client.service("one")["status"]["state"] == "failed"


def test_a_stop_closes_what_is_open_after_its_drain(client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    with connected(address) as peer:
        peer.sendall(b"x")
        assert peer.recv(1) == b"x"
        stopped = client.post("/services/one/stop", json={"drain_timeout": 0})
        assert stopped.json()["status"]["closed"] == {"service_stopped": 1}
        assert peer.recv(1) == b""


def test_handle_request(client: Rest, panel: RunningPanel) -> None:
    client.create("one", handler="greeting")
    with client.follow(service="one") as events:
        answers = []
        caller = threading.Thread(
            target=lambda: answers.append(panel.rest().post("/services/one/handle-request"))
        )
        caller.start()
        events.until(lambda event: event["data"].get("state") == "running")
        with connected(client.service("one")["status"]["address"]) as peer:
            assert peer.recv(64) == b"Thank you for connection"
        caller.join()
    (answer,) = answers
    assert answer.status_code == 200
    assert answer.json()["handled"] is True
    assert answer.json()["status"]["state"] == "stopped"
    answer.connection.close()


def test_handle_request_gives_up(client: Rest) -> None:
    client.create("one")
    answer = client.post("/services/one/handle-request", json={"timeout": 0.05})
    assert (answer.status_code, answer.json()["handled"]) == (200, False)


def test_handle_request_of_a_running_one_is_illegal(client: Rest) -> None:
    client.start("one")
    answer = client.post("/services/one/handle-request")
    assert answer.status_code == 409
    assert "one is running" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("encoding", "data", "expected"),
    [
        ("text", "hello", ("hello", "text")),
        ("hex", "68656c6c6f", ("68656c6c6f", "hex")),
        ("base64", "aGVsbG8=", ("aGVsbG8=", "base64")),
        ("text", "grüße", ("grüße", "text")),
    ],
)
def test_try(client: Rest, encoding: str, data: str, expected: tuple[str, str]) -> None:
    client.start("one")
    found = client.post("/services/one/try", json={"data": data, "encoding": encoding}).json()
    assert (found["data"], found["encoding"]) == expected
    assert found["ended"] == "quiet"
    assert found["first_byte_after"] > 0


def test_try_answers_bytes_that_are_no_text_in_base64(
    client: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_text = 0xF000_0000 - 2_208_988_800  # seconds from 1900 to 1970
    monkeypatch.setattr("socketdeck.catalogue.time.time", SimpleNamespace(time=lambda: no_text))
    client.start("one", handler="time")
    found = client.post("/services/one/try", json={"data": ""}).json()
    assert (found["encoding"], found["length"], found["ended"]) == ("base64", 4, "closed")
    assert found["data"] == "8AAAAA=="


@pytest.mark.parametrize("address", ["udp://127.0.0.1:0", "udp://[::1]:0", "unixgram://{}/s"])
def test_try_of_more_than_a_datagram_can_hold(client: Rest, tmp_path: Path, address: str) -> None:
    client.start("one", address=address.format(tmp_path))
    answer = client.post("/services/one/try", json={"data": "x" * 500_000})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/data"
    assert "500000 bytes" in error["detail"]


def test_try_of_a_stopped_one_is_illegal(client: Rest) -> None:
    client.create("one")
    assert client.post("/services/one/try", json={"data": "x"}).status_code == 409


def test_delete_stops_it_first(client: Rest) -> None:
    address = client.start("one", drain_timeout=0)["status"]["address"]
    with connected(address) as peer:
        peer.sendall(b"x")
        assert peer.recv(1) == b"x"
        assert client.delete("/services/one").status_code == 204
        assert peer.recv(1) == b""
    assert client.get("/services/one").status_code == 404
    assert client.create("one")["status"]["connections"]["total"] == 0


def test_a_service_that_ends_by_itself_is_stopped(client: Rest) -> None:
    with client.follow(service="one") as events:
        address = client.start("one", handler="greeting", requests=2)["status"]["address"]
        for _ in range(2):
            with connected(address) as peer:
                assert peer.recv(64)
        events.until(lambda event: event["data"].get("state") == "stopped")
    assert client.service("one")["status"]["connections"]["total"] == 2


# -- what outlives a panel --------------------------------------------------------------------


def test_a_panel_comes_back_with_what_ran(tmp_path: Path) -> None:
    first = RunningPanel(tmp_path / "data")
    rest = first.rest()
    rest.start("runs")
    rest.start("was-stopped")
    rest.post("/services/was-stopped/stop")
    rest.start("stays-off", autostart=False)
    rest.create("never-ran", description="kept")
    rest.delete("/services/quotes")
    rest.session.close()
    first.close()

    second = RunningPanel(tmp_path / "data")
    rest = second.rest()
    try:
        found = {service["name"]: service for service in rest.get("/services").json()["items"]}
        assert sorted(found) == ["echo", "greeter", "never-ran", "runs", "stays-off", "was-stopped"]
        assert found["never-ran"]["description"] == "kept"
        waits = rest.get("/readyz")
        assert (waits.status_code, waits.json()["not_running"]) == (503, {"runs": "stopped"})
        with rest.follow(service="runs") as events:
            second.panel.autostart()
            events.until(lambda event: event["data"].get("state") == "running")
        assert rest.get("/readyz").status_code == 200
        states = {
            service["name"]: service["status"]["state"]
            for service in rest.get("/services").json()["items"]
        }
        assert [name for name, state in states.items() if state == "running"] == ["runs"]
    finally:
        rest.session.close()
        second.close()
