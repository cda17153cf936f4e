"""Marks: the numbers that must never be given twice, however the panel ends.

Events and connections are numbered in memory, far too often to store each number. So numbers are
reserved ahead in blocks: what is stored is always above what was given. After a clean end numbering
goes on where it stopped, as that was stored; after any other it goes on above the reserved block,
and the hole between is told as one `events.dropped` whose count nobody knows.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sqlalchemy import Connection, select

from app.store.database import Database, telling
from app.store.tables import marks

EVENT_BLOCK = 1_000_000
"""Five seconds of the fastest journal: history may be that far behind when it extends the block."""

CONNECTION_BLOCK = 100_000

EVENT = "next_event"
CONNECTION = "next_connection"
CLEAN = "clean"


def read_marks(connection: Connection) -> dict[str, int]:
    """All marks, within the caller's transaction."""
    return {row.name: row.value for row in connection.execute(select(marks))}


def write_marks(connection: Connection, values: Mapping[str, int]) -> None:
    """Set marks, within the caller's transaction."""
    for name, value in values.items():
        changed = connection.execute(marks.update().where(marks.c.name == name).values(value=value))
        if changed.rowcount == 0:
            connection.execute(marks.insert().values(name=name, value=value))


class Marks:
    """The reserved numbers of a running panel. `reserve` may be called from any thread."""

    def __init__(self, database: Database, first_seq: int, first_connection_id: int) -> None:
        self._database = database
        self._lock = threading.Lock()  # one extends at a time; held over the commit on purpose
        self._reserved = {
            EVENT: first_seq + EVENT_BLOCK,
            CONNECTION: first_connection_id + CONNECTION_BLOCK,
        }

    def reserve(self, *, seq: int = 0, connection_id: int = 0) -> None:
        """See to it that these numbers, and a good half of a block above, lie below the marks.

        Free in the common case; once in half a block it commits, durably. Raises `StoreError`.
        """
        if self._is_far(EVENT, seq, EVENT_BLOCK) and self._is_far(
            CONNECTION, connection_id, CONNECTION_BLOCK
        ):
            return
        with self._lock, telling("numbers could not be reserved"):
            wanted = dict(self._reserved)
            if not self._is_far(EVENT, seq, EVENT_BLOCK):
                wanted[EVENT] = seq + EVENT_BLOCK
            if not self._is_far(CONNECTION, connection_id, CONNECTION_BLOCK):
                wanted[CONNECTION] = connection_id + CONNECTION_BLOCK
            with self._database.durable.begin() as connection:
                write_marks(connection, wanted)
            self._reserved = wanted

    def settle(self, *, last_seq: int, last_connection_id: int) -> None:
        """A clean end: numbering goes on right above these. Raises `StoreError`."""
        with self._lock, telling("the end could not be noted as a clean one"):
            values = {EVENT: last_seq + 1, CONNECTION: last_connection_id + 1, CLEAN: 1}
            with self._database.durable.begin() as connection:
                write_marks(connection, values)

    def _is_far(self, name: str, number: int, block: int) -> bool:
        return number < self._reserved[name] - block // 2
