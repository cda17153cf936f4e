"""The inbox, as it is in Python and as it is in C: they are told apart by nothing but the time."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketdeck.hot import inbox as in_python

IN, OUT = 0, 1
EVERYTHING = 1_000_000

try:
    in_c: Any = importlib.import_module("socketdeck.hot._native")
except ImportError:
    in_c = None

WAYS = [pytest.param(in_python.Inbox, id="Python")]
if in_c is not None:
    WAYS.append(pytest.param(in_c.Inbox, id="C"))
both = pytest.mark.parametrize("make", WAYS)


def numbers(records: list[Any]) -> list[Any]:
    return [data for _, _, _, _, data, _ in records]


@both
def test_it_gives_what_it_got_in_its_order(make: Any) -> None:
    inbox = make(10)
    assert len(inbox) == 0
    origin = ("service", 7)
    inbox.record(origin, "audit", {"number": 1})
    inbox.data(origin, IN, 3, b"abc")
    inbox.data(origin, OUT, 5, None)
    assert len(inbox) == 3
    count, records = inbox.take(EVERYTHING, EVERYTHING)
    assert count == 3
    assert [record[1:] for record in records] == [
        (origin, "audit", 0, {"number": 1}, 1),
        (origin, IN, 3, b"abc", 1),
        (origin, OUT, 5, None, 1),
    ]
    moments = [record[0] for record in records]
    assert moments == sorted(moments)
    assert len(inbox) == 0
    assert inbox.take(EVERYTHING, EVERYTHING) == (0, [])


@both
@pytest.mark.parametrize("limit", [1, 255, 256, 257, 1_000])
def test_it_is_taken_in_pieces(make: Any, limit: int) -> None:
    inbox = make(EVERYTHING)
    taken: list[Any] = []
    for number in range(3_000):
        inbox.record(None, "audit", number)
        if number % 700 == 0:  # it grows and shrinks in between
            count, records = inbox.take(limit, EVERYTHING)
            assert count == len(records) <= limit
            taken += records
    while len(inbox):
        taken += inbox.take(limit, EVERYTHING)[1]
    assert numbers(taken) == list(range(3_000))


@both
@pytest.mark.parametrize("surplus", [1, 255, 256, 5_000])
def test_the_oldest_are_lost_and_counted(make: Any, surplus: int) -> None:
    inbox = make(300)
    for number in range(300 + surplus):
        inbox.record(None, "audit", number)
    assert len(inbox) == 300
    count, records = inbox.take(EVERYTHING, EVERYTHING)
    assert count == 300
    assert numbers(records) == list(range(surplus, 300 + surplus))
    assert inbox.take_lost(last=True) == surplus
    assert inbox.take_lost(last=True) == 0
    assert not inbox.missing


@both
def test_nothing_is_unaccounted_for_among_many_threads(make: Any) -> None:
    inbox = make(50)
    taken = 0
    together = threading.Barrier(4)

    def flood() -> None:
        together.wait()
        for _ in range(5_000):
            inbox.record(None, "audit", None)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        taken += inbox.take(20, EVERYTHING)[0]
    taken += inbox.take(EVERYTHING, EVERYTHING)[0]
    assert taken + inbox.take_lost(last=True) == 20_000


def test_in_python_a_number_on_its_way_is_no_loss() -> None:
    inbox = in_python.Inbox(4)
    early = inbox.number()
    for number in range(4):
        inbox.record(None, "audit", number)
    assert inbox.take(EVERYTHING, EVERYTHING)[0] == 4
    assert inbox.take_lost() == 0
    assert inbox.missing
    inbox.append((early, 0.0, None, "late", 0, None))
    inbox.take(EVERYTHING, EVERYTHING)
    assert inbox.take_lost(last=True) == 0


def test_in_python_what_was_born_first_comes_first() -> None:
    inbox = in_python.Inbox(4)
    early, late = inbox.number(), inbox.number()
    for number, kind in ((late, "late"), (early, "early")):
        inbox.append((number, 0.0, None, kind, 0, None))
    assert [record[2] for record in inbox.take(4, 4)[1]] == ["early", "late"]


@both
def test_it_lets_go_of_what_it_held(make: Any) -> None:
    held = object()
    before = sys.getrefcount(held)
    inbox = make(100)
    for _ in range(1_000):
        inbox.record(held, "audit", held)
        inbox.data(held, IN, 1, None)
    inbox.take(30, 0)
    del inbox
    gc.collect()
    assert sys.getrefcount(held) == before


@both
def test_what_is_no_record_is_refused(make: Any) -> None:
    inbox = make(1)
    for few in range(3):
        with pytest.raises(TypeError):
            inbox.record(*[None] * few)
        with pytest.raises(TypeError):
            inbox.data(*[None] * few)
    assert len(inbox) == 0


# -- folding --------------------------------------------------------------------------------------

ORIGINS = [(service, connection) for service in "ab" for connection in range(3)]
DATA = st.tuples(
    st.sampled_from(ORIGINS), st.sampled_from([IN, OUT]), st.integers(1, 9_999), st.binary()
)
TOLD: Any = st.tuples(st.sampled_from(ORIGINS), st.sampled_from(["x", "y"]), st.just(0), st.just(0))
RECORDS = st.lists(st.one_of(DATA, DATA, TOLD), max_size=60)


def folded(make: Any, rows: list[Any]) -> list[Any]:
    inbox = make(EVERYTHING)
    for origin, what, size, payload in rows:
        if isinstance(what, str):
            inbox.record(origin, what, payload)
        else:
            inbox.data(origin, what, size, payload)
    count, records = inbox.take(EVERYTHING, 0)
    assert count == len(rows)
    return [record[1:] for record in records]


def naively(rows: list[Any]) -> Iterator[Any]:
    """What folding is: where its first stood, with the sum, the count and its first bytes."""
    sums: Counter[Any] = Counter()
    counts: Counter[Any] = Counter()
    for origin, what, size, _ in rows:
        sums[origin, what] += size
        counts[origin, what] += 1
    seen = set()
    for origin, what, size, payload in rows:
        if isinstance(what, str):
            yield origin, what, size, payload, 1
        elif (origin, what) not in seen:
            seen.add((origin, what))
            yield origin, what, sums[origin, what], payload, counts[origin, what]


@both
@given(rows=RECORDS)
def test_folding(make: Any, rows: list[Any]) -> None:
    assert folded(make, rows) == list(naively(rows))


@both
def test_many_origins_are_told_apart(make: Any) -> None:
    origins = [("service", number) for number in range(4_000)]
    rows = [(origin, number % 2, 1, None) for number in range(3) for origin in origins]
    assert folded(make, rows) == list(naively(rows))


def test_both_are_here_where_both_are_meant_to_be() -> None:
    """The set-up builds the one in C wherever it can; that it did is seen here."""
    if in_c is None:
        pytest.skip("no C compiler, or no headers of Python, when this was set up")
    from socketdeck import hot

    assert hot.VERSION == in_c.VERSION
