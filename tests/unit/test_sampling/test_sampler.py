"""What was sampled is found again: by the second, by the minute, after a restart."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text

from app.sampling import Sampler
from app.store import StoreError

NOON = 1_800_000_000
DEADLINE_SECONDS = 10.0


def values(columns: Any, name: str) -> dict[int, Any]:
    """A column's values that are neither nothing nor unknown, by how far after noon they are."""
    pairs = zip(columns.times, columns.by_name()[name], strict=True)
    return {at - NOON: value for at, value in pairs if value}


def known(columns: Any) -> list[int]:
    """The steps of which it is known what happened, by how far after noon they are."""
    pairs = zip(columns.times, columns.open, strict=True)
    return [at - NOON for at, value in pairs if value is not None]


def rows(deck: Any, table: str = "series_blocks") -> int:
    with deck.store._database.reading.connect() as kept:
        count: int = kept.execute(text(f"SELECT count(*) FROM {table}")).scalar()
    return count


def test_a_second_has_what_happened_in_it(deck: Any) -> None:
    deck.turn()
    deck.did("echo", 0.010, 0.020, 0.030, total=3, bytes_in=300, bytes_out=600, errors=1)
    deck.opened(2)
    deck.turn()
    deck.did("echo", bytes_in=50, messages_in=5)
    deck.turn()
    columns = deck.series()
    assert columns.step == 1
    assert columns.end == NOON + 3
    assert len(columns.times) == 60
    assert values(columns, "connections") == {1: 3}
    assert values(columns, "bytes_in") == {1: 300, 2: 50}
    assert values(columns, "bytes_out") == {1: 600}
    assert values(columns, "messages_in") == {2: 5}
    assert values(columns, "errors") == {1: 1}
    assert values(columns, "open") == {1: 2, 2: 2}
    assert values(columns, "p50") == {1: pytest.approx(0.020, rel=1 / 64)}
    assert values(columns, "p99") == {1: pytest.approx(0.030, rel=1 / 64)}
    assert columns.restarts == []


def test_a_service_that_never_did_anything_has_no_series(deck: Any) -> None:
    deck.service("idle")
    deck.turn()
    columns = deck.series(name="idle")
    assert columns.since is None
    assert known(columns) == []


def test_nothing_is_known_from_before_a_service_first_ran(deck: Any) -> None:
    deck.turn(10)
    deck.opened(1)
    deck.turn()
    deck.turn(5)
    columns = deck.series()
    assert columns.since == NOON + 10
    assert known(columns) == [10, 11, 12, 13, 14, 15]
    assert values(columns, "open") == dict.fromkeys(range(10, 16), 1)


def test_a_quiet_second_is_nothing_rather_than_unknown(deck: Any) -> None:
    deck.did("echo", 0.5, total=1)
    deck.turn()
    deck.turn(7)
    columns = deck.series()
    assert columns.connections[-1] == 0
    assert columns.p99[-1] is None
    assert known(columns) == list(range(8))


