"""Groups of exceptions as rows: what a write adds to them, within the transaction of history's.

A write reads the groups that it adds to, and puts whole rows in their place: the same few
statements for one group and for all that one write may have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from app.store.database import insert_rows
from app.store.folding import CONNECTIONS_KEPT, STEPS_KEPT, ErrorFolds, Fold
from app.store.marks import read_marks, write_marks
from app.store.tables import exceptions

GROUPS_KEPT = 1_000
"""More than anybody goes through; the ones that were not seen for longest make way."""

DISPLACED = "exceptions_displaced"
"""The mark under which is counted what there was no room for."""


def write_errors(connection: Connection, errors: ErrorFolds) -> None:
    """Add what was gathered to the groups, within the caller's transaction."""
    table = exceptions.c
    if errors.deleted:
        connection.execute(exceptions.delete().where(table.service.in_(sorted(errors.deleted))))
    if errors.folds:
        among = table.id.in_(list(errors.folds))
        query = select(exceptions).where(among)
        present = {row["id"]: row for row in connection.execute(query).mappings()}
        rows = [_merged(fold, present.get(key)) for key, fold in errors.folds.items()]
        if present:
            connection.execute(exceptions.delete().where(among))
        insert_rows(connection, exceptions, rows)
    displaced = errors.left_out + _trim(connection)
    if displaced:
        write_marks(connection, {DISPLACED: read_marks(connection).get(DISPLACED, 0) + displaced})


def _merged(fold: Fold, present: RowMapping | None) -> dict[str, Any]:
    """A group's row, with the fold in it."""
    failure_type, message, traceback = fold.failure()
    last_bytes, note = fold.last_bytes.result() if fold.last_bytes else (None, "no_connection")
    before: Mapping[Any, Any] = {} if present is None else present
    newest = [list(pair) for pair in reversed(fold.connections.items())]
    kept = json.loads(before.get("connections", "[]"))
    older = [pair for pair in kept if pair[0] not in fold.connections]
    steps: dict[int, int] = dict(json.loads(before.get("steps", "[]")))
    for step, count in fold.steps.items():
        steps[step] = steps.get(step, 0) + count
    oldest = max(steps) - STEPS_KEPT
    return {
        "id": fold.id,
        "service": fold.service,
        "type": failure_type,
        "message": message,
        "traceback": traceback,
        "count": before.get("count", 0) + fold.count,
        "first_seen": min(before.get("first_seen", fold.first_seen), fold.first_seen),
        "last_seen": max(before.get("last_seen", fold.last_seen), fold.last_seen),
        "last_bytes": last_bytes,
        "last_bytes_note": note,
        "connections": json.dumps([*newest, *older][:CONNECTIONS_KEPT]),
        "steps": json.dumps(sorted(pair for pair in steps.items() if pair[0] > oldest)),
    }


def _trim(connection: Connection) -> int:
    """Let the groups that were not seen for longest go; returns how many."""
    count = connection.execute(select(func.count()).select_from(exceptions)).scalar_one()
    over = count - GROUPS_KEPT
    if over <= 0:
        return 0
    table = exceptions.c
    oldest = select(table.id).order_by(table.last_seen, table.id).limit(over)
    gone = connection.execute(oldest).scalars().all()
    connection.execute(exceptions.delete().where(table.id.in_(gone)))
    return len(gone)
