"""The inbox, as it is in Python and as it is in C: they are told apart by nothing but the time."""

from __future__ import annotations

import gc
import importlib
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketdeck import hot
from socketdeck.event import Event, data_detail
from socketdeck.hot import inbox as in_python
from socketdeck.hot.numbering import numbered_by_python, weight_of
from socketdeck.tap_levels import SOCKET_CLASSES

IN, OUT = 0, 1
EVERYTHING = 1_000_000

try:
    in_c: Any = importlib.import_module("socketdeck.hot._native")
except ImportError:
    in_c = None

WAYS = [pytest.param(in_python.Inbox, id="Python")]
if in_c is not None:
    WAYS.append(pytest.param(in_c.Inbox, id="C"))
in_c_alone = pytest.mark.skipif(not hot.native, reason="it is done in C alone")
both = pytest.mark.parametrize("make", WAYS)


def numbers(records: list[Any]) -> list[Any]:
    return [data for _, _, _, _, data, _ in records]


@both
def test_it_gives_what_it_got_in_its_order(make: Any) -> None:
    inbox = make(10, EVERYTHING)
    assert len(inbox) == 0
    origin = ("service", 7)
    inbox.record(origin, "audit", {"number": 1})
    inbox.data(origin, IN, 3, b"abc")
    inbox.data(origin, OUT, 5, None)
    assert len(inbox) == 3
    count, records = inbox.take(EVERYTHING)
    assert count == 3
    assert [record[1:] for record in records] == [
        (origin, "audit", 0, {"number": 1}, 1),
        (origin, IN, 3, b"abc", 1),
        (origin, OUT, 5, None, 1),
    ]
    moments = [record[0] for record in records]
    assert moments == sorted(moments)
    assert len(inbox) == 0
    assert inbox.take(EVERYTHING) == (0, [])


@both
@pytest.mark.parametrize("limit", [1, 255, 256, 257, 1_000])
def test_it_is_taken_in_pieces(make: Any, limit: int) -> None:
    inbox = make(EVERYTHING, EVERYTHING)
    taken: list[Any] = []
    for number in range(3_000):
        inbox.record(None, "audit", number)
        if number % 700 == 0:  # it grows and shrinks in between
            count, records = inbox.take(limit)
            assert count == len(records) <= limit
            taken += records
    while len(inbox):
        taken += inbox.take(limit)[1]
    assert numbers(taken) == list(range(3_000))


@both
@pytest.mark.parametrize("surplus", [1, 255, 256, 5_000])
def test_the_oldest_are_lost_and_counted(make: Any, surplus: int) -> None:
    inbox = make(300, EVERYTHING)
    for number in range(300 + surplus):
        inbox.record(None, "audit", number)
    assert len(inbox) == 300
    count, records = inbox.take(EVERYTHING)
    assert count == 300
    assert numbers(records) == list(range(surplus, 300 + surplus))
    assert inbox.take_lost(last=True) == surplus
    assert inbox.take_lost(last=True) == 0
    assert not inbox.missing


@both
def test_nothing_is_unaccounted_for_among_many_threads(make: Any) -> None:
    inbox = make(50, EVERYTHING)
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
        taken += inbox.take(20)[0]
    taken += inbox.take(EVERYTHING)[0]
    assert taken + inbox.take_lost(last=True) == 20_000


def test_in_python_a_number_on_its_way_is_no_loss() -> None:
    inbox = in_python.Inbox(4, EVERYTHING)
    early = inbox.number()
    for number in range(4):
        inbox.record(None, "audit", number)
    assert inbox.take(EVERYTHING)[0] == 4
    assert inbox.take_lost() == 0
    assert inbox.missing
    inbox.append((early, 0.0, None, "late", 0, None))
    inbox.take(EVERYTHING)
    assert inbox.take_lost(last=True) == 0


def test_in_python_what_was_born_first_comes_first() -> None:
    inbox = in_python.Inbox(4, EVERYTHING)
    early, late = inbox.number(), inbox.number()
    for number, kind in ((late, "late"), (early, "early")):
        inbox.append((number, 0.0, None, kind, 0, None))
    assert [record[2] for record in inbox.take(4)[1]] == ["early", "late"]


@both
def test_it_lets_go_of_what_it_held(make: Any) -> None:
    held = object()
    before = sys.getrefcount(held)
    inbox = make(100, EVERYTHING)
    for _ in range(1_000):
        inbox.record(held, "audit", held)
        inbox.data(held, IN, 1, None)
    inbox.take(30)
    del inbox
    gc.collect()
    assert sys.getrefcount(held) == before


@both
def test_what_is_no_record_is_refused(make: Any) -> None:
    inbox = make(1, EVERYTHING)
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
    inbox = make(EVERYTHING, 0)
    for origin, what, size, payload in rows:
        if isinstance(what, str):
            inbox.record(origin, what, payload)
        else:
            inbox.data(origin, what, size, payload)
    count, records = inbox.take(EVERYTHING)
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


