"""How history is written: bounded, a moment behind, through failures, over any end of a panel."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.store import Store, StoreError, writing
from app.store.database import Database
from app.store.gathering import Gathered
from app.store.marks import CONNECTION_BLOCK, EVENT_BLOCK
from app.store.writing import HistoryWriter

ROOT = Path(__file__).parents[3]


# -- bounds -----------------------------------------------------------------------------------


def test_the_oldest_events_go_when_there_are_too_many(make_panel: Callable[..., Any]) -> None:
    panel = make_panel(history_events=1_000)
    for _ in range(50):
        for _ in range(60):
            panel.emit(text="x" * 50)
        panel.flush()
    kept = panel.history.status().kept_events
    assert 900 <= kept <= 1_000
    assert panel.history.events().total == kept
    assert panel.history.first_seq() == 3_000 - kept + 1
    (first, second) = panel.history.events(after=0, limit=1).items
    assert first.kind == "events.dropped"
    assert first.data == {
        "count": None,
        "from_seq": 1,
        "to_seq": second.seq - 1,
        "source": "history",
    }


def test_events_are_bounded_by_bytes_and_so_is_the_file(
    make_panel: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "FREE_PAGES", 16)
    panel = make_panel(history_bytes=300_000)
    for _ in range(40):
        panel.emit("connection.data", data=os.urandom(100_000))
        panel.flush()
    assert panel.history.status().kept_event_bytes <= 300_000
    assert panel.history.events().total == 2
    panel.restart()
    assert (panel.folder / "socketdeck.db").stat().st_size < 1_000_000
    assert panel.history.status().kept_events == 2


def test_a_bound_that_was_lowered_is_reached_in_steps(
    make_panel: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = make_panel()
    for number in range(1, 31):
        panel.connect(number)
        panel.flush()
    panel.stop()
    monkeypatch.setattr(writing, "TRIMMED_ROWS", 10)
    database = Database(panel.configuration.database)
    writer = HistoryWriter(database, writing.Bounds(events=2, connections=5))
    kept = []
    while writer.closed.entries > 5 or writer.events.entries > 2:
        writer.write(Gathered(), [])
        kept.append((writer.events.entries, writer.closed.entries))
    writer.close()
    database.close()
    assert kept == [(40, 20), (20, 10), (2, 5)]
    assert panel.sql("SELECT min(id) FROM closed_connections") == [(26,)]


def test_closed_connections_are_bounded_the_longest_closed_go_first(
    make_panel: Callable[..., Any],
) -> None:
    panel = make_panel(history_connections=100)
    panel.open(1)
    for number in range(2, 301):
        panel.connect(number)
        if number % 50 == 0:
            panel.flush()
    panel.close(1, after=10_000)
    panel.flush()
    page = panel.closed(limit=500, sort="id")
    assert page.total == 100
    assert [view["id"] for view in page.items] == [1, *range(202, 301)]


# -- rhythm -----------------------------------------------------------------------------------


def commits(panel: Any) -> int:
    return int(panel.sql("SELECT count(*) FROM event_batches")[0][0])


def test_what_comes_in_between_is_gathered_for_one_write(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.history.INTERVAL_SECONDS", 3_600)
    panel.emit()
    panel.flush()
    for _ in range(100):
        panel.emit()
        panel.journal.flush()
    panel.stop()
    assert commits(panel) == 2


def test_what_thousands_wait_for_is_written_at_once(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.history.INTERVAL_SECONDS", 3_600)
    panel.emit()
    panel.flush()
    for _ in range(10_000):
        panel.emit()
    panel.journal.flush()
    with panel.history._done:
        assert panel.history._done.wait_for(lambda: panel.history._written_seq > 4_000, 10)


def test_a_quiet_panel_does_not_wake_up(panel: Any) -> None:
    quiet = threading.Event()
    take = panel.history._subscription.take

    def watched(timeout: float | None = None) -> Any:
        if timeout is None and panel.history.status().written_seq == 2:
            quiet.set()
        return take(timeout)

    panel.history._subscription.take = watched
    for _ in range(2):
        panel.emit()
        panel.flush()
    assert quiet.wait(10)


def test_an_open_reader_does_not_hold_up_the_writer(panel: Any) -> None:
    with panel.store._database.reading.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM event_batches").all()
        panel.emit()
        panel.flush()
    assert panel.seqs() == [1]


# -- failures ---------------------------------------------------------------------------------


class FailingDisk:
    """A writer whose transactions fail until the disk is mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failed = threading.Event()
        self.mended = threading.Event()
        write = HistoryWriter.write

        def failing(writer: HistoryWriter, gathered: Any, opened: Any) -> None:
            if not self.mended.is_set():
                self.failed.set()
                raise StoreError("history was not written: disk full")
            write(writer, gathered, opened)

        monkeypatch.setattr(HistoryWriter, "write", failing)


