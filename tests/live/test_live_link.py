"""The live link with real clients: who gets in, what they are sent, and what they missed."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import socketio

from app.live.door import UNKNOWN_CLIENTS
from tests.panels import SECONDS, TOKEN, LiveClient, Rest, RunningPanel, connected

Live = Callable[..., LiveClient]


def kinds(frames: list[dict[str, Any]], topic: str) -> list[str]:
    return [
        event["kind"] for frame in frames if frame["topic"] == topic for event in frame["events"]
    ]


def texts(events: list[dict[str, Any]]) -> list[str | None]:
    return [event["data"].get("text") for event in events]


def has_events(browser: LiveClient, count: int) -> Callable[[object], bool]:
    """Whether so many events have come."""
    return lambda _: len(browser.events()) == count


def has_text(browser: LiveClient, text: str) -> Callable[[object], bool]:
    """Whether an event with that text has come."""
    return lambda _: text in texts(browser.events())


def is_there(topic: str, kind: str) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda frames: kind in kinds(frames, topic)


# -- what is sent -----------------------------------------------------------------------------


def test_the_overview(client: Rest, live: Live) -> None:
    browser = live()
    answer = browser.subscribe("overview")
    assert answer["ok"] is True
    assert answer["snapshot"] == client.get("/services").json()["items"]
    address = client.start("one", handler="greeting")["status"]["address"]
    with connected(address) as peer:
        assert peer.recv(64)
    frames = browser.until(is_there("overview", "connection.closed"))
    assert kinds(frames, "overview") == [
        "service.created",
        "service.state",
        "service.state",
        "connection.opened",
        "service.log",
        "connection.data",
        "connection.closed",
    ]
    assert frames[0]["seq_from"] == answer["seq"] + 1
    for before, after in itertools.pairwise(frames):
        assert after["seq_from"] == before["seq_to"] + 1
    assert all(frame["folded"] == {"count": 0} for frame in frames)

    def shows_all(frames: list[dict[str, Any]]) -> bool:
        statuses = [frame["status"] for frame in frames if "status" in frame]
        services = {service["name"]: service for service in statuses[-1]} if statuses else {}
        return "one" in services and services["one"]["status"]["connections"]["total"] == 1

    last = browser.until(shows_all)
    services = [frame["status"] for frame in last if "status" in frame][-1]
    assert [service["name"] for service in services] == ["echo", "greeter", "one", "quotes"]
    assert services[2]["handler"] == "greeting"


def test_a_service(client: Rest, live: Live) -> None:
    browser = live()
    client.create("one")
    client.create("two")
    answer = browser.subscribe("service", name="one")
    assert answer["snapshot"] == client.service("one")["status"]
    for name in ("two", "one"):
        client.post(f"/services/{name}/start")
    frames = browser.until(
        lambda frames: frames and frames[-1].get("status", {}).get("state") == "running"
    )
    assert {frame["name"] for frame in frames} == {"one"}
    assert {event["service"] for event in browser.events()} == {"one"}


def test_a_connection(client: Rest, live: Live) -> None:
    browser = live()
    address = client.start("one")["status"]["address"]
    with connected(address) as peer:
        peer.sendall(b"first")
        assert peer.recv(16) == b"first"
        (found,) = client.get("/connections").json()["items"]
        answer = browser.subscribe("connection", id=found["id"])
        assert answer["snapshot"]["peer"] == found["peer"]
        peer.sendall(b"second")
        assert peer.recv(16) == b"second"
        browser.until(lambda _: len(browser.events()) >= 2)
    frames = browser.until(
        lambda frames: any(frame.get("status", {}).get("state") == "closed" for frame in frames)
    )
    assert {frame["id"] for frame in frames} == {found["id"]}
    lengths = [event["data"].get("length") for event in browser.events()]
    assert lengths == [6, 6, None]
    assert frames[-1]["status"]["bytes"] == {"in": 11, "out": 11}


def test_events_that_match(client: Rest, live: Live) -> None:
    browser = live()
    answer = browser.subscribe("events", filter={"kind": ["service.state"], "q": "two"})
    assert (answer["ok"], answer["snapshot"]) == (True, None)
    client.start("one")
    client.start("two")
    browser.until(lambda _: len(browser.events()) == 2)
    assert [event["data"]["state"] for event in browser.events()] == ["starting", "running"]
    # Another filter takes the place of the first.
    browser.subscribe("events", filter={"service": "one"})
    client.post("/services/two/stop")
    client.post("/services/one/stop")
    browser.until(lambda _: browser.events()[-1]["data"].get("state") == "stopped")
    assert {event["service"] for event in browser.events()[2:]} == {"one"}


def test_events_by_a_filter(client: Rest, live: Live) -> None:
    browser = live()
    filter = "kind:data,closed peer:127.0.0.0/8 -direction:in"
    assert browser.subscribe("events", filter=filter)["ok"] is True
    address = client.start("one", capture={"level": "payload"})["status"]["address"]
    with connected(address) as peer:
        peer.sendall(b"hello")
        peer.recv(64)
    browser.until(lambda _: len(browser.events()) == 2)
    assert [event["kind"] for event in browser.events()] == ["connection.data", "connection.closed"]
    assert browser.subscribe("events", filter="kind:data (hello") == {
        "ok": False,
        "error": "this bracket is not closed",
        "position": 10,
        "length": 1,
    }


def test_bytes_show_where_nothing_is_recorded(client: Rest, live: Live) -> None:
    browser = live()
    address = client.start("one", capture={"level": "counters"})["status"]["address"]
    browser.subscribe("service", name="one")
    with connected(address) as peer:
        for _ in range(3):
            peer.sendall(b"x" * 100)
            assert peer.recv(200)
        browser.until(
            lambda frames: frames and frames[-1].get("status", {}).get("bytes", {}).get("in") == 300
        )
    frames = browser.until(
        lambda frames: "status" in frames[-1] and frames[-1]["status"]["rates"]["10s"]["bytes_in"]
    )
    assert "connection.data" not in kinds(frames, "service")


def test_nothing_is_sent_while_nothing_changes(client: Rest, live: Live) -> None:
    browser = live()
    client.start("one")
    browser.subscribe("service", name="one")
    browser.subscribe("overview")
    # The frames of what has just happened, if they are still on their way, come before an answer.
    before = client.get("/services").json()["items"]
    for _ in range(20):
        browser.ask("ping")
    told = len(browser.frames)
    assert told <= 4, "what was known at the subscription is not told again"
    assert [frame["status"] for frame in browser.frames if frame["topic"] == "overview"] in (
        [],
        [before],
    )


def test_a_service_that_is_deleted(client: Rest, live: Live) -> None:
    browser = live()
    client.create("one")
    browser.subscribe("service", name="one")
    client.delete("/services/one")
    browser.until(is_there("service", "service.deleted"))
    assert browser.subscribe("service", name="one")["ok"] is False


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (None, "object"),
        ({"topic": "nix"}, "no topic 'nix'"),
        ({"topic": "service", "name": "nobody"}, "no service 'nobody'"),
        ({"topic": "connection", "id": 99}, "no connection 99"),
        ({"topic": "overview", "after": "x"}, "after"),
    ],
)
def test_what_cannot_be_subscribed_to(live: Live, asked: Any, said: str) -> None:
    answer = live().ask("subscribe", asked)
    assert answer["ok"] is False
    assert said in answer["error"]


def test_unsubscribe(client: Rest, live: Live) -> None:
    browser = live()
    browser.subscribe("overview")
    browser.subscribe("service", name="echo")
    assert browser.ask("unsubscribe", {"topic": "overview"}) == {"ok": True}
    client.patch("/services/echo", json={"description": "x"})
    browser.until(is_there("service", "service.updated"))
    assert kinds(browser.frames, "overview") == []


def test_so_many_subscriptions_and_no_more(live: Live) -> None:
    browser = live()
    answers = [browser.subscribe("overview")] + [
        browser.subscribe("service", name=name) for name in ("echo", "greeter", "quotes")
    ]
    assert all(answer["ok"] for answer in answers)
    assert browser.subscribe("overview")["ok"] is True, "the same again is no further one"


# -- one frame in flight ----------------------------------------------------------------------


def test_a_client_that_does_not_acknowledge_is_sent_one_frame(client: Rest, live: Live) -> None:
    slow, quick = live(), live()
    slow.subscribe("service", name="echo")
    quick.subscribe("service", name="echo")
    slow.acknowledging.clear()
    for number in range(30):
        client.patch("/services/echo", json={"description": f"{number}"})
        quick.until(has_events(quick, number + 1))
    assert len(slow.frames) == 1
    slow.acknowledging.set()
    slow.until(lambda _: len(slow.events()) == 30)
    assert len(slow.frames) == 2
    assert slow.events() == quick.events()
    assert slow.frames[1]["seq_from"] == slow.frames[0]["seq_to"] + 1


def test_what_is_too_much_for_a_slow_client_is_folded(panel: RunningPanel, live: Live) -> None:
    slow, quick = live(), live()
    slow.subscribe("service", name="echo")
    quick.subscribe("service", name="echo")
    slow.acknowledging.clear()
    journal = panel.panel.journal
    for number in range(100):
        for line in range(20):
            journal.emit("service.log", "echo", stream="stdout", text=f"{number}, {line}")
        journal.flush()
        if number == 0:
            slow.until(lambda frames: frames)
    journal.emit("service.log", "echo", stream="stdout", text="the end")
    for browser in (slow, quick):
        browser.acknowledging.set()
        browser.until(has_text(browser, "the end"))
    shown = slow.events()
    assert len(shown) < 1_000
    dropped = [event["data"] for event in shown if event["kind"] == "events.dropped"]
    lines = [event for event in shown if event["kind"] == "service.log"]
    assert sum(data["count"] for data in dropped) + len(lines) == 2_001
    assert {data["source"] for data in dropped} == {"live"}
    assert sum(frame["folded"]["count"] for frame in slow.frames) == 2_001 - len(shown)
    for browser in (slow, quick):
        seqs = [event["seq"] for event in browser.events()]
        assert seqs == sorted(set(seqs))
        for before, after in zip(browser.frames, browser.frames[1:], strict=False):
            assert after["seq_from"] == before["seq_to"] + 1


# -- catching up ------------------------------------------------------------------------------


def test_after_a_lost_link(client: Rest, live: Live) -> None:
    first = live()
    start = first.subscribe("overview")["seq"]
    client.start("one")
    first.until(lambda _: len(first.events()) >= 3)
    seen = first.frames[-1]["seq_to"]
    first.close()
    client.post("/services/one/stop")
    client.start("two")
    second = live()
    answer = second.subscribe("overview", after=seen)
    client.post("/services/two/stop")
    second.until(
        lambda _: (
            second.events()
            and second.events()[-1]["data"].get("state") == "stopped"
            and second.events()[-1]["service"] == "two"
        )
    )
    events = first.events() + second.events()
    assert [event["seq"] for event in events] == list(range(start + 1, start + len(events) + 1))
    assert answer["seq"] >= seen
    assert second.frames[0]["seq_from"] == seen + 1
    history = client.get("/events", params={"after": start, "limit": 500}).json()["items"]
    assert events == history


@pytest.mark.parametrize("topic", ["overview", "service"])
def test_no_gap_and_no_repeat_while_much_happens(client: Rest, live: Live, topic: str) -> None:
    params = {"name": "one"} if topic == "service" else {}
    address = client.start("one")["status"]["address"]
    start = client.get("/events").json()["items"][0]["seq"]
    stop = threading.Event()

    def talk() -> None:
        with connected(address) as peer:
            while not stop.is_set():
                peer.sendall(b"x")
                peer.recv(16)
                stop.wait(0.002)

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        events: list[dict[str, Any]] = []
        seen = start
        for _ in range(4):
            browser = live()
            browser.subscribe(topic, after=seen, **params)
            browser.until(lambda frames: len(frames) >= 5)
            browser.client.disconnect()
            events += browser.events()
            seen = browser.frames[-1]["seq_to"]
    finally:
        stop.set()
        talker.join()
    assert [event["seq"] for event in events] == list(range(start + 1, seen + 1))


def test_more_than_is_caught_up_with_is_a_gap_that_is_told(
    client: Rest, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.live.pump.CATCH_UP_EVENTS", 5)
    client.start("one")
    client.post("/services/one/restart")
    last = client.get("/events").json()["items"][0]["seq"]
    browser = live()
    browser.subscribe("overview", after=0)
    browser.until(lambda _: len(browser.events()) >= 6)
    gap, *events = browser.events()
    assert gap["kind"] == "events.dropped"
    assert (gap["data"]["from_seq"], gap["data"]["to_seq"]) == (1, last - 5)
    assert [event["seq"] for event in events] == list(range(last - 4, last + 1))


def test_from_a_number_that_is_not_yet(client: Rest, live: Live) -> None:
    browser = live()
    answer = browser.subscribe("overview", after=10**12)
    client.create("one")
    browser.until(is_there("overview", "service.created"))
    assert browser.frames[0]["seq_from"] == answer["seq"] + 1


# -- who gets in ------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", [{}, {"token": "wrong"}])
def test_nobody_without_the_token(panel: RunningPanel, auth: dict[str, str]) -> None:
    refusals: list[Any] = []
    client = socketio.Client(reconnection=False)
    client.on("connect_error", refusals.append, namespace="/live")
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(panel.url, auth=auth, namespaces=["/live"], transports=["websocket"])
    client.disconnect()
    assert [refusal["data"] for refusal in refusals] == [{"status": 401}]
    assert "token" in refusals[0]["message"]


def test_by_the_cookie_of_a_session(panel: RunningPanel, client: Rest) -> None:
    with requests.Session() as visitor:
        visitor.post(f"{panel.url}/api/v1/session", json={"token": TOKEN}, timeout=SECONDS)
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        browser = LiveClient(panel.url, None, Cookie=cookie)
        assert browser.subscribe("overview")["ok"]
        csrf = visitor.post(f"{panel.url}/api/v1/session", json={"token": TOKEN}, timeout=SECONDS)
        assert csrf.status_code == 200
        assert browser.gone.wait(SECONDS), "a link ends with its session"
        with pytest.raises(socketio.exceptions.ConnectionError):
            LiveClient(panel.url, None, Cookie=cookie)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Origin: http://evil.example", b"403"),
        ("Origin: http://127.0.0.1:1", b"403"),
        ("Origin: null", b"403"),
        ("Origin: http://127.0.0.1:{port}", b"101"),
        ("Host: evil.example", b"421"),
    ],
)
def test_not_from_elsewhere(panel: RunningPanel, header: str, status: bytes) -> None:
    sent = handshake(panel.port).decode()
    name = header.partition(":")[0]
    lines = [line for line in sent.split("\r\n") if not line.startswith(f"{name}:")]
    lines.insert(1, header.format(port=panel.port))
    with socket.create_connection(("127.0.0.1", panel.port), timeout=SECONDS) as client:
        client.sendall("\r\n".join(lines).encode())
        assert client.recv(12)[9:] == status


def test_by_websocket_alone(panel: RunningPanel) -> None:
    for path in ("/socket.io/?EIO=4&transport=polling", "/socket.io/", "/socket.io"):
        answer = requests.get(panel.url + path, timeout=SECONDS)
        assert answer.status_code == 426
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_another_namespace(panel: RunningPanel) -> None:
    client = socketio.Client(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(panel.url, namespaces=["/"], transports=["websocket"])


@pytest.fixture
def small(tmp_path: Any) -> Iterator[RunningPanel]:
    """A panel for two live clients."""
    running = RunningPanel(tmp_path / "data", LIVE_CLIENTS="2")
    yield running
    running.close()


def test_so_many_and_no_more(small: RunningPanel) -> None:
    first, second = LiveClient(small.url), LiveClient(small.url)
    with pytest.raises(socketio.exceptions.ConnectionError):
        LiveClient(small.url)
    assert first.subscribe("overview")["ok"]
    assert second.subscribe("overview")["ok"]
    first.close()
    second.close()


def handshake(port: int) -> bytes:
    return (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def test_those_who_say_nothing_are_few_and_shown_out(panel: RunningPanel) -> None:
    clients = []
    for _ in range(UNKNOWN_CLIENTS + 5):
        client = socket.create_connection(("127.0.0.1", panel.port), timeout=SECONDS)
        client.sendall(handshake(panel.port))
        clients.append((client, client.recv(4096)))
    answers = [answer[:12] for _, answer in clients]
    assert answers == [b"HTTP/1.1 101"] * UNKNOWN_CLIENTS + [b"HTTP/1.1 503"] * 5
    assert b"permessage-deflate" not in clients[0][1]
    for client, _ in clients:
        while client.recv(4096):
            pass
        client.close()
    LiveClient(panel.url).close()


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"9",
        b"4",
        b"40/live,{",
        b"40/live," + b"[" * 5000,
        b"42/live,[]",
        b'42/live,["subscribe"]',
        b"45-[",
        b"\xff\xfe",
        b"4" + b"x" * 70_000,
    ],
)
def test_nonsense_ends_its_own_link_at_most(panel: RunningPanel, live: Live, packet: bytes) -> None:
    browser = live()
    with socket.create_connection(("127.0.0.1", panel.port), timeout=SECONDS) as client:
        client.sendall(handshake(panel.port))
        assert client.recv(12) == b"HTTP/1.1 101"
        mask = b"\x01\x02\x03\x04"
        length = (
            bytes([0x80 | len(packet)])
            if len(packet) < 126
            else b"\xfe" + len(packet).to_bytes(2, "big")
            if len(packet) < 65536
            else b"\xff" + len(packet).to_bytes(8, "big")
        )
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(packet))
        client.sendall(b"\x81" + length + mask + masked)
        assert browser.subscribe("overview")["ok"]


def test_events_named_like_socketio_s_own(panel: RunningPanel, live: Live) -> None:
    browser = live()
    browser.client.emit("connect", {"token": TOKEN}, namespace="/live")
    assert browser.subscribe("overview")["ok"], "it is connected already"
    browser.client.emit("disconnect", namespace="/live")
    assert browser.gone.wait(SECONDS)
    assert live().subscribe("overview")["ok"]


# -- ends -------------------------------------------------------------------------------------


def test_a_link_has_two_threads_and_leaves_none(panel: RunningPanel) -> None:
    def threads() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if "client" not in thread.name}

    LiveClient(panel.url).close()
    before = threads()
    browsers = [LiveClient(panel.url) for _ in range(5)]
    for browser in browsers:
        assert browser.subscribe("overview")["ok"]
    own = threads() - before
    # The client of the tests has threads of its own: three each at most.
    assert len(own) <= 5 * (2 + 3)
    for browser in browsers:
        browser.close()
    for thread in own:
        thread.join(SECONDS)
    assert not [thread for thread in own if thread.is_alive()]


def test_a_silent_client_is_given_up(
    client: Rest, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.live.pump.ACKNOWLEDGED_SECONDS", 0.2)
    browser = live()
    browser.subscribe("overview")
    browser.acknowledging.clear()
    client.create("one")
    browser.until(lambda frames: frames)
    assert browser.gone.wait(SECONDS)


def test_the_end_of_the_panel(panel: RunningPanel, live: Live) -> None:
    browser = live()
    browser.subscribe("overview")
    panel.panel.close()
    assert browser.gone.wait(SECONDS)
    assert not [thread for thread in threading.enumerate() if thread.name == "socketdeck-live"]
    with pytest.raises(socketio.exceptions.ConnectionError):
        LiveClient(panel.url)
