"""Reading closed connections, and listing them together with open ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import func, select

from app.store.connection_query import ConnectionQuery
from app.store.connection_rows import View, stored_view
from app.store.database import ROWS_A_STATEMENT, Database, telling
from app.store.tables import closed_connections

LARGEST_ID = 2**63 - 1


class ConnectionPage(NamedTuple):
    """One page of a list: views, the cursor of the next page if there is one, and the total."""

    items: list[dict[str, Any]]
    next_cursor: str | None
    total: int


def list_connections(
    database: Database, query: ConnectionQuery, in_memory: Iterable[View]
) -> ConnectionPage:
    """A page of the connections asked for, of those in memory and those in the database.

    `in_memory` are open ones and closed ones that may not be written yet; what is in both counts
    once. The work is bounded by what is in memory and the bound on closed connections kept.
    """
    found = {int(view["id"]): view for view in in_memory if query.matches(view)}
    total = len(found)
    if query.state != "open":
        stored, total = _stored(database, query, found)
        found.update((int(view["id"]), view) for view in stored)
    views = list(found.values())
    # Sorted are numbers: a pair for each of thousands would have the collector go through them.
    positions = [query.position(view) for view in views]
    coming = [place for place, position in enumerate(positions) if query.is_ahead(position)]
    coming.sort(key=positions.__getitem__, reverse=query.descending)
    page = coming[: query.limit]
    following = query.cursor(positions[page[-1]]) if len(coming) > query.limit else None
    return ConnectionPage([dict(views[place]) for place in page], following, total)


def find_closed(database: Database, number: int) -> tuple[dict[str, Any], int, int] | None:
    """A closed connection's view with the `seq` of its first and last event; `None`: not kept."""
    if not 0 < number <= LARGEST_ID:
        return None
    columns = closed_connections.c
    query = select(columns.view, columns.first_seq, columns.last_seq).where(columns.id == number)
    with telling("connections cannot be read"), database.reading.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (stored_view(row.view), row.first_seq, row.last_seq)


def find_peers(database: Database, numbers: Collection[int]) -> dict[int, str | None]:
    """The peers of those of the connections that are closed and kept."""
    columns = closed_connections.c
    wanted = [number for number in numbers if 0 < number <= LARGEST_ID]
    found: dict[int, str | None] = {}
    with telling("connections cannot be read"), database.reading.connect() as connection:
        for start in range(0, len(wanted), ROWS_A_STATEMENT):
            some = wanted[start : start + ROWS_A_STATEMENT]
            query = select(columns.id, columns.peer).where(columns.id.in_(some))
            found.update((row.id, row.peer) for row in connection.execute(query))
    return found


def _stored(
    database: Database, query: ConnectionQuery, in_memory: dict[int, View]
) -> tuple[list[dict[str, Any]], int]:
    """The next page of the database alone, and how many it and the memory have together."""
    columns = closed_connections.c
    conditions = query.conditions()
    page = (
        select(columns.view)
        .where(*conditions, *query.beyond())
        .order_by(*query.order())
        .limit(query.limit + 1)
    )
    count = select(func.count()).select_from(closed_connections).where(*conditions)
    closed = [number for number, view in in_memory.items() if view["state"] == "closed"]
    with telling("connections cannot be read"), database.reading.connect() as connection:
        blobs = connection.execute(page).scalars().all()
        total = connection.execute(count).scalar_one() + len(in_memory)
        for start in range(0, len(closed), ROWS_A_STATEMENT):
            some = closed[start : start + ROWS_A_STATEMENT]
            total -= connection.execute(count.where(columns.id.in_(some))).scalar_one()
    return [stored_view(blob) for blob in blobs], total