@in_c_alone
def test_what_will_be_folded_anyway_takes_no_room() -> None:
    inbox = in_c.Inbox(EVERYTHING, 10)
    left, right = socket.socketpair()
    with left, tapped(right, inbox, ("service", 1)) as server:
        for _ in range(11):
            inbox.record(("service", 2), "audit", {})
        for _ in range(500):
            left.send(b"ping")
            server.sendall(server.recv(16))
            left.recv(16)
        assert len(inbox) == 13
        count, records = inbox.take(EVERYTHING)
        assert count == 11 + 1_000
        assert [record[1:] for record in records[11:]] == [
            (("service", 1), IN, 2_000, b"ping", 500),
            (("service", 1), OUT, 2_000, b"ping", 500),
        ]
        # What was taken out is no place to add to.
        left.send(b"pong")
        server.recv(16)
        assert [record[4] for record in inbox.take(EVERYTHING)[1]] == [b"pong"]


@in_c_alone
def test_what_was_folded_and_is_lost_is_counted_whole() -> None:
    inbox = in_c.Inbox(4, 1)
    left, right = socket.socketpair()
    with left, tapped(right, inbox, ("service", 1)) as server:
        inbox.record(("service", 2), "audit", {})
        inbox.record(("service", 2), "audit", {})
        for _ in range(100):
            left.send(b"ping")
            server.recv(16)
        for _ in range(5):
            inbox.record(("service", 2), "audit", {})
        assert inbox.take(EVERYTHING)[0] == 4
        assert inbox.take_lost(last=True) == 2 + 100 + 1


def tapped(stock: socket.socket, inbox: Any, origin: Any) -> Any:
    """A socket of level `payload` in the place of a stock one, with counts of its own."""
    made = SOCKET_CLASSES["payload"](stock.family, stock.type, 0, stock.detach())
    counted: Any = Counted(inbox, origin, lambda _: None, 256)
    made._connection = counted
    return made


class Counted(hot.Counts):
    """What a connection is beside its counts, as far as a socket's end asks for it."""

    handles = 1
    control = None


# -- numbering ------------------------------------------------------------------------------------

NUMBERED = [pytest.param(numbered_by_python, id="Python")]
if in_c is not None:
    NUMBERED.append(pytest.param(in_c.numbered, id="C"))


@pytest.mark.parametrize("numbered", NUMBERED)
def test_records_become_events(numbered: Any) -> None:
    inbox = in_python.Inbox(EVERYTHING, 0)
    inbox.record(("a", 1), "connection.opened", {"peer": "there", "ends": {"in": 1}})
    inbox.data(("a", 1), IN, 5, b"hello")
    inbox.data(("b", None), OUT, 1_000, b"abc")
    inbox.data((None, 3), OUT, 7, None)
    inbox.data((None, 3), OUT, 7, None)
    records = inbox.take(EVERYTHING)[1]
    events, weight = numbered(records, 41, Event)
    assert all(event.__class__ is Event for event in events)
    assert [event.time for event in events] == [record[0] for record in records]
    assert [(event.seq, *event[2:]) for event in events] == [
        (41, "a", 1, "connection.opened", {"peer": "there", "ends": {"in": 1}}),
        (42, "a", 1, "connection.data", data_detail(IN, 5, b"hello")),
        (43, "b", None, "connection.data", data_detail(OUT, 1_000, b"abc")),
        (44, None, 3, "connection.data", data_detail(OUT, 14, None, 2)),
    ]
    assert [list(event.data) for event in events[1:]] == [
        ["direction", "length", "data", "truncated"],
        ["direction", "length", "data", "truncated"],
        ["direction", "length", "data", "truncated", "count"],
    ]
    assert weight == sum(weight_of(event.data) for event in events)
    assert numbered([], 1, Event) == ([], 0)


@pytest.mark.skipif(in_c is None, reason="Python's own does not check what it is given")
def test_what_is_no_record_is_not_numbered() -> None:
    nowhere: Any = (0.0, None, "audit", 0, {}, 1)
    nothing = (0.0, ("a", 1), "audit", 0, None, 1)
    wrongs: list[Any] = [None, (), nowhere, nothing]
    for wrong in wrongs:
        with pytest.raises(TypeError):
            in_c.numbered([wrong], 1, Event)
    with pytest.raises(TypeError):
        in_c.numbered([], 1, dict)


def test_both_are_here_where_both_are_meant_to_be() -> None:
    """The set-up builds the one in C wherever it can; that it did is seen here."""
    if in_c is None:
        pytest.skip("no C compiler, or no headers of Python, when this was set up")
    assert hot.VERSION == in_c.VERSION
