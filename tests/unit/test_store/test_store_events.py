"""Events kept and found again: whole, in order, by filter, by cursor, within bounds of work."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store import BadQuery, events
from app.store.batches import (
    BATCH_BYTES,
    BATCH_EVENTS,
    BatchPacker,
    decode_events,
    encode_batches,
    inflate,
)
from socketdeck.event import Event


def walk(panel: Any, **parameters: Any) -> list[int]:
    """Every event asked for, page by page."""
    seqs: list[int] = []
    cursor = None
    while True:
        page = panel.history.events(cursor=cursor, **parameters)
        seqs += [event.seq for event in page.items]
        if page.next_cursor is None:
            return seqs
        assert page.next_cursor != cursor
        cursor = page.next_cursor


def test_an_event_comes_back_as_it_was(panel: Any) -> None:
    data = {"direction": "in", "length": 3, "data": b"\x00\xff<", "truncated": False, "x": None}
    panel.emit("connection.data", connection=7, **data)
    panel.flush()
    panel.restart()
    (event,) = panel.history.events().items
    assert isinstance(event, Event)
    assert event[2:] == ("echo", 7, "connection.data", data)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("\ud800 and \udcff", "\\ud800 and \\udcff"),
        (2**80, str(2**80)),
        ({"deep": {1: {"x"}}}, {"deep": {"1": ["x"]}}),
        (ValueError("no"), "no"),
    ],
)
def test_a_value_that_cannot_be_packed_is_kept_as_near_as_can_be(
    panel: Any, value: Any, kept: Any
) -> None:
    panel.emit(value=value, bad="\udcff")
    panel.flush()
    panel.restart()
    assert panel.history.events().items[0].data == {"value": kept, "bad": "\\udcff"}


def test_a_value_nested_without_end_does_not_stop_history(panel: Any) -> None:
    deep: list[Any] = []
    deep.append(deep)
    panel.emit(value=deep)
    panel.emit(text="next")
    panel.flush()
    assert panel.history.events(q="next").items


def test_newest_first_and_with_after_oldest_first(panel: Any) -> None:
    for _ in range(5):
        panel.emit()
    panel.flush()
    assert panel.seqs() == [5, 4, 3, 2, 1]
    assert panel.seqs(before=3) == [2, 1]
    assert panel.seqs(after=3) == [4, 5]
    assert panel.seqs(after=1, before=4) == [2, 3]
    assert panel.seqs(after=0, limit=2) == [1, 2]
    assert panel.seqs(after=10**30) == panel.seqs(before=-1) == []


def test_what_is_not_written_yet_is_not_missing(panel: Any) -> None:
    for _ in range(3):
        panel.emit()
    panel.flush()
    for _ in range(3):
        panel.emit()
    panel.journal.flush()
    assert panel.seqs() == [6, 5, 4, 3, 2, 1]
    assert panel.seqs(after=2) == [3, 4, 5, 6]
    assert panel.history.events().total == 6


def test_pages_neither_skip_nor_repeat(panel: Any) -> None:
    for number in range(1_300):
        panel.emit(service=f"s{number % 3}")
        if number % 400 == 0:
            panel.flush()
    panel.journal.flush()
    assert walk(panel, limit=97) == list(range(1_300, 0, -1))
    assert walk(panel, after=0, limit=97) == list(range(1, 1_301))
    assert walk(panel, limit=50, service="s1") == list(range(1_298, 0, -3))


def test_pages_stay_whole_while_events_go_on(panel: Any) -> None:
    for _ in range(60):
        panel.emit()
    panel.flush()
    first = panel.history.events(limit=30)
    panel.emit()
    panel.flush()
    second = panel.history.events(limit=30, cursor=first.next_cursor)
    assert [event.seq for event in second.items] == list(range(30, 0, -1))
    assert second.next_cursor is None


def test_filters(panel: Any) -> None:
    panel.emit("service.state", "echo", state="running")
    panel.open(1, service="echo")
    panel.data(1, b"GET /Index")
    panel.open(12, service="echo-2")
    panel.data(12, "Žluťoučký".encode())
    panel.close(1)
    panel.flush()
    assert panel.seqs(service="echo") == [6, 3, 2, 1]
    assert panel.seqs(connection=1) == [6, 3, 2]
    assert panel.seqs(kind="connection.opened") == [4, 2]
    assert panel.seqs(kind=["connection.closed", "service.state"]) == [6, 1]
    assert panel.seqs(q="get /INDEX") == [3]
    assert panel.seqs(q="žluť") == [5]
    assert panel.seqs(q="ECHO-2") == [5, 4]
    assert panel.seqs(q="client_closed", service="echo", connection=1) == [6]
    assert panel.seqs(service="%") == panel.seqs(service="ech_") == panel.seqs(q="nobody") == []
    assert panel.history.events(service="echo").total is None


def test_messages_are_a_connections_data_oldest_first(panel: Any) -> None:
    panel.open(1)
    panel.open(2)
    for text in (b"a", b"b", b"c"):
        panel.data(1, text)
        panel.data(2, b"other")
    panel.flush()
    panel.close(1)
    for closed in (False, True):
        if closed:
            panel.flush()
            panel.restart()
        page = panel.history.messages(1, limit=2)
        rest = panel.history.messages(1, limit=2, cursor=page.next_cursor)
        assert [event.data["data"] for event in (*page.items, *rest.items)] == [b"a", b"b", b"c"]
        assert rest.next_cursor is None
    assert panel.history.messages(10**30).items == panel.history.messages(99).items == []


def test_a_search_is_cut_in_calls_of_bounded_work(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        panel.emit(service="rare" if number in (3, 30) else "echo", text=f"n{number}")
        panel.flush()
    monkeypatch.setattr(events, "BATCHES_PASSED", 7)
    page = panel.history.events(service="rare")
    assert (page.items, page.next_cursor) == ([], "33")
    assert walk(panel, service="rare") == [31, 4]
    assert walk(panel, service="rare", after=0) == [4, 31]
    monkeypatch.setattr(events, "BATCHES_PASSED", 50_000)
    monkeypatch.setattr(events, "EVENTS_OPENED", 5 * events.OPENING_EVENTS)
    assert panel.history.events(q="n30").next_cursor == "36"
    assert walk(panel, q="n30") == [31]
    assert walk(panel, q="n30", after=0) == [31]


@pytest.mark.parametrize(
    "parameters", [{"limit": 0}, {"limit": 501}, {"cursor": "x"}, {"cursor": "-1"}, {"cursor": "²"}]
)
def test_parameters_that_make_no_sense_are_named(panel: Any, parameters: dict[str, Any]) -> None:
    with pytest.raises(BadQuery) as refused:
        panel.history.events(**parameters)
    assert [error.pointer for error in refused.value.errors] == [f"/{next(iter(parameters))}"]


def test_batches_are_cut_by_number_and_by_size() -> None:
    many = [Event(seq, 1.0, "s", seq, "k", {}) for seq in range(1, 2 * BATCH_EVENTS + 11)]
    rows = encode_batches(many)
    assert [row["events"] for row in rows] == [BATCH_EVENTS, BATCH_EVENTS, 10]
    assert decoded(rows) == many
    large = [Event(seq, 1.0, "s", 1, "k", {"data": b"x" * 100_000}) for seq in range(1, 6)]
    assert [row["events"] for row in encode_batches(large)] == [2, 2, 1]
    huge = Event(9, 1.0, "s", 1, "k", {"data": b"x" * 2 * BATCH_BYTES})
    assert [row["events"] for row in encode_batches([*large[:1], huge, *large[:1]])] == [1, 1, 1]


@given(
    pieces=st.lists(st.integers(0, 2 * BATCH_EVENTS), max_size=6),
    odd=st.lists(st.integers(0, 2 * BATCH_EVENTS), max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_what_is_packed_a_little_at_a_time_is_all_there(pieces: list[int], odd: list[int]) -> None:
    packer = BatchPacker()
    added: list[Event] = []
    for piece in pieces:
        first = len(added) + 1
        some = [
            Event(seq, float(seq), f"s{seq % 3}", seq % 7, "k", {"n": 2**70 if seq in odd else seq})
            for seq in range(first, first + piece)
        ]
        packer.add(some)
        added += some
    rows = packer.finish()
    assert packer.finish() == []
    assert sum(row["events"] for row in rows) == len(added)
    assert [event.seq for event in decoded(rows)] == [event.seq for event in added]
    told = [event.data["n"] for event in decoded(rows)]
    assert told == [str(2**70) if event.seq in odd else event.seq for event in added]
    for row in rows:
        inside = [event for event in added if row["first_seq"] <= event.seq <= row["last_seq"]]
        assert len(inside) == row["events"]
        assert {f",{event.service}," in row["services"] for event in inside} == {True}
        assert {f",{event.connection}," in row["connections"] for event in inside} == {True}
        assert (row["first_time"], row["last_time"]) == (inside[0].time, inside[-1].time)


def decoded(rows: list[dict[str, Any]]) -> list[Event]:
    return [event for row in rows for event in decode_events(inflate(row["data"]), row["events"])]
