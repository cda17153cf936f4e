"""The database: one file or server, three ways in.

- `durable` for what a user said (definitions, marks, sessions): each commit is on the disk before
  it returns (`synchronous=FULL`).
- `recording` for history, which commits often: safe when the panel is killed, while a power cut
  may take the last commits (`synchronous=NORMAL`).
- `reading` for queries, which cannot write and never wait for a writer (WAL).

What holds for SQLite and was learned the hard way:

- pysqlite's own transaction mode reads outside the transaction, so that read-modify-write loses
  updates. Its mode is off (`isolation_level=None`), and every writing transaction begins with
  BEGIN IMMEDIATE; a reading one with BEGIN, which takes no lock.
- `auto_vacuum` is a property of the file and counts only before its first page is written: it comes
  first of all pragmas, before WAL, which writes that page.
- An open reading transaction keeps the WAL from being reset. So a read is `.all()` and over; none
  is held while something is sent to a client.
- The WAL and the shared-memory file get the mode of the database's file, which is therefore made,
  private, before SQLite opens it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
from sqlalchemy.schema import Column

from app.store.errors import StoreError
from app.store.folder import make_private_file

BUSY_TIMEOUT_MILLISECONDS = 10_000
"""Longer than any transaction here takes, on a slow disk too."""

WAL_BYTES = 16 << 20
"""What the WAL is cut back to once it was written home; a busy moment may let it grow beyond."""

ROWS_A_STATEMENT = 500
"""A statement takes the interpreter lock once however many rows it has, `executemany` once a row:
beside busy threads 2,000 rows took seconds that way and 20 ms this way."""


class Database:
    """The three engines of one database; `close` ends them."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        try:
            if self.is_sqlite:
                make_private_file(Path(str(url.database)))
            self.durable = _engine(url, synchronous="FULL")
            self.recording = _engine(url, synchronous="NORMAL")
            self.reading = _engine(url, synchronous="NORMAL", read_only=True)
        except OSError as error:
            raise StoreError(
                f"the database {url.database} cannot be opened: {error.strerror}"
            ) from error
        except (ImportError, NoSuchModuleError) as error:
            raise StoreError(
                f"SOCKETDECK_DATABASE names a {url.get_backend_name()} database, for which the "
                f"driver is not installed ({error}); install it, or leave the setting out"
            ) from error

    def close(self) -> None:
        """Close every connection; SQLite then writes the WAL home and removes it."""
        for engine in (self.reading, self.recording, self.durable):
            engine.dispose()


@contextlib.contextmanager
def telling(what: str) -> Iterator[None]:
    """Turn a database's error into a `StoreError` that says what could not be done and why."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        original = getattr(error, "orig", None) or error
        raise StoreError(f"{what}: {original}{_advice(original)}") from error


def _advice(error: BaseException) -> str:
    """What to do about a database's error, where its code says so (sqlite3(3), Result Codes)."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return ""
    if code & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return "; move the file away or put back a copy of it, or name another database"
    return "; see whether its disk is full or read-only"


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in statements of many; each row has a value for every column.

    SQLAlchemy compiles such a statement anew each time, at a cost above that of running it; so the
    text is made here, and is the same each time for full statements.
    """
    names = [column.name for column in table.columns]
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        some = rows[start : start + ROWS_A_STATEMENT]
        connection.exec_driver_sql(
            _insert_text(table, names, len(some), connection.dialect.paramstyle),
            tuple(row[name] for row in some for name in names),
        )


def delete_rows(connection: Connection, column: Column[int], keys: Sequence[int]) -> None:
    """Delete the rows with these keys, in statements of many."""
    for start in range(0, len(keys), ROWS_A_STATEMENT):
        some = keys[start : start + ROWS_A_STATEMENT]
        connection.execute(column.table.delete().where(column.in_(some)))


def _insert_text(table: Table, names: Sequence[str], rows: int, paramstyle: str) -> str:
    mark = "?" if paramstyle == "qmark" else "%s"
    row = "(" + ",".join([mark] * len(names)) + ")"
    return f"INSERT INTO {table.name} ({','.join(names)}) VALUES {','.join([row] * rows)}"


def _engine(url: URL, *, synchronous: str, read_only: bool = False) -> Engine:
    engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    if url.get_backend_name() != "sqlite":
        return engine

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MILLISECONDS}",
            "auto_vacuum=INCREMENTAL",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            f"journal_size_limit={WAL_BYTES}",
            "foreign_keys=ON",
            f"query_only={'ON' if read_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
