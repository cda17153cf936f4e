"""Reading events: from the batches on the disk, and from the journal's ring what is newer.

A query walks the batches in one direction from its cursor, passes over those whose index says that
nothing in them is asked for, and opens the others. The work of one call is bounded: at most
`BATCHES_PASSED` rows are looked at and batches with `EVENTS_OPENED` events opened. A call that
meets a bound gives what it found and a cursor to go on from, so that a search through a million
events is many short calls, each with reading transactions of a few milliseconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Row, Select, and_, func, or_, select

from app.store.batches import decode_events, inflate
from app.store.database import Database, telling
from app.store.errors import BadQuery
from app.store.tables import event_batches
from socketdeck.errors import FieldError
from socketdeck.event import Event, dropped_event

LIMIT_MAXIMUM = 500
BATCHES_PASSED = 50_000
EVENTS_OPENED = 200_000
OPENING_EVENTS = 20
"""What opening a batch costs, as a number of events; a quiet panel's batches hold but one each."""

BATCHES_AT_ONCE = (16, 512)
"""Read in one go: few where they are large, many where they are small, up to about 4 MiB."""

SMALL_READ_BYTES = 256 << 10

SEQ_MAXIMUM = 2**63 - 1


class RecentEvents(Protocol):
    """What holds the newest events in memory; a `Journal` does."""

    def recent(self, after: int = 0, limit: int | None = None) -> list[Event]:
        """Those above `after`, oldest first."""


class EventPage(NamedTuple):
    """One page: events, the cursor of the next page if there is one, and how many events there are
    in all where nothing was filtered (else `None`: nobody counted).
    """

    items: list[Event]
    next_cursor: str | None
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events: above `after` and below `before`, `ascending` or not; made by `parse`."""

    after: int
    before: int
    ascending: bool
    service: str | None
    connection: int | None
    kinds: frozenset[str]
    q: str | None
    limit: int

    @classmethod
    def parse(
        cls,
        *,
        after: int | None = None,
        before: int | None = None,
        service: str | None = None,
        connection: int | None = None,
        kind: str | Collection[str] | None = None,
        q: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> EventQuery:
        """Read the parameters of `GET /events`; `BadQuery` names every one that is wrong."""
        errors = []
        if not 1 <= limit <= LIMIT_MAXIMUM:
            errors.append(FieldError("/limit", f"{limit} is not from 1 to {LIMIT_MAXIMUM}"))
        low = 0 if after is None else max(0, min(after, SEQ_MAXIMUM))
        high = SEQ_MAXIMUM if before is None else max(0, min(before, SEQ_MAXIMUM))
        if cursor is not None:
            if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
                errors.append(FieldError("/cursor", "is no cursor that a list gave"))
            elif after is not None:
                low = max(low, int(cursor))
            else:
                high = min(high, int(cursor))
        if errors:
            raise BadQuery(errors)
        return cls(
            after=low,
            before=high,
            ascending=after is not None,
            service=service,
            connection=connection,
            kinds=frozenset([kind] if isinstance(kind, str) else kind or ()),
            q=q.lower() if q else None,
            limit=limit,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether it asks for less than all events."""
        return bool(self.service or self.connection is not None or self.kinds or self.q)

    def matches(self, event: Event) -> bool:
        """Whether an event is asked for."""
        return (
            self.after < event.seq < self.before
            and (self.service is None or event.service == self.service)
            and (self.connection is None or event.connection == self.connection)
            and (not self.kinds or event.kind in self.kinds)
            and (self.q is None or _mentions(event, self.q))
        )


def read_events(
    database: Database,
    recent: RecentEvents,
    query: EventQuery,
    *,
    total: int | None = None,
    tell_trimmed: bool = True,
) -> EventPage:
    """One page of events; `total` is how many are kept, if known. Raises `StoreError`."""
    with telling("events cannot be read"):
        walk = _Walk(database, query)
        found = walk.ascending(recent) if query.ascending else walk.descending(recent)
        items = list(itertools.islice(found, query.limit + 1))
        following: int | None = walk.stopped_at
        if len(items) > query.limit:
            del items[query.limit :]
            following = items[-1].seq
        if tell_trimmed and query.ascending:
            items[:0] = _trimmed(walk.oldest, query.after)
    cursor = None if following is None else str(following)
    return EventPage(items, cursor, None if query.is_filtered else total)


def oldest_kept(database: Database) -> int | None:
    """The `seq` of the oldest event kept, `None` where none is."""
    with telling("events cannot be read"), database.reading.connect() as connection:
        return connection.execute(select(func.min(event_batches.c.first_seq))).scalar()


