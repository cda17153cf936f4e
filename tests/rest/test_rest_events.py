"""Events over REST: pages, filters, and a stream of lines."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from app.api.waiting import STREAMS_FOLLOWED
from tests.panels import Follower, Rest, RunningPanel, connected


def kinds(rest: Rest, **query: Any) -> list[str]:
    return [event["kind"] for event in rest.get("/events", params=query).json()["items"]]


@pytest.fixture
def greeted(client: Rest) -> list[dict[str, Any]]:
    """What happens when a greeter greets once: its events, oldest first."""
    with client.follow() as events:
        address = client.start("one", handler="greeting")["status"]["address"]
        with connected(address) as peer:
            assert peer.recv(64) == b"Thank you for connection"
        events.until_kind("connection.closed")
    return events.seen


def test_what_happens_when_somebody_is_greeted(greeted: list[dict[str, Any]]) -> None:
    assert [event["kind"] for event in greeted] == [
        "service.created",
        "service.state",
        "service.state",
        "connection.opened",
        "service.log",
        "connection.data",
        "connection.closed",
    ]
    log = greeted[4]
    assert log["data"]["text"].startswith("got connection from 127.0.0.1")
    assert log["connection"] == greeted[3]["connection"]
    assert [event["seq"] for event in greeted] == list(
        range(greeted[0]["seq"], greeted[0]["seq"] + 7)
    )
    assert all(event["time"].endswith("Z") for event in greeted)


def test_newest_first_and_oldest_first(client: Rest, greeted: list[dict[str, Any]]) -> None:
    assert client.get("/events").json()["items"] == greeted[::-1]
    after = client.get("/events", params={"after": greeted[2]["seq"]}).json()
    assert after["items"] == greeted[3:]
    before = client.get("/events", params={"before": greeted[2]["seq"]}).json()
    assert before["items"] == greeted[:2][::-1]


def test_pages(client: Rest, greeted: list[dict[str, Any]]) -> None:
    for first, expected in (({}, greeted[::-1]), ({"after": 0}, greeted)):
        seen: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": 2, **first}
        while True:
            page = client.get("/events", params=query).json()
            assert page["total"] == 7
            seen += page["items"]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert seen == expected


def test_filters(client: Rest, greeted: list[dict[str, Any]]) -> None:
    number = greeted[3]["connection"]
    assert kinds(client, kind="service.created") == ["service.created"]
    assert kinds(client, kind=["service.log", "connection.opened"]) == [
        "service.log",
        "connection.opened",
    ]
    assert len(kinds(client, connection=number)) == 4
    assert kinds(client, service="nobody") == []
    assert kinds(client, q="THANK YOU") == ["connection.data"]
    assert kinds(client, q="got connection") == ["service.log"]
    assert client.get("/events", params={"q": "thank"}).json()["total"] is None


def test_a_stream_from_a_number_on(client: Rest, greeted: list[dict[str, Any]]) -> None:
    with client.follow(after=greeted[1]["seq"]) as events:
        events.until_kind("connection.closed")
        assert events.seen == greeted[2:]
        client.post("/services/one/stop")
        last = events.until(lambda event: event["data"].get("state") == "stopped")
    seqs = [event["seq"] for event in events.seen]
    assert seqs == list(range(greeted[2]["seq"], last["seq"] + 1))


def test_a_stream_that_is_filtered(client: Rest) -> None:
    with client.follow(service="two", kind="service.state") as events:
        client.start("one")
        client.start("two")
        events.until(lambda event: event["data"].get("state") == "running")
    assert {event["service"] for event in events.seen} == {"two"}
    assert events.kinds() == ["service.state", "service.state"]


def test_without_gaps_or_repeats_while_much_happens(client: Rest) -> None:
    address = client.start("one", capture={"level": "payload"})["status"]["address"]
    start = client.get("/events").json()["items"][0]["seq"]
    stop = threading.Event()

    def talk() -> None:
        with connected(address) as peer:
            while not stop.is_set():
                peer.sendall(b"x")
                peer.recv(16)

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        for _ in range(3):
            with client.follow(after=start) as events:
                events.until(lambda event: len(events.seen) >= 500)
            seqs = [event["seq"] for event in events.seen]
            assert seqs == list(range(start + 1, seqs[-1] + 1))
    finally:
        stop.set()
        talker.join()


def test_streams_are_so_many_and_no_more(client: Rest, panel: RunningPanel) -> None:
    def follow(stack: contextlib.ExitStack) -> list[Follower]:
        return [stack.enter_context(client.follow()) for _ in range(STREAMS_FOLLOWED - 1)]

    def refused() -> bool:
        answer = client.get("/events", params={"follow": "true"})
        return answer.status_code == 503 and "Retry-After" in answer.headers

    with client.follow() as first, contextlib.ExitStack() as others:
        with contextlib.ExitStack() as those:
            held = follow(those)
            assert refused()
            with panel.rest().session as other:
                assert other.get(f"{panel.url}/healthz").status_code == 200
        # Those that hung up make way at once, though nothing happens that could be sent to them.
        held = follow(others)
        assert refused()
        client.create("one")
        for follower in (first, *held):
            assert follower.until_kind("service.created")["service"] == "one"


def test_a_stream_ends_with_the_panel(client: Rest, panel: RunningPanel) -> None:
    with client.follow() as events:
        client.start("one")
        panel.panel.close()
        with pytest.raises(AssertionError, match="the stream ended"):
            events.until_kind("nothing of that kind")
    assert events.seen[-1]["data"]["state"] == "stopped"
