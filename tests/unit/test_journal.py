"""The journal: one order, nothing lost untold, bounds kept, and no work when nothing happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import socketdeck.journal
import socketdeck.subscription
from socketdeck.direction import IN, OUT
from socketdeck.event import Draft, Event, event_as_json
from socketdeck.journal import FOLD_ABOVE_RECORDS, Journal
from socketdeck.subscription import Subscription

DEADLINE_SECONDS = 10.0

Make = Callable[..., Journal]

ORIGINS = [("service", connection) for connection in range(FOLD_ABOVE_RECORDS)]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes journals, and closes them at the end."""
    made: list[Journal] = []

    def new(**options: Any) -> Journal:
        made.append(Journal(**options))
        return made[-1]

    yield new
    for journal in made:
        journal.close()


@pytest.fixture
def journal(make: Make) -> Journal:
    return make()


def data(journal: Journal, length: int, direction: int = IN, connection: int = 1) -> None:
    """What a tap records of one message."""
    journal.inbox.data(ORIGINS[connection], direction, length, b"x" * length)


def all_of(subscription: Subscription) -> list[Event]:
    """All that a subscription has and gets, until its journal is closed."""
    events = []
    while batch := subscription.take(DEADLINE_SECONDS):
        events += batch
    assert subscription.closed
    return events


def accounted(events: list[Event], after: int = 0) -> int:
    """How many records `events` stand for; fails where a number is missing or comes twice."""
    total = 0
    for event in events:
        if event.kind == "events.dropped":
            assert event.data["from_seq"] == after + 1, event
            assert event.seq == event.data["to_seq"] == after + event.data["count"], event
            total += event.data["count"]
        else:
            assert event.seq == after + 1, event
            total += 1
        after = event.seq
    return total


# -- order ----------------------------------------------------------------------------------------


def test_events_are_numbered_from_the_first(make: Make) -> None:
    journal = make(first_seq=1_000)
    assert journal.last_seq == 999
    journal.emit("service.created", "echo", description="hello")
    journal.emit("connection.opened", "echo", 7, peer="127.0.0.1:1")
    journal.flush()
    assert journal.last_seq == 1_001
    assert [tuple(event)[0:1] + tuple(event)[2:] for event in journal.recent()] == [
        (1_000, "echo", None, "service.created", {"description": "hello"}),
        (1_001, "echo", 7, "connection.opened", {"peer": "127.0.0.1:1"}),
    ]


def test_times_are_those_of_birth(journal: Journal) -> None:
    before = time.time()
    journal.emit("audit")
    after = time.time()
    journal.flush()
    assert before <= journal.recent()[0].time <= after


