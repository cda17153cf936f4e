"""Pieces of events, decided without a clock or a socket: folded, bounded, encoded."""

from __future__ import annotations

import itertools
import json
from typing import Any

from app.live.pieces import (
    EVENT_BYTES,
    FRAME_BYTES,
    FRAME_EVENTS,
    PAYLOAD_BYTES,
    encode,
    fold,
    frame_text,
    join,
    make_piece,
    split,
)
from socketdeck import Event


def data(seq: int, connection: int = 1, direction: str = "in", length: int = 3) -> Event:
    detail = {"direction": direction, "length": length, "data": b"abc", "truncated": False}
    return Event(seq, 1.5, "one", connection, "connection.data", detail)


def opened(seq: int, connection: int) -> Event:
    return Event(seq, 1.5, "one", connection, "connection.opened", {"peer": "p", "local": "l"})


def frame(piece: Any, status: str | None = None) -> dict[str, Any]:
    texts = [encode(event) for event in piece.events]
    content: dict[str, Any] = json.loads(frame_text('"topic":"overview"', piece, texts, status))
    return content


def test_few_events_are_told_singly() -> None:
    events = [opened(1, 1), data(2), data(3)]
    piece = make_piece(1, 3, events)
    assert (piece.events, piece.folded) == (events, 0)
    shown = frame(piece)
    assert shown["topic"] == "overview"
    assert (shown["seq_from"], shown["seq_to"]) == (1, 3)
    assert [event["seq"] for event in shown["events"]] == [1, 2, 3]
    assert shown["folded"] == {"count": 0}
    assert "status" not in shown


def test_many_of_one_connection_are_one_a_direction() -> None:
    events = [data(seq, direction="in" if seq % 2 else "out", length=seq) for seq in range(1, 1001)]
    piece = make_piece(1, 1000, events)
    assert [(event.seq, event.data["count"]) for event in piece.events] == [(1, 500), (2, 500)]
    assert sum(event.data["length"] for event in piece.events) == sum(range(1, 1001))
    assert all(event.data["truncated"] for event in piece.events)
    assert piece.folded == 998


def test_folded_again_they_still_add_up() -> None:
    halves = [
        make_piece(1, 500, [data(seq) for seq in range(1, 501)]),
        make_piece(501, 1000, [data(seq) for seq in range(501, 1001)]),
    ]
    whole = join(
        [*halves, *[make_piece(seq, seq, [opened(seq, seq)]) for seq in range(1001, 1300)]]
    )
    folds = [event for event in whole.events if event.kind == "connection.data"]
    dropped = [event for event in whole.events if event.kind == "events.dropped"]
    assert len(whole.events) <= FRAME_EVENTS
    assert not folds, "they are the oldest"
    assert dropped[0].data["count"] + len(whole.events) - 1 == 1299
    assert dropped[0].data["from_seq"] == 1
    assert whole.folded == 1299 - len(whole.events)
    assert (whole.seq_from, whole.seq_to) == (1, 1299)


def test_what_is_too_much_all_the_same_is_told_as_dropped() -> None:
    events = [opened(seq, seq) for seq in range(1, 1001)]
    shown = fold(events, 100)
    assert len(shown) == 100
    assert shown[0].kind == "events.dropped"
    assert shown[0].data == {"count": 901, "from_seq": 1, "to_seq": 901, "source": "live"}
    assert [event.seq for event in shown[1:]] == list(range(902, 1001))
    again = fold([*shown, *[opened(seq, seq) for seq in range(1001, 1101)]], 100)
    assert again[0].data == {"count": 1001, "from_seq": 1, "to_seq": 1001, "source": "live"}


def test_catching_up_folds_nothing() -> None:
    events = [data(seq) for seq in range(11, 611)]
    pieces = split(5, 700, events)
    assert [event for piece in pieces for event in piece.events] == events
    assert all(len(piece.events) <= FRAME_EVENTS for piece in pieces)
    ranges = [(piece.seq_from, piece.seq_to) for piece in pieces]
    assert ranges[0][0] == 5
    assert ranges[-1][1] == 700
    assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(ranges))
    assert split(5, 9, []) == [(5, 9, [], 0)]


def test_payloads_are_cut() -> None:
    event = data(1)
    event.data["data"] = b"x" * (PAYLOAD_BYTES + 1)
    event.data["length"] = PAYLOAD_BYTES + 1
    shown = json.loads(encode(event))["data"]
    assert shown["truncated"] is True
    assert len(shown["data"]) == -(-PAYLOAD_BYTES // 3) * 4
    assert event.data["data"] == b"x" * (PAYLOAD_BYTES + 1), "others still read it"


def test_an_event_is_bounded() -> None:
    event = Event(1, 1.5, "one", None, "service.created", {"definition": {"a": "x" * 1_000_000}})
    text = encode(event)
    assert len(text) < EVENT_BYTES
    assert json.loads(text)["data"] == {"truncated": True}


def test_a_frame_is_bounded() -> None:
    events = [
        Event(seq, 1.5, "one", None, "service.log", {"text": "x" * 50_000}) for seq in range(1, 101)
    ]
    piece = make_piece(1, 100, events)
    shown = frame(piece, '{"state":"running"}')
    assert len(json.dumps(shown)) < FRAME_BYTES * 1.1
    marker, *rest = shown["events"]
    assert marker["kind"] == "events.dropped"
    assert marker["data"]["count"] + len(rest) == 100
    assert shown["folded"]["count"] == marker["data"]["count"]
    assert rest[-1]["seq"] == 100
    assert shown["status"] == {"state": "running"}
