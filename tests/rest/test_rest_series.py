"""Series over REST: what a service did lately, by the second and by the minute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.store import StoreError
from tests.panels import LiveClient, Rest, RunningPanel, ServedPanel, connected

COLUMNS = (
    "open",
    "connections",
    "bytes_in",
    "bytes_out",
    "messages_in",
    "messages_out",
    "errors",
    "p50",
    "p95",
    "p99",
)


def series(rest: Rest, name: str, **query: Any) -> dict[str, Any]:
    answer = rest.get(f"/services/{name}/series", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def talk(address: str) -> None:
    with connected(address) as peer:
        peer.sendall(b"hello")
        assert peer.recv(16) == b"hello"


def latest(client: LiveClient, *, after: int = 0) -> dict[str, Any]:
    """Wait until a request was sampled, after a second; what the live link says of it."""

    def is_it(frames: list[dict[str, Any]]) -> bool:
        found = [frame["status"]["handling"]["latest"] for frame in frames if frame.get("status")]
        return any(one and one["second"] > after for one in found)

    frames = [frame for frame in client.until(is_it) if frame.get("status")]
    found: dict[str, Any] = frames[-1]["status"]["handling"]["latest"]
    return found


@pytest.fixture
def talked(client: Rest, live: Callable[..., LiveClient]) -> dict[str, Any]:
    """A service that was asked once; what the live link says of that second."""
    address = client.start("one")["status"]["address"]
    watching = live()
    watching.subscribe("service", name="one")
    talk(address)
    return latest(watching)


def test_a_second_is_told_as_the_live_link_tells_it(client: Rest, talked: dict[str, Any]) -> None:
    told = series(client, "one", window="1m")
    assert told["step"] == 1
    assert told["to"] - told["from"] == 60 == len(told["times"])
    assert told["times"] == list(range(told["from"], told["to"]))
    assert all(len(told[name]) == 60 for name in COLUMNS)
    assert sum(value or 0 for value in told["connections"]) == 1
    assert sum(value or 0 for value in told["bytes_in"]) == 5
    assert sum(value or 0 for value in told["messages_out"]) == 1
    at = told["times"].index(talked["second"])
    assert [told[name][at] for name in ("p50", "p95", "p99")] == [
        talked[name] for name in ("p50", "p95", "p99")
    ]
    assert told["since"] <= talked["second"]
    assert told["totals"] == {
        "connections": 1,
        "bytes_in": 5,
        "bytes_out": 5,
        "messages_in": 1,
        "messages_out": 1,
        "errors": 0,
    }
    assert told["restarts"] == []


def test_each_window_has_its_step(client: Rest, talked: dict[str, Any]) -> None:
    quarter, day = series(client, "one"), series(client, "one", window="24h")
    assert (quarter["step"], len(quarter["times"])) == (1, 900)
    assert (day["step"], len(day["times"])) == (60, 1440)
    assert day["times"][0] % 60 == 0
    assert max(value or 0 for value in day["p99"]) == talked["p99"]


def test_only_what_is_after_a_moment(client: Rest, talked: dict[str, Any]) -> None:
    told = series(client, "one", window="15m", after=talked["second"])
    assert told["from"] == told["times"][0] == talked["second"]
    assert told["p99"][0] == talked["p99"]
    none = series(client, "one", window="24h", after=told["to"] + 10_000)
    assert len(none["times"]) <= 1


def test_a_service_that_never_ran(client: Rest) -> None:
    client.create("idle")
    told = series(client, "idle", window="1m")
    assert told["since"] is None
    assert all(set(told[name]) == {None} for name in COLUMNS)


def test_what_cannot_be_asked(client: Rest) -> None:
    client.create("one")
    answer = client.get("/services/one/series", params={"window": "1h", "after": "x", "from": 1})
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/window", "/after", "/from"}
    assert client.get("/services/none/series").status_code == 404
    client.delete("/services/one")
    assert client.get("/services/one/series").status_code == 404


def test_a_namesake_begins_with_nothing(client: Rest, talked: dict[str, Any]) -> None:
    client.delete("/services/one")
    client.create("one")
    assert series(client, "one")["since"] is None


def test_a_delete_that_the_disk_refuses_loses_nothing(
    client: Rest, panel: RunningPanel, talked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise StoreError("the definition of one was not deleted: the disk is full")

    before = series(client, "one", window="1m")
    with monkeypatch.context() as broken:
        broken.setattr(panel.panel.store.definitions, "delete", fail)
        assert client.delete("/services/one").status_code == 503
    after = series(client, "one", window="1m")
    assert after["since"] == before["since"] is not None
    assert sum(filter(None, after["bytes_in"])) == len(b"hello")
    talk(client.post("/services/one/start").json()["status"]["address"])
    assert client.delete("/services/one").status_code == 204


def test_a_restart_is_marked_and_loses_nothing(tmp_path: Path) -> None:
    first = RunningPanel(tmp_path)
    rest = first.rest()
    talk(rest.start("one")["status"]["address"])
    rest.session.close()
    first.close()
    second = RunningPanel(tmp_path)
    rest = second.rest()
    try:
        day = series(rest, "one", window="24h")
        assert sum(value or 0 for value in day["errors"]) == 0
        assert any(day["bytes_in"])
        assert len(day["restarts"]) == 1
        assert day["from"] <= day["restarts"][0] <= day["to"] + 1
    finally:
        rest.session.close()
        second.close()


def test_a_panel_that_is_killed_keeps_what_it_had_written(tmp_path: Path) -> None:
    with ServedPanel(tmp_path) as served:
        rest = served.rest()
        address = rest.start("one")["status"]["address"]
        watching = LiveClient(served.url)
        watching.subscribe("service", name="one")
        talk(address)
        first = latest(watching)
        # Written by the time that something twelve seconds later is sampled.
        last = first
        while last["second"] < first["second"] + 12:
            talk(address)
            last = latest(watching, after=last["second"])
        watching.close()
        rest.session.close()
        served.kill_all()
    with ServedPanel(tmp_path) as served:
        rest = served.rest()
        told = series(rest, "one", window="15m")
        assert told["p99"][told["times"].index(first["second"])] == first["p99"]
        assert len(told["restarts"]) == 1
        rest.session.close()
