"""What a filter means: held against a plain evaluator, for questions and events of all kinds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.filters import BadFilter, Filter
from app.filters.parser import CHARACTERS_MAXIMUM
from app.filters.subject import PeersOf
from socketdeck.event import Event
from tests.unit.test_filters.naive import (
    DAY,
    KINDS,
    PEERS,
    Question,
    answer,
    event_lists,
    questions,
    written,
)


class Directory:
    """Knows the peers, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, numbers: Collection[int]) -> PeersOf:
        self.asked.append(list(numbers))
        return {number: PEERS[number] for number in numbers if number in PEERS}


def event(kind: str = "log", seq: int = 1, connection: int | None = None, **data: Any) -> Event:
    return Event(seq, DAY.timestamp(), "echo", connection, KINDS[kind], data)


@given(event_lists, questions.flatmap(lambda one: st.tuples(st.just(one), written(one))))
@settings(max_examples=200, deadline=None)
def test_it_means_what_it_says(events: list[Event], asked: tuple[Question, str]) -> None:
    question, text = asked
    wanted = Filter.parse(text)
    meant = [one.seq for one in events if answer(question, one)]
    directory = Directory()
    assert [one.seq for one in wanted.choose(events, directory)] == meant, text
    assert [one.seq for one in events if wanted.matches(one, PEERS)] == meant, text
    assert len(directory.asked) <= 1
    assert wanted.asks_peers or not directory.asked


@given(event_lists, questions.flatmap(written))
@settings(max_examples=100, deadline=None)
def test_what_it_needs_every_event_has_that_is_meant(events: list[Event], text: str) -> None:
    wanted = Filter.parse(text)
    needs = wanted.needs()
    for one in wanted.choose(events, Directory()):
        assert needs.services is None or one.service in needs.services
        assert needs.kinds is None or one.kind in needs.kinds
        assert needs.connections is None or one.connection in needs.connections
        for value, (low, high) in ((one.seq, needs.seqs), (one.time, needs.times)):
            assert low is None or value >= low
            assert high is None or value <= high


@given(questions.flatmap(written))
@settings(max_examples=100, deadline=None)
def test_written_down_again_it_is_the_same(text: str) -> None:
    read = Filter.parse(text)
    again = Filter.parse(read.normal)
    assert again == read
    assert again.tree == read.tree
    assert again.normal == read.normal


PIECES = (
    *("(", ")", '"', "-", "not", "and", "or", " ", ",", "*", "\\", "\\x", "\x00", "é", "\ud800"),
    *("kind:", "data", "peer:", "::1", "10.0.0.0/99", "/run/*", "service:", "text:", "message:"),
    *("id:", "length:", "1", "20", "KiB", "e999", "..", ">", "<="),
    *("time:", "-15m", "2026-02-30", "2026-07-12", "T25:00", "12:05", "+02:00"),
)
TEXTS = st.one_of(
    st.text(),
    st.text('()"\\-:.,*<>= \tandornot'),
    st.lists(st.sampled_from(PIECES)).map("".join),
)


@given(TEXTS)
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_filter_or_says_where_it_is_none(text: str) -> None:
    try:
        read = Filter.parse(text)
    except BadFilter as bad:
        assert_it_says_where(text, bad)
        return
    assert Filter.parse(read.normal) == read
    for term in read.terms:
        place = term.place
        assert Filter.parse(text[place.position : place.position + place.length]).terms == [term]


def assert_it_says_where(text: str, bad: BadFilter) -> None:
    assert bad.detail
    end = bad.position + bad.length
    assert 0 <= bad.position <= end <= len(text)
    assert bad.length > 0 or bad.position == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000,
        "(" * 10_000,
        '"' * 10_000,
        "-" * 10_000,
        "not " * 2_500,
        "a " * 5_000,
        "a or " * 2_000,
        "kind:" * 2_000,
        "x:" * 2_048,
        "(" * (CHARACTERS_MAXIMUM // 2) + "a" + ")" * (CHARACTERS_MAXIMUM // 2 - 1),
        "a " * (CHARACTERS_MAXIMUM // 2),
        "id:1" + ",1" * 2_000,
    ],
    ids=lambda text: text[:8],
)
def test_what_is_too_much_is_one_clear_error(text: str) -> None:
    with pytest.raises(BadFilter) as refused:
        Filter.parse(text)
    assert len(refused.value.detail) < 120


@pytest.mark.parametrize(
    "text",
    ["-" * 4_000 + "a", "not " * 1_000 + "a", "service:" + "*a" * 2_000, "(" * 32 + "a" + ")" * 32],
    ids=lambda text: text[:8],
)
def test_what_is_much_and_allowed_is_read_and_answered(text: str) -> None:
    read = Filter.parse(text)
    assert Filter.parse(read.normal) == read
    read.matches(event("data", data=b"a" * 100_000))


def test_a_pattern_of_many_stars_is_not_tried_in_every_way() -> None:
    wanted = Filter.parse("service:" + "*a" * 1_000 + "*b")
    assert not wanted.matches(event()._replace(service="a" * 100_000))


