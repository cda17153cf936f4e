"""Events found by a filter: all that it means, by the index where that tells, and by the time."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.filters import Filter
from app.store import BadQuery, events, peers
from app.store.batches import decode_events
from app.store.connections import find_peers
from app.store.errors import PlacedError
from socketdeck.event import Draft, Event
from tests.unit.test_filters.naive import (
    DAY,
    KINDS,
    PEERS,
    SERVICES,
    TEXTS,
    Question,
    answer,
    questions,
    written,
)

START = DAY.timestamp()


def publish(panel: Any, found: list[Draft]) -> None:
    """Have events happen, at times of their own."""
    panel.journal.publish(found)


def lines(first: int, count: int, service: str = "echo", apart: float = 1.0) -> list[Draft]:
    """Log lines, a while apart; line N at N times that."""
    return [
        Draft(START + number * apart, service, number % 7 + 1, "service.log", {"text": f"{number}"})
        for number in range(first, first + count)
    ]


def found_by(panel: Any, filter: str, **parameters: Any) -> list[int]:
    """Every event that a filter lets through, page by page."""
    seqs: list[int] = []
    cursor = None
    while True:
        page = panel.history.events(filter=filter, cursor=cursor, **parameters)
        seqs += [event.seq for event in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return seqs


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events the batches held that were opened."""
    counted: list[int] = []

    def decode(packed: bytes, count: int) -> list[Event]:
        counted.append(count)
        return decode_events(packed, count)

    monkeypatch.setattr(events, "decode_events", decode)
    return counted


# -- all that it means ------------------------------------------------------------------------


def some_events(chance: random.Random, count: int) -> list[Draft]:
    """Events of many kinds; runs of them are alike, so that batches differ."""
    others = [kind for short, kind in KINDS.items() if short not in ("opened", "closed", "dropped")]
    found: list[Draft] = []
    while len(found) < count:
        services = chance.sample([*SERVICES, None], 2)
        kinds = chance.sample(others, 3)
        numbers = chance.sample([None, *PEERS], 3)
        for _ in range(40):
            kind = chance.choice(kinds)
            data: dict[str, Any] = {"text": chance.choice(TEXTS), "length": chance.choice([1, 100])}
            if kind == "connection.data":
                data["data"] = chance.choice(TEXTS).encode()
            if kind == "connection.error":
                data |= {"type": "ValueError", "message": chance.choice(TEXTS)}
            moment = START + chance.choice([0, 59.5, 3600, 86_399]) + len(found)
            service, number = chance.choice(services), chance.choice(numbers)
            found.append(Draft(moment, service, number, kind, data))
    return found


@pytest.fixture
def busy(panel: Any) -> Any:
    """A panel on which much has happened; some of it is not written yet."""
    for number, peer in PEERS.items():
        panel.connect(number, peer=peer)
    panel.flush()
    chance = random.Random(1)
    for _ in range(3):
        publish(panel, some_events(chance, 120))
        panel.flush()
    publish(panel, some_events(chance, 40))
    return panel


@given(questions.flatmap(lambda one: st.tuples(st.just(one), written(one))))
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_history_finds_all_that_is_meant(busy: Any, asked: tuple[Question, str]) -> None:
    question, text = asked
    whole = busy.history.events(after=0, limit=500).items
    meant = [event.seq for event in whole if answer(question, event)]
    assert found_by(busy, text, after=0, limit=20) == meant, text
    assert found_by(busy, text, limit=500) == meant[::-1], text


def test_it_goes_with_the_other_parameters(panel: Any) -> None:
    publish(panel, lines(1, 20) + lines(21, 20, "two"))
    panel.flush()
    assert found_by(panel, "connection:1,2", service="two") == [36, 35, 29, 28, 22, 21]
    assert found_by(panel, "connection:1,2", service="two", after=30) == [35, 36]
    assert found_by(panel, "service:two", q="9") == [39, 29]
    assert panel.history.events(filter="service:two").total is None
    assert panel.history.events(filter="").total == 40


def test_a_bad_filter_is_told_with_all_else_that_is_bad(panel: Any) -> None:
    with pytest.raises(BadQuery) as refused:
        panel.history.events(filter="kind:nix or", cursor="x", limit=0)
    errors = {error.pointer: error for error in refused.value.errors}
    assert set(errors) == {"/filter", "/cursor", "/limit"}
    bad = errors["/filter"]
    assert isinstance(bad, PlacedError)
    assert (bad.position, bad.length) == (5, 3)


# -- what the index spares --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "batches"),
    [
        ("service:s3", 1),
        ("service:s3,s5", 2),
        ("service:s3 or (service:s5 text:nothing)", 2),
        ("service:s3 service:s5", 0),
        ("connection:1 service:s*", 10),
        ("connection:99", 0),
        ("kind:error", 0),
        ("kind:error or service:s1", 10),
        ("time:2026-07-12T00:05:00..2026-07-12T00:05:30", 1),
        ("time:>2026-07-12T00:14", 1),
        ("time:00:05", 10),
        ("seq:250..260", 1),
        ("seq:1", 1),
        ("line", 10),
        ("nowhere", 0),
        ("-nowhere", 10),
    ],
)
def test_batches_are_opened_only_where_the_index_says_that_they_may_hold_some(
    panel: Any, opened: list[int], text: str, batches: int
) -> None:
    for number in range(10):
        found = lines(100 * number, 40, f"s{number}")
        publish(panel, [draft._replace(data={"text": "line"}) for draft in found])
        panel.flush()
    panel.restart()
    meant = [one.seq for one in panel.history.events(limit=500).items if Filter(text).matches(one)]
    opened.clear()
    assert panel.seqs(filter=text, limit=500) == meant
    # A text is looked for in the batch as it is packed: it is decoded where it may be there.
    assert len(opened) == batches


