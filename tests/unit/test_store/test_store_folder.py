"""The data folder and the database's file: private, locked, migrated, set up as SQLite wants it."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select

from app import store as store_package
from app.configuration import Configuration
from app.store import DataFolderBusy, Store, StoreError
from app.store.database import Database
from app.store.migrations import HEAD
from app.store.tables import marks, metadata


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def settings(folder: Path, **more: str) -> Configuration:
    return Configuration.from_environment({"SOCKETDECK_DATA": str(folder), **more})


def test_what_it_makes_is_private(panel: Any) -> None:
    panel.emit()
    panel.flush()
    assert mode(panel.folder) == 0o700
    files = {path.name: mode(path) for path in panel.folder.iterdir()}
    assert set(files.values()) == {0o600}, files
    assert "socketdeck.db-wal" in files


def test_a_database_that_others_could_read_is_narrowed(panel: Any) -> None:
    panel.stop()
    (panel.folder / "socketdeck.db").chmod(0o644)
    panel.start()
    assert mode(panel.folder / "socketdeck.db") == 0o600


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Store.open(settings(tmp_path)).close()
    assert mode(tmp_path) == 0o755


def test_a_second_panel_is_told_who_has_the_folder(panel: Any) -> None:
    with pytest.raises(DataFolderBusy) as refused:
        Store.open(panel.configuration)
    assert f"process {os.getpid()}" in str(refused.value)
    panel.restart()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="name another in SOCKETDECK_DATA"):
        Store.open(settings(tmp_path / "file" / "data"))


def test_a_file_that_is_no_database_is_one_sentence_and_stays(tmp_path: Path) -> None:
    (tmp_path / "socketdeck.db").write_text("precious" * 1000)
    with pytest.raises(StoreError, match="file is not a database"):
        Store.open(settings(tmp_path))
    assert (tmp_path / "socketdeck.db").read_text() == "precious" * 1000


def test_a_database_of_a_newer_panel_is_refused(panel: Any) -> None:
    panel.stop()
    database = Database(panel.configuration.database)
    with database.durable.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(StoreError, match="written by a newer panel"):
        Store.open(panel.configuration)
    database = Database(panel.configuration.database)
    with database.durable.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{HEAD}'")
    database.close()
    panel.start()


def test_a_driver_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    url = "postgresql+nosuchdriver://user:secret@127.0.0.1/deck"
    with pytest.raises(StoreError, match="driver is not installed") as refused:
        Store.open(settings(tmp_path, SOCKETDECK_DATABASE=url))
    assert "secret" not in str(refused.value)


def test_the_pragmas_hold_on_every_way_in(panel: Any) -> None:
    database = panel.store._database
    wanted = {
        "auto_vacuum": 2,
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }
    engines = {database.durable: (2, 0), database.recording: (1, 0), database.reading: (1, 1)}
    for engine, (synchronous, query_only) in engines.items():
        with engine.connect() as connection:
            expected = {**wanted, "synchronous": synchronous, "query_only": query_only}
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected
            }
        assert found == expected


def test_four_threads_lose_no_update(panel: Any) -> None:
    """pysqlite's own transactions read outside of them: 103 of 400 were left."""
    database = panel.store._database
    with database.durable.begin() as connection:
        connection.execute(marks.insert().values(name="count", value=0))

    def add() -> None:
        for _ in range(50):
            with database.durable.begin() as connection:
                value = connection.execute(
                    select(marks.c.value).where(marks.c.name == "count")
                ).scalar_one()
                connection.execute(
                    marks.update().where(marks.c.name == "count").values(value=value + 1)
                )

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert panel.sql("SELECT value FROM marks WHERE name = 'count'") == [(200,)]


def test_the_migrations_lead_to_the_tables(panel: Any) -> None:
    with panel.store._database.durable.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_head_that_a_start_compares_with_is_alembics() -> None:
    settings = Config()
    folder = Path(store_package.__file__).parent / "migrations"
    settings.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(settings).get_current_head() == HEAD