def test_only_services_in_which_something_changed_are_looked_at(
    deck: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        deck.did(f"s{number}", total=1)
    deck.turn()
    looked: list[Any] = []
    take = Sampler._take

    def note(self: Sampler, service: Any, *rest: Any) -> None:
        looked.append(service.name)
        take(self, service, *rest)

    monkeypatch.setattr(Sampler, "_take", note)
    deck.did("s7", bytes_in=1)
    deck.did("s7", bytes_in=1)
    deck.turn()
    deck.turn()
    assert looked == ["s7"]


def test_what_a_late_sampler_finds_is_of_all_the_seconds_it_missed(deck: Any) -> None:
    deck.did(bytes_in=1)
    deck.turn()
    deck.did("echo", 0.1, bytes_in=100, total=5)
    deck.turn(3)
    columns = deck.series()
    spread = values(columns, "bytes_in")
    assert spread == {0: 1, 1: 33, 2: 33, 3: 34}
    assert sum(values(columns, "connections").values()) == 5


def test_a_day_has_a_value_a_minute(deck: Any) -> None:
    for _ in range(90):
        deck.did("echo", 0.010, bytes_in=60)
        deck.turn()
    columns = deck.series("24h")
    assert columns.step == 60
    assert len(columns.times) == 1440
    assert values(columns, "bytes_in") == {0: 60, 60: 60}
    assert values(columns, "p95") == {
        0: pytest.approx(0.01, rel=1 / 64),
        60: pytest.approx(0.01, rel=1 / 64),
    }


def test_a_minute_shows_the_most_that_were_open(deck: Any) -> None:
    deck.opened(7)
    deck.turn()
    deck.opened(2)
    deck.turn()
    deck.turn(58)
    deck.turn(60)
    deck.opened(0)
    deck.turn()
    assert values(deck.series("24h"), "open") == {0: 7, 60: 2, 120: 2}


@pytest.mark.parametrize("cleanly", [True, False])
def test_a_restart_keeps_what_was_written_and_leaves_a_gap(deck: Any, cleanly: bool) -> None:
    deck.opened(3)
    deck.did(bytes_in=100)
    deck.turn(10)
    deck.sampler.write()
    deck.restart(cleanly=cleanly, after=20)
    deck.turn(5)
    deck.did(bytes_in=7)
    deck.turn()
    columns = deck.series()
    assert sum(values(columns, "bytes_in").values()) == 107
    assert values(columns, "bytes_in")[35] == 7
    assert values(columns, "open")[9] == 3
    missing = [at for at in range(36) if at not in known(columns)]
    assert missing == list(range(10, 30))
    assert [at for at in known(columns) if at >= 30] == list(range(30, 36))
    assert not any(at >= 30 for at in values(columns, "open"))
    assert columns.restarts == [NOON + 30]
    assert deck.series("24h").restarts == [NOON + 30]
    assert values(deck.series("24h"), "bytes_in") == {0: 107 / 36}


def test_two_restarts_within_a_minute_lose_nothing_of_it(deck: Any) -> None:
    for count in (1, 2, 3):
        deck.did("echo", 0.010 * count, bytes_in=60 * count)
        deck.turn()
        deck.restart(after=3)
    deck.turn(60)
    columns = deck.series("24h")
    assert values(columns, "bytes_in") == {0: 6}
    assert values(columns, "p99") == {0: pytest.approx(0.030, rel=1 / 64)}
    assert len(columns.restarts) == 3


def test_what_was_not_written_is_shown_all_the_same(deck: Any) -> None:
    deck.did(bytes_in=10)
    deck.turn()
    deck.sampler.write()
    deck.did(bytes_in=20)
    deck.turn()
    assert values(deck.series(), "bytes_in") == {0: 10, 1: 20}
    assert values(deck.series("24h"), "bytes_in") == {0: 15}


def test_how_many_were_open_is_known_long_after_the_last_change(deck: Any) -> None:
    deck.opened(4)
    deck.turn()
    for _ in range(40):
        deck.turn(60)
        deck.sampler.write()
    assert set(deck.series("1m").open) == {4}
    assert set(deck.series("15m").open) == {4}
    for _ in range(60):
        deck.turn(1800)
        deck.sampler.write()
    assert set(deck.series("1m").open) == {4}
    assert set(deck.series("24h").open) == {4}


def test_a_machine_that_slept_leaves_a_gap_and_no_restart(deck: Any) -> None:
    deck.opened(2)
    deck.turn()
    deck.sleep(20)
    deck.turn()
    deck.turn()
    columns = deck.series()
    assert columns.restarts == []
    assert [at for at in range(23) if at not in known(columns)] == list(range(2, 22))
    assert values(columns, "open")[22] == 2


def test_what_was_before_a_sleep_is_counted_once(deck: Any) -> None:
    deck.did(bytes_in=600)
    deck.turn()
    deck.sampler.write()
    deck.did(bytes_in=60)
    deck.turn()
    deck.sleep(20)
    deck.did(bytes_in=6)
    deck.turn()
    deck.sampler.write()
    with deck.store._database.reading.connect() as kept:
        runs = kept.execute(text("SELECT run FROM series_blocks WHERE step = 60")).scalars().all()
    assert sorted(runs) == [1, 2]
    deck.turn(60)
    seen = deck.series("24h")
    assert sum(values(seen, "bytes_in").values()) == pytest.approx(666 / 60)


@pytest.mark.parametrize("call", ["write", "begin_run"])
def test_a_jump_waits_for_the_database(
    deck: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise StoreError("the disk is full")

    deck.did(bytes_in=10)
    deck.turn()
    deck.sleep(20)
    with monkeypatch.context() as broken:
        broken.setattr(deck.store.series, call, fail)
        deck.did(bytes_in=5)
        deck.turn()
        assert rows(deck, "panel_runs") == 1
        assert caplog.records[0].levelname == "ERROR"
    deck.turn()
    assert rows(deck, "panel_runs") == 2
    seen = deck.series()
    assert values(seen, "bytes_in") == {0: 10, 22: 5}
    assert not any(1 < at < 21 for at in known(seen))


def test_what_is_old_is_removed(deck: Any) -> None:
    for minute in range(60):
        deck.did("echo", 0.01, bytes_in=minute)
        deck.turn(60)
        deck.sampler.write()
    columns = deck.series("15m")
    assert len(columns.times) == 900
    assert rows(deck) <= 20 * 1 + 5  # a block of seconds each minute, four of minutes
    deck.turn(26 * 3600)
    deck.sampler.write()
    assert rows(deck) == 0
    for _ in range(3):
        deck.restart(after=25 * 3600)
        deck.turn()
        deck.sampler.write()
    assert rows(deck, "panel_runs") == 1


def test_a_deleted_service_leaves_nothing_to_its_namesake(deck: Any) -> None:
    service = deck.service("echo")
    deck.store.definitions.save({"name": "echo"})
    deck.did(bytes_in=10)
    deck.turn()
    deck.sampler.write()
    deck.did(bytes_in=20)
    deck.turn()
    deck.supervisor.remove("echo")
    with deck.sampler.forgetting(service):
        deck.store.definitions.delete("echo")
    deck.turn()
    deck.sampler.write()
    assert rows(deck) == 0
    assert rows(deck, "series") == 0
    deck.services.clear()
    deck.service("echo")
    assert deck.series().since is None
    deck.did(bytes_in=3)
    deck.turn()
    assert values(deck.series(), "bytes_in") == {3: 3}


def test_a_service_that_could_not_be_deleted_has_its_series(deck: Any) -> None:
    service = deck.service("echo")
    deck.did(bytes_in=10)
    deck.turn()
    with pytest.raises(StoreError), deck.sampler.forgetting(service):
        raise StoreError("the disk is full")
    deck.did(bytes_in=20)
    deck.turn()
    assert deck.series().since == NOON
    assert values(deck.series(), "bytes_in") == {0: 10, 1: 20}


def test_what_cannot_be_written_waits(
    deck: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise StoreError("series were not written: the disk is full")

    deck.did(bytes_in=10)
    deck.turn()
    with monkeypatch.context() as broken:
        broken.setattr(deck.store.series, "write", fail)
        for second in range(1000):
            deck.did(bytes_in=second)
            deck.turn()
            if second % 10 == 0:
                deck.sampler.write()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert len(deck.sampler._records["echo"].seconds) == 900
    assert values(deck.series(), "bytes_in")[1000] == 999
    deck.sampler.write()
    assert caplog.records[-1].levelname == "WARNING"
    deck.restart(cleanly=False)
    assert values(deck.series("15m"), "bytes_in")[1000] == 999


def test_its_thread_samples_what_stirs_and_ends(deck: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = threading.Event()
    sampler = Sampler(deck.store.series)
    service = deck.service()
    service.tally.sample_with(lambda: sampler.stirred(service))
    take = sampler._take

    def note(*details: Any) -> None:
        take(*details)
        taken.set()

    monkeypatch.setattr(sampler, "_take", note)
    sampler.start()
    service.tally.handled(0.25)
    assert taken.wait(DEADLINE_SECONDS)
    sampler.close()
    assert sampler.series("echo", "1m").since is not None
    assert service.tally.latest is not None
    assert service.tally.latest.p99 == pytest.approx(0.25, rel=1 / 64)
    assert not any(thread.name == "socketdeck-sampler" for thread in threading.enumerate())