def test_the_work_of_one_call_is_bounded(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        publish(panel, lines(100 * number, 100))
        panel.flush()
    panel.restart()
    monkeypatch.setattr(events, "EVENTS_OPENED", 1_000)
    page = panel.history.events(filter="text:5 -text:5")
    assert page.items == []
    assert page.next_cursor == "801"
    many = " or ".join(f"length:{number}" for number in range(40))
    assert panel.history.events(filter=many).next_cursor == "901"
    assert found_by(panel, "text:995") == [996]
    assert found_by(panel, "text:995", after=0) == [996]


# -- peers ------------------------------------------------------------------------------------


def test_peers_are_looked_up_a_batch_at_a_time_and_once(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 61):
        panel.open(number, peer=f"10.0.0.{number}:1")
        panel.data(number)
        panel.close(number)
    panel.flush()
    panel.restart()
    asked: list[int] = []

    def find(database: Any, numbers: Any) -> dict[int, str | None]:
        asked.append(len(numbers))
        return find_peers(database, numbers)

    monkeypatch.setattr(peers, "find_peers", find)
    meant = panel.history.events(filter="kind:data peer:10.0.0.0/29", limit=500).items
    assert sorted(event.connection for event in meant) == list(range(1, 8))
    assert asked == [60]
    assert len(panel.history.events(filter="kind:data peer:10.0.0.0/29").items) == 7
    assert asked == [60]


def test_peers_that_are_kept_at_hand_are_so_many(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "PEERS_KEPT", 5)
    for number in range(1, 21):
        panel.connect(number, peer=f"10.0.0.{number}:1")
    panel.flush()
    book = panel.history.peers_of
    assert book(range(1, 21)) == {number: f"10.0.0.{number}:1" for number in range(1, 21)}
    assert sorted(book.at_hand(range(1, 21))) == [16, 17, 18, 19, 20]
    assert book([99]) == {}


def test_the_engine_knows_before_history_does(tmp_path: Any) -> None:
    book = peers.PeerBook(None, lambda number: f"10.0.0.{number}:1", list)  # type: ignore[arg-type]
    assert book([1]) == book.at_hand([1]) == {1: "10.0.0.1:1"}


def test_what_is_about_to_be_written_is_known(panel: Any) -> None:
    rows = [{"id": 5, "peer": "@five"}]
    book = peers.PeerBook(panel.history._database, peers.unknown_peer, lambda: rows)
    assert book([5, 6]) == {5: "@five"}


# -- a jump to a time -------------------------------------------------------------------------


def newest_at(panel: Any, at: float, **parameters: Any) -> int | None:
    items = panel.history.events(at=at, limit=1, **parameters).items
    return items[0].seq if items else None


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_jump_to_a_time(panel: Any, in_memory: bool) -> None:
    for number in range(0, 1_300, 130):
        publish(panel, lines(number, 130, apart=0.5))
        panel.flush()
    if not in_memory:
        panel.restart()
    for seconds in (0, 0.25, 1, 64.9, 65, 300.1, 648.5, 649.4, 649.5, 1e6):
        meant = min(1_300, int(seconds / 0.5) + 1)
        assert newest_at(panel, START + seconds) == meant
    assert newest_at(panel, START - 1) is None
    assert newest_at(panel, START + 100, filter="connection:7") == 196
    page = panel.history.events(at=START + 10, limit=3)
    assert [event.seq for event in page.items] == [21, 20, 19]
    following = panel.history.events(at=START + 10, limit=3, cursor=page.next_cursor)
    assert [event.seq for event in following.items] == [18, 17, 16]
    assert newest_at(panel, START + 10, before=5) == 4


def test_a_jump_into_a_gap_and_into_nothing(panel: Any) -> None:
    assert newest_at(panel, START) is None
    publish(panel, lines(0, 10))
    publish(panel, lines(10_000, 10))
    panel.flush()
    panel.restart()
    assert newest_at(panel, START + 5_000) == 10


def test_a_jump_asks_few_questions_however_much_is_kept(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import event as of_sqlalchemy

    for number in range(100):
        publish(panel, lines(number * 2, 2))
        panel.flush()
    panel.restart()
    asked: list[str] = []
    engine = panel.history._database.reading
    of_sqlalchemy.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert events.last_seq_until(panel.history._database, panel.journal, START + 50) == 51
    assert len(asked) < 20


def test_a_batch_knows_its_least_and_its_greatest_time(panel: Any) -> None:
    shuffled = [draft._replace(time=START + (7 * at) % 10) for at, draft in enumerate(lines(0, 10))]
    publish(panel, shuffled)
    panel.flush()
    panel.restart()
    assert panel.sql("SELECT first_time, last_time FROM event_batches") == [(START, START + 9)]
    assert found_by(panel, "time:2026-07-12T00:00:09") == [
        at + 1 for at, draft in enumerate(shuffled) if draft.time == START + 9
    ]
