"""Reading groups of exceptions, and forgetting one."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import func, or_, select

from app.store.database import Database, telling
from app.store.exception_rows import DISPLACED
from app.store.folding import STEP_SECONDS, STEPS_KEPT
from app.store.marks import read_marks
from app.store.tables import exceptions

_SEARCHED = ("service", "type", "message", "traceback")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group stands among the others."""

    id: str
    count: int
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class ExceptionGroup:
    """What was raised at one place of one service, however often.

    Times are in seconds since the epoch. `connections` are ids with peers, the newest first;
    `activity` counts by half-hours, the one that goes on at the end. What `last_bytes_note` may be
    is in `app.store.last_bytes.Note`.
    """

    id: str
    service: str
    type: str
    message: str
    traceback: str | None
    count: int
    first_seen: float
    last_seen: float
    last_bytes: bytes | None
    last_bytes_note: str | None
    connections: list[tuple[int, str | None]]
    activity: list[int]


class Exceptions:
    """The groups of exceptions; history's thread writes them.

    Any thread may ask; each call blocks for a short transaction, and may raise `StoreError`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def places(self, *, service: str | None = None, q: str | None = None) -> list[Place]:
        """All groups of a service, or of all; `q` is looked for in service, type, message and
        traceback, whatever its case.
        """
        table = exceptions.c
        query = select(table.id, table.count, table.first_seen, table.last_seen)
        if service is not None:
            query = query.where(table.service == service)
        if q is not None:
            texts = (table[name] for name in _SEARCHED)
            query = query.where(or_(*(text.icontains(q, autoescape=True) for text in texts)))
        with telling("exceptions cannot be read"), self._database.reading.connect() as connection:
            return [Place(*row) for row in connection.execute(query).all()]

    def read(self, ids: Sequence[str]) -> list[ExceptionGroup]:
        """These groups, in this order, without those that are gone meanwhile."""
        query = select(exceptions).where(exceptions.c.id.in_(ids))
        with telling("exceptions cannot be read"), self._database.reading.connect() as connection:
            rows = {row["id"]: row for row in connection.execute(query).mappings()}
        return [_group(rows[key]) for key in ids if key in rows]

    def count(self, service: str) -> int:
        """How many groups there are of a service."""
        query = select(func.count()).where(exceptions.c.service == service)
        with telling("exceptions cannot be read"), self._database.reading.connect() as connection:
            found: int = connection.execute(query).scalar_one()
        return found

    def displaced(self) -> int:
        """How many groups there was no room for, since the database was made."""
        with telling("exceptions cannot be read"), self._database.reading.connect() as connection:
            return read_marks(connection).get(DISPLACED, 0)

    def forget(self, key: str) -> bool:
        """Forget a group; whether there was one. When it comes again, it is counted from one."""
        statement = exceptions.delete().where(exceptions.c.id == key)
        with telling("an exception was not forgotten"), self._database.durable.begin() as begun:
            return begun.execute(statement).rowcount > 0


def _group(row: Any) -> ExceptionGroup:
    values = {one.name: row[one.name] for one in fields(ExceptionGroup) if one.name in row}
    values["connections"] = [(number, peer) for number, peer in json.loads(row["connections"])]
    first = int(time.time() // STEP_SECONDS) - STEPS_KEPT + 1
    counts = dict(json.loads(row["steps"]))
    values["activity"] = [counts.get(first + step, 0) for step in range(STEPS_KEPT)]
    return ExceptionGroup(**values)