def test_each_threads_events_keep_their_order(journal: Journal) -> None:
    subscription = journal.subscribe("reader", 1_000_000)
    together = threading.Barrier(8)

    def tell(source: int) -> None:
        together.wait()
        for number in range(500):
            journal.emit("audit", connection=source, number=number)

    threads = [threading.Thread(target=tell, args=(source,)) for source in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    events = all_of(subscription)
    assert accounted(events) == 8 * 500
    for source in range(8):
        numbers = [event.data["number"] for event in events if event.connection == source]
        assert numbers == list(range(500))


def test_another_sources_events_come_behind_what_was_told_before(journal: Journal) -> None:
    journal.emit("first")
    journal.publish([Draft(1.0, "child", 5, "second", {}), Draft(2.0, "child", 5, "third", {})])
    journal.emit("fourth")
    journal.publish_loss(10, "child 7")
    journal.flush()
    events = journal.recent()
    assert accounted(events) == 14
    assert {event.kind for event in events} == {
        *("first", "second", "third", "fourth", "events.dropped")
    }
    assert [event.kind for event in events][:3] == ["first", "second", "third"]


# -- folding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, FOLD_ABOVE_RECORDS, FOLD_ABOVE_RECORDS + 1])
def test_only_what_is_too_much_to_read_is_folded(journal: Journal, count: int) -> None:
    with drainer_held_up(journal):
        for number in range(count):
            data(journal, 10, direction=number % 2)
    journal.flush()
    events = journal.recent()
    assert sum(event.data.get("count", 1) for event in events) == count
    assert sum(event.data["length"] for event in events) == 10 * count
    assert len(events) == (2 if count > FOLD_ABOVE_RECORDS else count)
    assert accounted(events) == len(events), "a fold is one event, not a loss"


def test_data_never_comes_after_its_connections_end(journal: Journal) -> None:
    with drainer_held_up(journal):
        for connection in range(FOLD_ABOVE_RECORDS):
            journal.emit("connection.opened", "service", connection)
            data(journal, 1, IN, connection)
            data(journal, 1, OUT, connection)
            data(journal, 1, IN, connection)
            journal.emit("connection.closed", "service", connection)
    journal.flush()
    by_connection: dict[int | None, list[str]] = {}
    for event in journal.recent():
        by_connection.setdefault(event.connection, []).append(event.kind)
    assert set(map(tuple, by_connection.values())) == {
        ("connection.opened", "connection.data", "connection.data", "connection.closed")
    }


# -- loss -----------------------------------------------------------------------------------------


@contextmanager
def drainer_held_up(journal: Journal) -> Iterator[None]:
    """Meanwhile nothing is drained, so that what a test tells comes in one piece."""
    with journal._draining:
        yield


@pytest.mark.parametrize("surplus", [1, 7, 5_000])
def test_a_loss_is_known_to_the_last_one(make: Make, surplus: int) -> None:
    journal = make(inbox=100)
    subscription = journal.subscribe("reader")
    with drainer_held_up(journal):
        for number in range(100 + surplus):
            journal.emit("audit", number=number)
    journal.close()
    events = all_of(subscription)
    assert accounted(events) == 100 + surplus
    (dropped,) = (event for event in events if event.kind == "events.dropped")
    assert dropped.data["count"] == surplus
    assert dropped.data["source"] == "panel"
    kept = [event.data["number"] for event in events if event.kind == "audit"]
    assert kept == list(range(surplus, 100 + surplus)), "the oldest are lost"
    assert journal.dropped == surplus


def test_a_loss_is_told_while_the_journal_goes_on(make: Make) -> None:
    journal = make(inbox=10)
    subscription = journal.subscribe("reader")
    with drainer_held_up(journal):
        for _ in range(25):
            journal.emit("audit")
    events: list[Event] = []
    while not any(event.kind == "events.dropped" for event in events):
        batch = subscription.take(DEADLINE_SECONDS)
        assert batch, events
        events += batch
    journal.emit("audit")
    events += subscription.take(DEADLINE_SECONDS)
    assert accounted(events) == 26


def test_no_event_is_unaccounted_for_when_many_threads_flood_a_small_inbox(make: Make) -> None:
    journal = make(inbox=50)
    subscription = journal.subscribe("reader", 1_000_000)
    together = threading.Barrier(4)

    def flood() -> None:
        together.wait()
        for _ in range(5_000):
            journal.emit("audit")

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert accounted(all_of(subscription)) == 20_000
    assert journal.dropped > 0


# -- bounds ---------------------------------------------------------------------------------------


def test_the_ring_keeps_the_last(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socketdeck.journal, "RING_EVENTS", 10)
    for number in range(25):
        journal.emit("audit", number=number)
        journal.flush()
    assert [event.data["number"] for event in journal.recent()] == list(range(15, 25))
    assert journal.first_kept == 16
    assert journal.last_seq == 25
    with drainer_held_up(journal):
        for _ in range(12):
            journal.emit("audit")
    journal.flush()
    assert len(journal.recent()) == 12, "what came together goes together"


def test_the_ring_is_bounded_in_bytes_too(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socketdeck.journal, "RING_BYTES", 100_000)
    for _ in range(200):
        data(journal, 1_000)
        journal.emit("service.log", text="y" * 1_000)
    journal.flush()
    kept = journal.recent()
    assert 50 < len(kept) < 100
    assert kept[-1].seq == journal.last_seq
    assert sum(len(event.data.get("data", event.data.get("text", ""))) for event in kept) < 100_000


def test_what_is_larger_than_the_ring_does_not_end_the_journal(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socketdeck.journal, "RING_BYTES", 1_000)
    reader = journal.subscribe("reader")
    data(journal, 5_000)
    journal.flush()
    assert journal.recent() == []
    assert journal.first_kept == 2
    journal.emit("audit")
    journal.flush()
    assert [event.kind for event in journal.recent()] == ["audit"]
    assert [event.kind for event in reader.take(0)] == ["connection.data", "audit"]


def test_a_fault_in_a_piece_does_not_end_the_journal(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Faulty:
        def settle(self, now: float) -> None:
            raise ValueError("a fault")

    reader = journal.subscribe("reader")
    journal.touch(Faulty())
    (lost,) = reader.take(DEADLINE_SECONDS)
    assert (lost.kind, lost.data["count"]) == ("events.dropped", None)
    assert "a fault" in capsys.readouterr().err
    journal.emit("audit")
    assert [event.kind for event in reader.take(DEADLINE_SECONDS)] == ["audit"]


def test_recent_gives_the_last_after_a_mark(journal: Journal) -> None:
    assert journal.first_kept == 1
    for _ in range(10):
        journal.emit("audit")
    journal.flush()
    assert [event.seq for event in journal.recent(after=7)] == [8, 9, 10]
    assert [event.seq for event in journal.recent(limit=2)] == [9, 10]
    assert [event.seq for event in journal.recent(after=9, limit=5)] == [10]
    assert journal.recent(after=10) == []
    assert journal.recent(limit=0) == []


def test_a_slow_reader_loses_the_oldest_and_is_told(journal: Journal) -> None:
    slow, quick = journal.subscribe("slow", capacity=10), journal.subscribe("quick")
    for _ in range(30):
        journal.emit("audit")
        journal.flush()
    events = slow.take(0)
    assert events[0].kind == "events.dropped"
    assert events[0].data == {"count": 20, "from_seq": 1, "to_seq": 20, "source": "reader slow"}
    assert accounted(events) == 30
    assert accounted(quick.take(0)) == 30
    journal.emit("audit")
    journal.flush()
    assert [event.seq for event in slow.take(0)] == [31], "told once"


def test_a_slow_reader_is_bounded_in_bytes_too(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socketdeck.subscription, "SUBSCRIPTION_BYTES", 100_000)
    slow = journal.subscribe("slow")
    for _ in range(200):
        data(journal, 2_000)
        journal.flush()
    events = slow.take(0)
    assert accounted(events) == 200
    assert len(events) < 60


def test_a_loss_that_is_lost_on_a_slow_reader_still_counts_in_full(journal: Journal) -> None:
    slow = journal.subscribe("slow", capacity=2)
    journal.emit("audit")
    journal.flush()
    journal.publish_loss(100, "child 7")
    for _ in range(5):
        journal.emit("audit")
        journal.flush()
    events = slow.take(0)
    assert accounted(events) == 106
    assert events[0].data["count"] == 104


# -- readers --------------------------------------------------------------------------------------


def test_a_subscription_begins_with_the_next_event(journal: Journal) -> None:
    journal.emit("before")
    journal.flush()
    subscription = journal.subscribe("reader")
    journal.emit("after")
    assert [event.kind for event in subscription.take(DEADLINE_SECONDS)] == ["after"]


def test_taking_from_a_quiet_journal_gives_up_at_its_timeout(journal: Journal) -> None:
    assert journal.subscribe("reader").take(timeout=0.01) == []


def test_closing_ends_a_reader_that_waits(journal: Journal) -> None:
    subscription = journal.subscribe("reader")
    taken: list[list[Event]] = []
    reader = threading.Thread(target=lambda: taken.append(subscription.take(DEADLINE_SECONDS)))
    reader.start()
    subscription.close()
    reader.join(DEADLINE_SECONDS)
    assert taken == [[]]
    assert subscription.closed
    subscription.close()


def test_a_closed_subscription_gets_nothing_more(journal: Journal) -> None:
    subscription = journal.subscribe("reader")
    subscription.close()
    journal.emit("audit")
    journal.flush()
    assert subscription.take(0) == []


def test_closing_the_journal_gives_readers_all_and_ends_them(make: Make) -> None:
    journal = make()
    subscription = journal.subscribe("reader")
    for _ in range(1_000):
        journal.emit("audit")
    journal.close()
    assert accounted(subscription.take(0)) == 1_000
    assert subscription.closed
    assert subscription.take(DEADLINE_SECONDS) == []
    journal.close()


def test_telling_a_closed_journal_does_no_harm(make: Make) -> None:
    journal = make()
    journal.close()
    journal.emit("audit")
    assert not any(thread.name == "socketdeck-journal" for thread in threading.enumerate())


def test_flush_has_drained_all_that_was_told_before(journal: Journal) -> None:
    for _ in range(2 * socketdeck.journal.PIECE_RECORDS + 1):
        journal.emit("audit")
    journal.flush()
    assert journal.last_seq == 2 * socketdeck.journal.PIECE_RECORDS + 1


def test_counters_are_settled_by_the_drainer(journal: Journal) -> None:
    settled = threading.Event()

    class Counters:
        def settle(self, now: float) -> None:
            assert abs(now - time.time()) < DEADLINE_SECONDS
            settled.set()

    journal.touch(Counters())
    assert settled.wait(DEADLINE_SECONDS)


# -- rest -----------------------------------------------------------------------------------------


def asleep(journal: Journal) -> None:
    """Wait until the drainer sleeps: it looks twice in vain before."""
    subscription = journal.subscribe("nobody tells it anything")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not journal.asleep:
        assert time.monotonic() < deadline
        subscription.take(timeout=0.01)
    subscription.close()


def wake_ups(journal: Journal) -> int:
    """How often the kernel has put the drainer to work."""
    assert journal._drainer is not None
    status = Path(f"/proc/self/task/{journal._drainer.native_id}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["voluntary_ctxt_switches"])


def test_a_quiet_journal_does_not_wake_up(journal: Journal) -> None:
    journal.emit("audit")
    journal.flush()
    asleep(journal)
    subscription = journal.subscribe("reader")
    before = wake_ups(journal)
    assert subscription.take(timeout=0.3) == []
    assert wake_ups(journal) == before


def test_the_first_event_after_quiet_comes_at_once(journal: Journal) -> None:
    subscription = journal.subscribe("reader")
    for _ in range(20):
        journal.emit("audit")
        assert subscription.take(DEADLINE_SECONDS)
        asleep(journal)
        began = time.monotonic()
        journal.emit("audit")
        assert subscription.take(DEADLINE_SECONDS)
        if time.monotonic() - began < socketdeck.journal.WINDOW_SECONDS / 2:
            return
    pytest.fail("no event after quiet came before the next look would have found it")


def test_no_drainer_runs_before_there_is_something_to_drain(make: Make) -> None:
    before = threading.active_count()
    make().subscribe("reader")
    assert threading.active_count() == before


# -- as JSON --------------------------------------------------------------------------------------


def test_an_event_in_the_contracts_shape() -> None:
    event = Event(
        7,
        1_700_000_000.25,
        "echo",
        3,
        "connection.data",
        {"direction": "in", "length": 3, "data": b"\x00\xffa", "truncated": False},
    )
    assert event_as_json(event) == {
        "seq": 7,
        "time": "2023-11-14T22:13:20.250000Z",
        "service": "echo",
        "connection": 3,
        "kind": "connection.data",
        "data": {"direction": "in", "length": 3, "data": "AP9h", "truncated": False},
    }
    assert event.data["data"] == b"\x00\xffa", "the event itself is left as it was"


def test_an_event_without_bytes_is_given_as_it_is() -> None:
    event = Event(1, 0.0, None, None, "connection.data", {"data": None, "length": 5})
    assert event_as_json(event)["data"] == {"data": None, "length": 5}