class _Walk:
    """One walk through the batches. `stopped_at` is where it met a bound, if it did."""

    def __init__(self, database: Database, query: EventQuery) -> None:
        self._database = database
        self._query = query
        self.stopped_at: int | None = None
        self._at_once = BATCHES_AT_ONCE[0]
        columns = event_batches.c
        # Each on its own: SQLite finds a single least or greatest by the index, two by a scan.
        first = select(func.min(columns.first_seq)).scalar_subquery()
        last = select(func.max(columns.last_seq)).scalar_subquery()
        with database.reading.connect() as connection:
            row = connection.execute(select(first, last)).one()
        self.oldest: int | None = row[0]
        self.newest: int = row[1] or 0

    def descending(self, recent: RecentEvents) -> Iterator[Event]:
        query = self._query
        if query.before > self.newest + 1:
            yield from filter(query.matches, reversed(recent.recent(after=self.newest)))
        columns = event_batches.c
        start = min(query.before, self.newest + 1)
        if start == 0 or not self.newest:
            return
        edge = select(columns.first_seq).where(columns.first_seq < start)
        end = self._edge(edge.order_by(columns.first_seq.desc()))
        opened = 0
        while True:
            asked_for = self._at_once
            batches = self._batches(
                columns.first_seq < start,
                columns.first_seq >= max(end or 0, 0),
                columns.last_seq > query.after,
                order=columns.first_seq.desc(),
            )
            for batch in batches:
                yield from filter(query.matches, reversed(self._open(batch)))
                start, opened = batch.first_seq, opened + max(batch.events, OPENING_EVENTS)
                if opened >= EVENTS_OPENED:
                    self.stopped_at = start
                    return
            if len(batches) < asked_for:
                self.stopped_at = end
                return

    def ascending(self, recent: RecentEvents) -> Iterator[Event]:
        query = self._query
        columns = event_batches.c
        start, opened = query.after, 0
        edge = select(columns.last_seq).where(columns.last_seq > start)
        end = self._edge(edge.order_by(columns.last_seq))
        while True:
            asked_for = self._at_once
            batches = self._batches(
                columns.last_seq > start,
                columns.last_seq <= (SEQ_MAXIMUM if end is None else end),
                columns.first_seq < query.before,
                order=columns.last_seq.asc(),
            )
            for batch in batches:
                yield from filter(query.matches, self._open(batch))
                start, opened = batch.last_seq, opened + max(batch.events, OPENING_EVENTS)
                if opened >= EVENTS_OPENED:
                    self.stopped_at = start
                    return
            if len(batches) < asked_for:
                break
        if end is not None:
            self.stopped_at = end
            return
        newest = max(start, self.newest)
        yield from filter(query.matches, recent.recent(after=newest))

    def _edge(self, keys: Select[Any]) -> int | None:
        """The key behind which this call does not look; `None`: it gets to the end."""
        if not self._query.is_filtered:
            return None
        with self._database.reading.connect() as connection:
            found: int | None = connection.execute(keys.offset(BATCHES_PASSED).limit(1)).scalar()
        return found

    def _batches(self, *conditions: Any, order: Any) -> Sequence[Row[int, int, int, bytes]]:
        """The next batches that may hold what is asked for."""
        query, columns = self._query, event_batches.c
        wanted = list(conditions)
        if query.service is not None:
            wanted.append(columns.services.contains(f",{query.service},", autoescape=True))
        if query.connection is not None:
            wanted.append(columns.connections.contains(f",{query.connection},"))
        if query.kinds:
            kinds = (columns.kinds.contains(f",{kind},", autoescape=True) for kind in query.kinds)
            wanted.append(or_(*kinds))
        statement = (
            select(columns.first_seq, columns.last_seq, columns.events, columns.data)
            .where(and_(*wanted))
            .order_by(order)
            .limit(self._at_once)
        )
        with self._database.reading.connect() as connection:
            batches = connection.execute(statement).all()
        if sum(len(batch.data) for batch in batches) < SMALL_READ_BYTES:
            self._at_once = min(2 * self._at_once, BATCHES_AT_ONCE[1])
        return batches

    def _open(self, batch: Row[int, int, int, bytes]) -> list[Event]:
        packed = inflate(batch.data)
        q = self._query.q
        if q is not None and q.isascii() and q.encode("ascii") not in packed.lower():
            return []
        return decode_events(packed, batch.events)


def _trimmed(oldest: int | None, after: int) -> list[Event]:
    """What stands for the events between `after` and the oldest kept, if there are any.

    It says not how many they were: a number that an unclean end left out was never an event.
    """
    if oldest is None or oldest <= after + 1:
        return []
    return [dropped_event(None, after + 1, oldest - 1, "history")]


def _mentions(event: Event, q: str) -> bool:
    """Whether a text occurs in an event: its kind, its service, and all its texts and payloads."""
    return (
        q in event.kind
        or (event.service is not None and q in event.service)
        or _occurs(q, event.data)
    )


def _occurs(q: str, value: Any) -> bool:
    if isinstance(value, str):
        return q in value.lower()
    if isinstance(value, bytes):
        return q in value.decode("utf-8", "replace").lower()
    if isinstance(value, dict):
        return any(_occurs(q, item) for item in value.values())
    if isinstance(value, list):
        return any(_occurs(q, item) for item in value)
    return False
