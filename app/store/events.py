"""Reading events: from the batches on the disk, and from the journal's ring what is newer.

A query walks the batches in one direction from its cursor, passes over those whose index says that
nothing in them is asked for, and opens the others. The work of one call is bounded: at most
`BATCHES_PASSED` rows are looked at and batches with `EVENTS_OPENED` events opened. A call that
meets a bound gives what it found and a cursor to go on from, so that a search through a million
events is many short calls, each with reading transactions of a few milliseconds. A filter that
costs an event more than others do (`Filter.weight`) has as many events fewer opened for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Column, ColumnElement, Row, Select, and_, false, func, or_, select

from app.filters import EVERY_EVENT, BadFilter, Filter, Needs, PeerSource, no_peers
from app.filters.texts import may_occur, texts_of
from app.store.batches import decode_events, inflate
from app.store.database import Database, telling
from app.store.errors import BadQuery, PlacedError
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
HALF_MICROSECOND = 5e-7
"""Times are shown rounded: an event is of the time that it shows."""


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
    filter: Filter
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
        filter: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> EventQuery:
        """Read the parameters of `GET /events`; `BadQuery` names every one that is wrong."""
        errors: list[FieldError] = []
        wanted = EVERY_EVENT
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
        try:
            wanted = Filter.parse(filter or "")
        except BadFilter as bad:
            errors.append(PlacedError("/filter", bad.detail, bad.position, bad.length))
        if errors:
            raise BadQuery(errors)
        first, last = wanted.needs().seqs
        if first is not None:
            low = max(low, min(int(first) - 1, SEQ_MAXIMUM))
        if last is not None:
            high = min(high, max(0, int(last) + 1))
        return cls(
            after=low,
            before=high,
            ascending=after is not None,
            service=service,
            connection=connection,
            kinds=frozenset([kind] if isinstance(kind, str) else kind or ()),
            q=q.lower() if q else None,
            filter=wanted,
            limit=limit,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether it asks for less than all events."""
        simple = self.service or self.connection is not None or self.kinds or self.q
        return bool(simple) or not self.filter.is_empty

    def choose(self, events: Iterable[Event], peers_of: PeerSource) -> list[Event]:
        """Those of the events that are asked for, in their order."""
        found = [event for event in events if self._matches(event)]
        return found if self.filter.is_empty else self.filter.choose(found, peers_of)

    def choose_live(self, events: Sequence[Event], peers_of: PeerSource) -> list[Event]:
        """The same, and what tells of lost events that may have been among those asked for."""
        chosen = {event.seq for event in self.choose(events, peers_of)}
        return [event for event in events if event.seq in chosen or self._may_have_lost(event)]

    def _may_have_lost(self, event: Event) -> bool:
        if event.kind != "events.dropped":
            return False
        if event.service is None:
            return True
        named = [needs.services for needs in self.needs() if needs.services is not None]
        return self.connection is None and all(event.service in names for names in named)

    def needs(self) -> list[Needs]:
        """What every event that is asked for has for sure."""
        simple = Needs(
            services=None if self.service is None else frozenset([self.service]),
            kinds=self.kinds or None,
            connections=None if self.connection is None else frozenset([self.connection]),
            texts=() if self.q is None else (self.q,),
        )
        return [simple, self.filter.needs()]

    def _matches(self, event: Event) -> bool:
        """Whether an event is asked for, as far as that takes no filter."""
        return (
            self.after < event.seq < self.before
            and (self.service is None or event.service == self.service)
            and (self.connection is None or event.connection == self.connection)
            and (not self.kinds or event.kind in self.kinds)
            and (self.q is None or any(self.q in text for text in texts_of(event)))
        )


def read_events(
    database: Database,
    recent: RecentEvents,
    query: EventQuery,
    *,
    peers_of: PeerSource = no_peers,
    total: int | None = None,
    tell_trimmed: bool = True,
) -> EventPage:
    """One page of events; `total` is how many are kept, if known. Raises `StoreError`."""
    with telling("events cannot be read"):
        walk = _Walk(database, query, peers_of)
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


