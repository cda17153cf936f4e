"""Writing history: one transaction a write, the oldest trimmed as the newest come.

Only the history's thread writes here. The bounds are on what is kept (events, their bytes, closed
connections, their bytes); the file follows, as pages that trimming freed are used again, and given
back to the file system where many lie free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Table, func, select

from app.store.database import WAL_BYTES, Database, delete_rows, insert_rows, telling
from app.store.exception_rows import write_errors
from app.store.gathering import Gathered
from app.store.tables import closed_connections, event_batches, open_connections

TRIMMED_ROWS = 200
"""Looked at in a write, over what the write itself adds: a bound that was lowered is reached in
steps, none of which holds up anybody."""

FREE_PAGES = 4_096
"""Left free in the file (16 MiB of 4 KiB pages), as the next writes want them."""

VACUUMED_PAGES = 512


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much history is kept; the oldest goes first."""

    events: int = 1_000_000
    event_bytes: int = 256 << 20
    connections: int = 200_000
    connection_bytes: int = 256 << 20


@dataclass(slots=True)
class Kept:
    """How much of one table's rows is kept: entries (events, or connections) and bytes."""

    entries: int
    size: int


class HistoryWriter:
    """Writes what was gathered, on one connection of its own; `close` gives it back."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._bounds = bounds
        with telling("history cannot be opened"):
            self._connection = database.recording.connect()
            with self._connection.begin():
                self.events = self._count(event_batches, func.sum(event_batches.c.events))
                self.closed = self._count(closed_connections, func.count())

    def write(self, gathered: Gathered, opened: list[dict[str, Any]]) -> None:
        """Commit one write, all or nothing; raises `StoreError`, after which it may be repeated."""
        connection = self._connection
        with telling("history was not written"):
            batches = gathered.batches()
            closed = list(gathered.closed.values())
            with connection.begin():
                insert_rows(connection, event_batches, batches)
                delete_rows(connection, closed_connections.c.id, gathered.repeated)
                insert_rows(connection, closed_connections, closed)
                delete_rows(connection, open_connections.c.id, gathered.ended)
                insert_rows(connection, open_connections, opened)
                if gathered.errors:
                    write_errors(connection, gathered.errors)
                events = _grown(self.events, gathered.events, batches)
                kept = _grown(self.closed, len(closed), closed)
                self._trim_events(events, len(batches))
                self._trim_closed(kept, len(closed))
            self.events, self.closed = events, kept

    def tidy(self) -> None:
        """Give free pages back to the file system, a few at a time, and keep the WAL small."""
        if not self._database.is_sqlite:
            return
        with telling("history's file could not be tidied"):
            driver: Any = self._connection.connection.driver_connection
            (free,) = driver.execute("PRAGMA freelist_count").fetchone()
            if free > FREE_PAGES:
                # By `execute` it would free a single page: it frees one a step.
                driver.executescript(f"PRAGMA incremental_vacuum({VACUUMED_PAGES})")
            if _size(f"{self._database.url.database}-wal") > 2 * WAL_BYTES:
                driver.execute("PRAGMA wal_checkpoint(RESTART)").close()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _count(self, table: Table, entries: Any) -> Kept:
        row = self._connection.execute(
            select(entries, func.sum(table.c.size)).select_from(table)
        ).one()
        return Kept(int(row[0] or 0), int(row[1] or 0))

    def _trim_events(self, kept: Kept, added: int) -> None:
        over = (self._bounds.events, self._bounds.event_bytes)
        key, entries = event_batches.c.first_seq, event_batches.c.events
        gone = _oldest(self._connection, kept, over, key, key, entries, TRIMMED_ROWS + added)
        if gone:
            self._connection.execute(event_batches.delete().where(key <= gone[-1]))

    def _trim_closed(self, kept: Kept, added: int) -> None:
        over = (self._bounds.connections, self._bounds.connection_bytes)
        key, order = closed_connections.c.id, closed_connections.c.closed_at
        gone = _oldest(self._connection, kept, over, order, key, None, TRIMMED_ROWS + added)
        delete_rows(self._connection, key, gone)


def _grown(kept: Kept, entries: int, rows: Iterable[dict[str, Any]]) -> Kept:
    return Kept(kept.entries + entries, kept.size + sum(row["size"] for row in rows))


def _oldest(
    connection: Connection,
    kept: Kept,
    bounds: tuple[int, int],
    order: Column[Any],
    key: Column[Any],
    entries: Column[int] | None,
    limit: int,
) -> list[int]:
    """The keys of the oldest rows that must go for `kept` to be within its bounds; adjusts it."""
    if kept.entries <= bounds[0] and kept.size <= bounds[1]:
        return []
    columns = [key, key.table.c.size] + ([] if entries is None else [entries])
    rows = connection.execute(select(*columns).order_by(order, key).limit(limit)).all()
    gone: list[int] = []
    for row in rows:
        if kept.entries <= bounds[0] and kept.size <= bounds[1]:
            break
        gone.append(row[0])
        kept.size -= row[1]
        kept.entries -= 1 if entries is None else row[2]
    return gone


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
