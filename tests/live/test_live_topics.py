"""What can be subscribed to, and how a subscription is told what it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from app.live import wire
from app.live.links import FRAME_SECONDS, WAITING_PIECES, Joined, Subscription
from app.live.pieces import FRAME_EVENTS, make_piece, split
from app.live.statuses import Status
from app.live.topics import BadSubscription, Topic, choose, read_after
from socketdeck import Event
from socketdeck.event import dropped_event


def event(seq: int, service: str | None = "one", kind: str = "service.log") -> Event:
    return Event(seq, 1.5, service, seq, kind, {"text": f"line {seq}"})


@pytest.mark.parametrize(
    ("asked", "members"),
    [
        ({"topic": "overview"}, '"topic":"overview"'),
        ({"topic": "service", "name": "one"}, '"topic":"service","name":"one"'),
        ({"topic": "connection", "id": 5}, '"topic":"connection","id":5'),
        ({"topic": "events", "filter": {"q": "x"}}, '"topic":"events"'),
        (
            {"topic": "events", "filter": "service:one"},
            '"topic":"events","filter":"service:one"',
        ),
        ({"topic": "events", "filter": ""}, '"topic":"events"'),
        (
            {"topic": "events", "filter": "kind:connection.data  and service:one"},
            '"topic":"events","filter":"kind:data service:one"',
        ),
        ({"topic": "overview", "after": 9}, '"topic":"overview"'),
    ],
)
def test_topics(asked: dict[str, Any], members: str) -> None:
    assert Topic.parse(asked).members == members


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "overview",
        [],
        {},
        {"topic": "nix"},
        {"topic": ["overview"]},
        {"topic": "overview", "name": "one"},
        {"topic": "service"},
        {"topic": "service", "name": 5},
        {"topic": "service", "name": "x" * 1000},
        {"topic": "connection", "id": "5"},
        {"topic": "connection", "id": True},
        {"topic": "connection", "id": -1},
        {"topic": "events", "filter": "servce:one"},
        {"topic": "events", "filter": 5},
        {"topic": "events", "filter": {"nix": 1}},
        {"topic": "events", "filter": {"kind": [5]}},
        {"topic": "events", "filter": {"kind": ["x"] * 100}},
    ],
)
def test_what_is_no_topic(asked: Any) -> None:
    with pytest.raises(BadSubscription):
        Topic.parse(asked)


@pytest.mark.parametrize("after", ["5", -1, 1.5, True, 2**63])
def test_what_is_no_number_to_go_on_from(after: Any) -> None:
    with pytest.raises(BadSubscription):
        read_after({"after": after})


def test_whose_events() -> None:
    events = [event(1), event(2, "two"), event(3, None), dropped_event(5, 4, 8, "panel")]
    chosen = {
        str(asked): [found.seq for found in choose(Topic.parse(asked), events)]
        for asked in (
            {"topic": "overview"},
            {"topic": "service", "name": "two"},
            {"topic": "connection", "id": 1},
            {"topic": "events", "filter": {"q": "LINE 3"}},
            {"topic": "events", "filter": {"kind": "service.state"}},
        )
    }
    assert list(chosen.values()) == [[1, 2, 3, 8], [2, 8], [1, 8], [3, 8], [8]]


def test_frames_follow_on_one_another() -> None:
    subscription = Subscription(Topic("overview"), 10, 10, None)
    assert not subscription.has_waiting(None)
    subscription.put(make_piece(15, 16, [event(15), event(16)]))
    assert subscription.is_due(0.0, None)
    frame = subscription.take(0.0, 16, None, Joined())
    assert (frame.piece.seq_from, frame.piece.seq_to) == (11, 16)
    subscription.put(make_piece(17, 17, [event(17)]))
    assert not subscription.is_due(FRAME_SECONDS / 2, None)
    assert subscription.has_waiting(None)
    assert subscription.is_due(FRAME_SECONDS, None)


def test_a_status_is_told_once() -> None:
    told, other = Status("{1}", "a"), Status("{2}", "a")
    news = Status("{3}", "b")
    subscription = Subscription(Topic("service", "one"), 10, 10, told)
    assert not subscription.has_waiting(told)
    assert not subscription.has_waiting(other), "it differs in how time has passed alone"
    assert subscription.has_waiting(news)
    frame = subscription.take(0.0, 12, news, Joined())
    assert (frame.status, frame.piece.events) == (news, [])
    assert (frame.piece.seq_from, frame.piece.seq_to) == (11, 12)
    assert not subscription.has_waiting(news)


def test_what_waits_is_bounded() -> None:
    subscription = Subscription(Topic("overview"), 0, 0, None)
    for seq in range(1, 100_000):
        subscription.put(make_piece(seq, seq, [event(seq)]))
        assert len(subscription._waiting) <= WAITING_PIECES
    frame = subscription.take(0.0, 99_999, None, Joined())
    assert len(frame.piece.events) <= FRAME_EVENTS
    assert (frame.piece.seq_from, frame.piece.seq_to) == (1, 99_999)
    dropped, *shown = frame.piece.events
    assert dropped.data["count"] + len(shown) == 99_999
    assert frame.piece.folded == 99_999 - len(frame.piece.events)


def test_what_was_missed_comes_before_what_came_since() -> None:
    subscription = Subscription(Topic("overview"), 0, 600, None)
    subscription.put(make_piece(590, 599, [event(595)]))
    subscription.put(make_piece(600, 601, [event(600), event(601)]))
    assert not subscription.has_waiting(None)
    subscription.put_past(split(1, 600, [event(seq) for seq in range(1, 601)]))
    seqs: list[int] = []
    ranges = []
    while subscription.has_waiting(None):
        piece = subscription.take(0.0, 601, None, Joined()).piece
        seqs += [found.seq for found in piece.events]
        ranges.append((piece.seq_from, piece.seq_to))
    assert seqs == list(range(1, 602))
    assert ranges == [(1, 250), (251, 500), (501, 600), (601, 601)]


def test_texts_that_are_json_go_out_as_they_are() -> None:
    assert (
        wire.dumps(["frame", wire.Encoded('{"a":1}')], separators=(",", ":")) == '["frame",{"a":1}]'
    )
    assert wire.dumps(["frame", "text"], separators=(",", ":")) == '["frame","text"]'
    assert wire.dumps({"a": [1]}) == '{"a": [1]}'


def test_filters_that_mean_the_same_are_one_topic() -> None:
    def asked(filter: Any) -> Topic:
        return Topic.parse({"topic": "events", "filter": filter})

    assert asked("kind:data  and(service:one)") == asked("kind:connection.data service:one")
    assert asked("") == asked({}) == asked(None)
    assert asked("service:one") != asked("service:two")


def test_whose_events_by_a_filter() -> None:
    events = [event(1), event(2, "two"), event(3, None), dropped_event(5, 4, 8, "panel")]

    def chosen(filter: str) -> list[int]:
        topic = Topic.parse({"topic": "events", "filter": filter})
        peers = {1: "10.0.0.1:5", 3: "@three"}
        return [found.seq for found in choose(topic, events, lambda _: peers)]

    assert chosen("service:two or LINE text:3") == [2, 3, 8]
    assert chosen("peer:10.0.0.0/8") == [1, 8]
    assert chosen("-peer:*") == [2, 8]


def test_a_bad_filter_says_where() -> None:
    with pytest.raises(BadSubscription) as refused:
        Topic.parse({"topic": "events", "filter": "kind:log servce:one"})
    assert refused.value.place == {"position": 9, "length": 6}
    assert "did you mean service?" in str(refused.value)


def test_what_one_service_lost_is_of_its_own_topics() -> None:
    lost = dropped_event(3, 1, 3, "capture")._replace(service="one")
    anybody = dropped_event(3, 4, 6, "live")
    for asked, told in (
        ({"topic": "overview"}, [lost, anybody]),
        ({"topic": "service", "name": "one"}, [lost, anybody]),
        ({"topic": "service", "name": "other"}, [anybody]),
        ({"topic": "connection", "id": 1}, [anybody]),
        ({"topic": "events", "filter": "kind:data"}, [lost, anybody]),
        ({"topic": "events", "filter": "service:other"}, [anybody]),
    ):
        assert choose(Topic.parse(asked), [lost, anybody]) == told, asked