def test_a_write_that_fails_is_repeated_and_nothing_is_lost(
    panel: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.store.history.RETRY_SECONDS", (0.01, 0.02))
    disk = FailingDisk(monkeypatch)
    with caplog.at_level(logging.WARNING):
        panel.open(1)
        panel.journal.flush()
        assert disk.failed.wait(10)
        panel.close(1)
        panel.emit()
        disk.mended.set()
        panel.flush()
    assert panel.history.status().failing is None
    assert [record.getMessage() for record in caplog.records] == [
        "history was not written: disk full; it is tried again",
        "history is written again",
    ]
    assert panel.seqs() == [3, 2, 1]
    assert panel.closed().total == 1
    assert panel.sql("SELECT id FROM open_connections") == []


def test_what_a_slow_disk_cost_stands_in_its_place(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.history.RETRY_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(panel.history._subscription, "_capacity", 100)
    disk = FailingDisk(monkeypatch)
    panel.emit()
    panel.journal.flush()
    assert disk.failed.wait(10)
    for _ in range(500):
        panel.emit()
        panel.journal.flush()
    disk.mended.set()
    panel.flush()
    page = panel.history.events(after=0, limit=500).items
    (dropped,) = [event for event in page if event.kind == "events.dropped"]
    assert dropped.data["count"] == dropped.data["to_seq"] - dropped.data["from_seq"] + 1
    assert len(page) - 1 + dropped.data["count"] == 501


def test_a_fault_of_its_own_is_told(
    panel: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(_writer: HistoryWriter, _gathered: Any, _opened: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(HistoryWriter, "write", faulty)
    panel.emit()
    panel.journal.flush()
    panel.history._thread.join(10)
    assert "a bug" in panel.history.status().failing
    assert "nothing is recorded any more" in caplog.text


def test_what_cannot_be_made_of_an_event_is_told_once_and_done_without(
    panel: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        panel.open(number)
        told = {"direction": "in", "length": 1, "data": b"a", "truncated": False, "count": "many"}
        panel.emit("connection.data", connection=number, **told)
        panel.emit("connection.error", connection=number, type="E", message=str(number))
        panel.journal.emit("connection.closed", "echo", None)
        panel.flush()
    panel.connect(3)
    panel.flush()
    assert panel.history.status().failing is None
    assert panel.history.connection(3) is not None
    assert caplog.text.count("not all can be made of the events that came") == 1


def test_a_panel_ends_though_its_disk_is_full(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    FailingDisk(monkeypatch)
    panel.emit()
    panel.stop()
    assert not panel.history._thread.is_alive()


def test_a_database_that_is_locked_for_long_is_waited_for(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.history.RETRY_SECONDS", (0.01, 0.02))
    panel.history._writer._connection.connection.driver_connection.execute("PRAGMA busy_timeout=1")
    with panel.store._database.durable.begin():
        panel.emit()
        panel.journal.flush()
        assert not panel.history.flush(0.5)
    panel.flush()
    assert panel.seqs() == [1]


# -- ends -------------------------------------------------------------------------------------


def test_after_a_clean_end_numbering_goes_on(panel: Any) -> None:
    for number in (1, 2, 3):
        panel.connect(number)
    panel.restart()
    assert panel.store.recovery.unclean is False
    assert panel.store.recovery.closed == ()
    assert panel.store.recovery.first_seq == 7
    assert panel.store.recovery.first_connection_id == 4
    assert panel.seqs() == [6, 5, 4, 3, 2, 1]


def test_a_first_start_is_no_unclean_end(panel: Any) -> None:
    assert panel.store.recovery.unclean is False
    assert (panel.store.recovery.first_seq, panel.store.recovery.first_connection_id) == (1, 1)


def test_after_any_other_end_numbering_goes_on_above_a_hole(panel: Any) -> None:
    panel.connect(1)
    panel.restart(clean=False)
    recovery = panel.store.recovery
    assert recovery.unclean
    assert recovery.first_seq == EVENT_BLOCK + 1
    assert recovery.first_connection_id == CONNECTION_BLOCK + 1
    hole = panel.history.events(limit=1).items[0]
    assert (hole.seq, hole.kind) == (EVENT_BLOCK, "events.dropped")
    assert hole.data == {
        "count": None,
        "from_seq": 3,
        "to_seq": EVENT_BLOCK,
        "source": "panel",
    }
    panel.emit()
    panel.flush()
    assert panel.seqs() == [EVENT_BLOCK + 1, EVENT_BLOCK, 2, 1]


@pytest.mark.parametrize("clean", [True, False])
def test_what_was_open_at_the_end_is_closed_by_the_next_start(panel: Any, clean: bool) -> None:
    panel.open(1)
    panel.data(1)
    panel.connect(2)
    panel.flush()
    panel.restart(clean=clean)
    assert panel.store.recovery.closed == (1,)
    one = panel.history.connection(1)
    assert (one["state"], one["close_reason"]) == ("closed", "panel_restarted")
    assert panel.closed(reason="panel_restarted").total == 1
    closing = panel.history.events(connection=1, kind="connection.closed").items
    assert [event.data["reason"] for event in closing] == ["panel_restarted"]
    assert closing[0].seq == panel.store.recovery.first_seq - 1
    assert [event.data["data"] for event in panel.history.messages(1).items] == [b"hi"]
    panel.restart()
    assert panel.store.recovery.closed == ()


def test_reserved_numbers_stay_ahead(panel: Any) -> None:
    panel.store.marks.reserve(seq=EVENT_BLOCK, connection_id=10 * CONNECTION_BLOCK)
    panel.restart(clean=False)
    assert panel.store.recovery.first_seq == 2 * EVENT_BLOCK
    assert panel.store.recovery.first_connection_id == 11 * CONNECTION_BLOCK
    before = panel.sql("SELECT name, value FROM marks ORDER BY name")
    panel.store.marks.reserve(seq=2 * EVENT_BLOCK + 1, connection_id=1)
    assert panel.sql("SELECT name, value FROM marks ORDER BY name") == before


VICTIM = """
import sys
from pathlib import Path
from app.configuration import Configuration
from app.store import Store
from socketdeck.journal import Journal

configuration = Configuration.from_environment({"SOCKETDECK_DATA": sys.argv[1]})
store = Store.open(configuration)
journal = Journal(first_seq=store.recovery.first_seq)
history = store.record(journal)
first = store.recovery.first_connection_id
for number in range(1_000_000):
    journal.emit("connection.opened", "echo", first + number, peer="10.0.0.1:1", local=None)
    journal.emit("service.log", "echo", text="x" * 200)
    if number % 2:
        data = {"bytes": {"in": 1, "out": 1}, "messages": {"in": 1, "out": 1}}
        journal.emit(
            "connection.closed", "echo", first + number, reason="killed", duration=0.0, **data
        )
    if number % 100 == 0:
        name = f"s{number}-{first}"
        store.definitions.save({"name": name})
        store.definitions.want(name, "running")
        print(f'{{"saved": "{name}"}}', flush=True)
    if number % 250 == 0 and history.flush():
        print(f'{{"flushed": {history.status().written_seq}}}', flush=True)
"""


def test_nothing_that_was_told_saved_is_lost_by_kill_9(
    tmp_path: Path, make_panel: Callable[..., Any]
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(ROOT)])}
    saved: set[str] = set()
    flushed = 0
    for lines in (3, 8, 20):
        victim = subprocess.Popen(
            [sys.executable, "-c", VICTIM, str(tmp_path)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert victim.stdout is not None
        with victim.stdout:
            told = [json.loads(victim.stdout.readline()) for _ in range(lines)]
            victim.send_signal(signal.SIGKILL)
            told += [json.loads(line) for line in victim.stdout if line.endswith("}\n")]
        assert victim.wait(10) == -signal.SIGKILL
        saved |= {line["saved"] for line in told if "saved" in line}
        flushed = max([flushed, *(line["flushed"] for line in told if "flushed" in line)])

    panel = make_panel(tmp_path)
    running = {kept.name for kept in panel.store.definitions.all() if kept.wanted == "running"}
    assert saved - running == set()
    recovery = panel.store.recovery
    assert recovery.unclean
    assert recovery.first_seq > flushed
    assert recovery.closed
    assert panel.sql("SELECT id FROM open_connections") == []
    assert panel.sql("PRAGMA integrity_check") == [("ok",)]
    assert panel.history.events(before=flushed + 1, limit=1).items[0].seq == flushed
    assert len(panel.history.events(kind="events.dropped").items) == 3
    assert panel.closed(reason="panel_restarted").total > len(recovery.closed)


def test_a_start_that_fails_leaves_the_folder_free(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.stop()

    def failing(_database: Database) -> None:
        raise StoreError("the last end could not be made good: disk full")

    with monkeypatch.context() as patch:
        patch.setattr("app.store.recover", failing)
        with pytest.raises(StoreError, match="disk full"):
            Store.open(panel.configuration)
    panel.start()
