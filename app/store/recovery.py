"""What a start finds of the last end, and makes good.

A panel that was killed left numbers reserved that it may have given, and connections among the
open ones. The first become one `events.dropped` whose count nobody knows, the second end as
`panel_restarted`, at the last moment that history knows of; numbering goes on above all of it. It
is one transaction with the first reservation of numbers: a start that is killed too changes
nothing, or all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from app.store.batches import encode_batches
from app.store.connection_rows import as_ended, closed_row, epoch, stored_view
from app.store.database import Database, insert_rows, telling
from app.store.marks import (
    CLEAN,
    CONNECTION,
    CONNECTION_BLOCK,
    EVENT,
    EVENT_BLOCK,
    read_marks,
    write_marks,
)
from app.store.tables import (
    closed_connections,
    event_batches,
    exceptions,
    open_connections,
    services,
)
from socketdeck.event import Event, dropped_event

REASON = "panel_restarted"


@dataclass(frozen=True, slots=True)
class Recovery:
    """Where a panel goes on."""

    unclean: bool
    """Whether the last panel ended without saying so: killed, or by a power cut."""
    first_seq: int
    """For `Journal(first_seq=...)`."""
    first_connection_id: int
    """For `Supervisor(first_connection_id=...)`."""
    closed: tuple[int, ...]
    """The connections that were open and are now closed as `panel_restarted`."""


def recover(database: Database) -> Recovery:
    """Make good what the last end left, and reserve the first numbers. Raises `StoreError`."""
    with telling("the last end could not be made good"), database.durable.begin() as connection:
        marks = read_marks(connection)
        unclean = marks.get(CLEAN, 1) == 0
        last_seq, last_time = _last_event(connection)
        next_seq = max(marks.get(EVENT, 1), last_seq + 1)
        next_id = max(marks.get(CONNECTION, 1), _last_connection(connection) + 1)
        if unclean:
            _forget_exceptions_of_deleted(connection)
        events: list[Event] = []
        if unclean and next_seq > last_seq + 1:
            events.append(dropped_event(None, last_seq + 1, next_seq - 1, "panel"))
        rows, ended = _end_open_ones(connection, next_seq, last_time)
        events += ended
        insert_rows(connection, event_batches, encode_batches(events))
        insert_rows(connection, closed_connections, rows)
        connection.execute(open_connections.delete())
        next_seq += len(ended)
        reserved = {EVENT: next_seq + EVENT_BLOCK, CONNECTION: next_id + CONNECTION_BLOCK, CLEAN: 0}
        write_marks(connection, reserved)
    return Recovery(unclean, next_seq, next_id, tuple(row["id"] for row in rows))


def _last_event(connection: Connection) -> tuple[int, float]:
    columns = event_batches.c
    last = select(columns.last_seq, columns.last_time).order_by(columns.last_seq.desc()).limit(1)
    row = connection.execute(last).one_or_none()
    return (0, 0.0) if row is None else (row.last_seq, row.last_time)


def _last_connection(connection: Connection) -> int:
    highest = (
        connection.execute(select(func.max(table.c.id))).scalar()
        for table in (closed_connections, open_connections)
    )
    return max((number or 0 for number in highest), default=0)


def _forget_exceptions_of_deleted(connection: Connection) -> None:
    """A panel may have been killed between the end of a service and that of what it raised."""
    known = select(services.c.name)
    connection.execute(exceptions.delete().where(exceptions.c.service.not_in(known)))


def _end_open_ones(
    connection: Connection, next_seq: int, last_time: float
) -> tuple[list[dict[str, Any]], list[Event]]:
    """The rows and the events of the connections that the last panel left open."""
    left = connection.execute(select(open_connections).order_by(open_connections.c.id)).all()
    rows, events = [], []
    for seq, row in enumerate(left, next_seq):
        view = stored_view(row.view)
        if view["closed_at"] is None:
            view = as_ended(view, REASON, max(last_time, epoch(view["opened_at"])))
        data = {
            "reason": view["close_reason"],
            "duration": view["duration"],
            "bytes": view["bytes"],
            "messages": view["messages"],
        }
        rows.append(closed_row(view, row.first_seq, seq))
        events.append(
            Event(seq, time.time(), view["service"], view["id"], "connection.closed", data)
        )
    return rows, events