def last_seq_until(database: Database, recent: RecentEvents, when: float) -> int:
    """The `seq` of the last event up to a time, in seconds since the epoch; 0 where none is kept.

    Takes it that times rise as numbers do, which they do but for moments: a search by halves, some
    forty short questions however much is kept.
    """
    when += HALF_MICROSECOND
    in_memory = _last_until(recent.recent(), when)
    if in_memory is not None:
        return in_memory
    with telling("events cannot be read"), database.reading.connect() as connection:
        columns = event_batches.c
        times = select(columns.first_seq, columns.first_time)
        oldest = connection.execute(times.order_by(columns.first_seq).limit(1)).one_or_none()
        if oldest is None or oldest.first_time > when:
            return 0
        from_newest = columns.first_seq.desc()
        low: int = oldest.first_seq
        high: int = connection.execute(times.order_by(from_newest).limit(1)).one().first_seq
        while low < high:
            middle = (low + high + 1) // 2
            below = times.where(columns.first_seq <= middle).order_by(from_newest).limit(1)
            found = connection.execute(below).one()
            if found.first_time <= when:
                low = middle
            else:
                high = found.first_seq - 1
        whole = select(columns.first_seq, columns.events, columns.data)
        whole = whole.where(columns.first_seq <= low).order_by(from_newest).limit(1)
        batch = connection.execute(whole).one()
    found_in = _last_until(decode_events(inflate(batch.data), batch.events), when)
    return int(batch.first_seq) - 1 if found_in is None else found_in


def _last_until(events: Sequence[Event], when: float) -> int | None:
    return next((event.seq for event in reversed(events) if event.time <= when), None)


class _Walk:
    """One walk through the batches. `stopped_at` is where it met a bound, if it did."""

    def __init__(self, database: Database, query: EventQuery, peers_of: PeerSource) -> None:
        self._database = database
        self._query = query
        self._peers_of = peers_of
        self._needs = query.needs()
        self._opened = 0
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
            yield from reversed(self._choose(recent.recent(after=self.newest)))
        columns = event_batches.c
        start = min(query.before, self.newest + 1)
        if start == 0 or not self.newest:
            return
        edge = select(columns.first_seq).where(columns.first_seq < start)
        end = self._edge(edge.order_by(columns.first_seq.desc()))
        while True:
            asked_for = self._at_once
            batches = self._batches(
                columns.first_seq < start,
                columns.first_seq >= max(end or 0, 0),
                columns.last_seq > query.after,
                order=columns.first_seq.desc(),
            )
            for batch in batches:
                yield from reversed(self._choose(self._open(batch)))
                start = batch.first_seq
                if self._has_done_enough(batch):
                    self.stopped_at = start
                    return
            if len(batches) < asked_for:
                self.stopped_at = end
                return

    def ascending(self, recent: RecentEvents) -> Iterator[Event]:
        query = self._query
        columns = event_batches.c
        start = query.after
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
                yield from self._choose(self._open(batch))
                start = batch.last_seq
                if self._has_done_enough(batch):
                    self.stopped_at = start
                    return
            if len(batches) < asked_for:
                break
        if end is not None:
            self.stopped_at = end
            return
        newest = max(start, self.newest)
        yield from self._choose(recent.recent(after=newest))

    def _choose(self, events: Sequence[Event]) -> list[Event]:
        return self._query.choose(events, self._peers_of)

    def _has_done_enough(self, batch: Row[int, int, int, bytes]) -> bool:
        """Account for a batch that was opened."""
        self._opened += max(batch.events, OPENING_EVENTS) * self._query.filter.weight
        return self._opened >= EVENTS_OPENED

    def _edge(self, keys: Select[Any]) -> int | None:
        """The key behind which this call does not look; `None`: it gets to the end."""
        if not self._query.is_filtered:
            return None
        with self._database.reading.connect() as connection:
            found: int | None = connection.execute(keys.offset(BATCHES_PASSED).limit(1)).scalar()
        return found

    def _batches(self, *conditions: Any, order: Any) -> Sequence[Row[int, int, int, bytes]]:
        """The next batches that may hold what is asked for."""
        columns = event_batches.c
        wanted = list(conditions)
        for needs in self._needs:
            wanted += _conditions(needs)
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
        texts = [text for needs in self._needs for text in needs.texts]
        if texts:
            lower = packed.lower()
            if not all(may_occur(text, lower) for text in texts):
                return []
        return decode_events(packed, batch.events)


def _conditions(needs: Needs) -> Iterator[ColumnElement[bool]]:
    """What a batch's row has where an event with all that may be in it."""
    columns = event_batches.c
    members: tuple[tuple[Column[str], Collection[str | int] | None], ...] = (
        (columns.services, needs.services),
        (columns.kinds, needs.kinds),
        (columns.connections, needs.connections),
    )
    for column, wanted in members:
        if wanted is not None:
            yield or_(false(), *(column.contains(f",{one},", autoescape=True) for one in wanted))
    first, last = needs.times
    if first is not None:
        yield columns.last_time >= first
    if last is not None:
        yield columns.first_time <= last


def _trimmed(oldest: int | None, after: int) -> list[Event]:
    """What stands for the events between `after` and the oldest kept, if there are any.

    It says not how many they were: a number that an unclean end left out was never an event.
    """
    if oldest is None or oldest <= after + 1:
        return []
    return [dropped_event(None, after + 1, oldest - 1, "history")]