# -- what else the page says ------------------------------------------------------------------


def test_nothing_lets_everything_through() -> None:
    assert Filter.parse("").is_empty
    assert Filter.parse(" \t").matches(event())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b", "a and b"),
        ("a AND (b AND c)", "a b c"),
        ("a or b c", "a or (b c)"),
        ("not not a", "a"),
        ("-(a or b)", "NOT (a OR b)"),
        ("kind:data", "KIND:connection.DATA"),
        ("id:5", "connection:5"),
        ("length:>1KiB", "length:>1024"),
        ("duration:500ms", "duration:0.5"),
        ("length:10..", "length:>=10"),
        ("hello", 'text:"HELLO"'),
        ("service:**", "service:*"),
        ("time:2026-07-12T14:00+02:00", "time:2026-07-12T12:00Z"),
        ('time:"2026-07-12 12:00"', "time:2026-07-12T12:00"),
        ("time:-60s..", "time:>=-1m"),
        ("12:30", '"12:30"'),
        ('"\\x41\\n"', '"a\\x0a"'),
    ],
)
def test_two_ways_to_say_one_thing(one: str, other: str) -> None:
    assert Filter.parse(one) == Filter.parse(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b", "b a"),
        ("a", "-a"),
        ("length:>10", "length:>=10"),
        ('service:"*"', "service:*"),
        ("text:data", "data:data"),
    ],
)
def test_two_things(one: str, other: str) -> None:
    assert Filter.parse(one) != Filter.parse(other)


def test_a_while_ago_goes_on_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Filter.parse("time:-15m..")
    happened = event()
    monkeypatch.setattr("time.time", lambda: happened.time + 15 * 60)
    assert wanted.matches(happened)
    assert wanted.needs().times[0] == pytest.approx(happened.time, abs=1e-3)
    monkeypatch.setattr("time.time", lambda: happened.time + 15 * 60 + 1)
    assert not wanted.matches(happened)


def test_peers_are_asked_for_only_where_the_rest_fits() -> None:
    events = [event("data", number, number, length=number) for number in range(1, 7)]
    directory = Directory()
    chosen = Filter.parse("length:2..4 (peer:10.0.0.0/8 or -peer:0.0.0.0/0)")
    assert [one.seq for one in chosen.choose(events, directory)] == [2, 3, 4]
    assert [sorted(asked) for asked in directory.asked] == [[2, 3, 4]]


# -- where it is bad --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wrong", "says"),
    [
        ("servce:echo", "servce", "did you mean service?"),
        ("a http://x", "http", "put it in quotes"),
        ("kind:data,opnd", "opnd", "did you mean opened?"),
        ("direction:up", "up", "there are in, out"),
        ("state:nix", "nix", "there are stopped"),
        ("length:>x", ">x", "'x' is no number"),
        ("length:5q", "5q", "there is no unit 'q'"),
        ("seq:20..10", "20..10", "ends before it begins"),
        ("seq:..", "..", "at one end"),
        ("seq:5KiB", "5KiB", "this field has none"),
        ("length:1e999", "1e999", "too large"),
        ("peer:localhost", "localhost", "is no peer"),
        ("peer:10.0.0.0/99", "10.0.0.0/99", "is no peer"),
        ("time:nine", "nine", "is no time"),
        ("time:2026-02-30", "2026-02-30", "there is no time"),
        ("time:24:00", "24:00", "there is no time"),
        ("time:2026-07-12..12:00", "2026-07-12..12:00", "both ends of a range have a date"),
        ("time:-15m", "-15m", "-15m.."),
        ("time:0001-01-01T00:00+10:00", "0001-01-01T00:00+10:00", "there is no time"),
        ("a (b", "(", "is not closed"),
        ("a b)", ")", "no bracket was opened"),
        ('a "b', '"', "is not closed"),
        ('a"b"', '"', "a space"),
        ('"a"b', "b", "a space"),
        (r'"a\q"', r"\q", "backslash"),
        (r'"\U99999999"', r"\U", "backslash"),
        ('kind:""', '""', "between the quotes"),
        ("a and or b", "or", "between two terms"),
        ("or", "or", "between two terms"),
        ("()", ")", "a term is missing"),
        ("- a", " ", "behind '-'"),
        ("kind:(data or log)", "(", "with commas"),
        ("kind:data, log", " ", "a value is missing"),
        ("a \u202eb", "\u202e", "\\u202e"),
    ],
)
def test_where_it_is_bad(text: str, wrong: str, says: str) -> None:
    with pytest.raises(BadFilter) as refused:
        Filter.parse(text)
    bad = refused.value
    assert text[bad.position : bad.position + bad.length] == wrong
    assert says in bad.detail


@pytest.mark.parametrize("text", ["a or", "not", "-", "kind:", "a and ", "length:>"])
def test_what_breaks_off_is_bad_at_its_end(text: str) -> None:
    with pytest.raises(BadFilter) as refused:
        Filter.parse(text)
    assert refused.value.position + refused.value.length == len(text)
    assert "missing" in refused.value.detail
