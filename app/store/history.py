"""History: a thread that writes down what happened, and the questions it answers.

It stands at the end of the first road: it takes events from a subscription to the journal like any
other reader, and nothing waits for it. Where it cannot keep up (a slow disk, a full one) its
subscription overflows, the oldest are lost, and the journal puts an `events.dropped` with their
count in their place, which is written like any event.

When it writes: a moment after the first event that follows quiet, then at most once a second,
sooner only where thousands wait. A quiet panel costs no wake-up: the thread waits in the
subscription.

What is not written yet is not missing from answers: events come from the journal's ring as well,
connections from what was gathered for the next write.

If a write fails it is repeated with growing pauses, taking nothing in meanwhile; all that was taken
in before is kept for it, and what comes after waits in the subscription.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from app.store.connection_query import ConnectionQuery
from app.store.connection_rows import View, stored_view
from app.store.connections import ConnectionPage, find_closed, list_connections
from app.store.database import Database
from app.store.errors import StoreError
from app.store.events import (
    SEQ_MAXIMUM,
    EventPage,
    EventQuery,
    last_seq_until,
    oldest_kept,
    read_events,
)
from app.store.gathering import Gatherer, ViewSource, unknown_view
from app.store.marks import Marks
from app.store.peers import PeerBook, PeerSource, unknown_peer
from app.store.writing import Bounds, HistoryWriter
from socketdeck.journal import Journal

QUEUE_EVENTS = 100_000
GATHER_SECONDS = 0.1
INTERVAL_SECONDS = 1.0
LOOK_SECONDS = 0.25
"""Between two looks at what has come: each wakes a thread, for which a busy handler has to wait."""

WRITE_AT_EVENTS = 4_000
"""More than this is not gathered: a write of so many takes a few tens of milliseconds."""

RETRY_SECONDS = (1.0, 30.0)
CLOSE_SECONDS = 10.0

MESSAGES_BYTES = 2 << 20
"""Of payloads in one page of messages: a browser asks for the next one as somebody scrolls."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """How history is doing."""

    kept_events: int
    kept_event_bytes: int
    kept_connections: int
    written_seq: int
    failing: str | None
    """Why the last write failed; `None` while all is well."""


class History:
    """Writes the journal's events and closed connections, and reads them.

    Made by `Store.record`; `close` it after the journal is closed. The questions may be asked from
    any thread; each blocks for short reads of the database, and may raise `StoreError`.
    """

    def __init__(
        self,
        database: Database,
        marks: Marks,
        journal: Journal,
        view: ViewSource = unknown_view,
        bounds: Bounds | None = None,
        peer: PeerSource = unknown_peer,
    ) -> None:
        self._database = database
        self._marks = marks
        self._journal = journal
        self._gatherer = Gatherer(view)
        self.peers_of = PeerBook(database, peer, self._gatherer.closed_rows)
        """Tells the peers of connections, as filters ask for them."""
        self._writer = HistoryWriter(database, bounds or Bounds())
        self._written_seq = journal.last_seq
        self._last_write = float("-inf")  # monotonic
        self._failing: str | None = None
        self._hurried = threading.Event()
        self._done = threading.Condition()  # guards _written_seq for those who flush
        self._closing = threading.Event()
        self._subscription = journal.subscribe("history", QUEUE_EVENTS)
        self._thread = threading.Thread(target=self._run, name="socketdeck-history", daemon=True)
        self._thread.start()

    # -- life ---------------------------------------------------------------------------------

    def flush(self, timeout: float = 5.0) -> bool:
        """Have all that was recorded before the call written; whether it was in time."""
        self._journal.flush()
        wanted = self._journal.last_seq
        self._hurried.set()
        with self._done:
            return self._done.wait_for(lambda: self._written_seq >= wanted, timeout)

    def close(self) -> None:
        """Write what is left and end the thread. Blocks, for `CLOSE_SECONDS` at most."""
        self._closing.set()
        self._subscription.close()
        self._hurried.set()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log.error("history could not be written to its end: the disk does not answer")

    def status(self) -> HistoryStatus:
        """How history is doing; does not block."""
        kept = self._writer
        return HistoryStatus(
            kept_events=kept.events.entries,
            kept_event_bytes=kept.events.size,
            kept_connections=kept.closed.entries,
            written_seq=self._written_seq,
            failing=self._failing,
        )

    # -- questions ----------------------------------------------------------------------------

    def events(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        service: str | None = None,
        connection: int | None = None,
        kind: str | Collection[str] | None = None,
        q: str | None = None,
        filter: str | None = None,
        at: float | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> EventPage:
        """Events, newest first; with `after`, those above that `seq`, oldest first.

        `kind` is one kind or several; `q` is looked for in kind, service, texts and payloads,
        whatever its case; `filter` is one of `app.filters`. With `at`, seconds since the epoch,
        those up to that time. `cursor` is what the page before gave. A page may hold fewer than
        `limit`, even none, and still have a next one: the work of one call is bounded
        (`app.store.events`). Where `after` is older than what is kept, an `events.dropped` stands
        first.
        """
        query = EventQuery.parse(
            after=after,
            before=before,
            service=service,
            connection=connection,
            kind=kind,
            q=q,
            filter=filter,
            cursor=cursor,
            limit=limit,
        )
        if at is not None:
            until = last_seq_until(self._database, self._journal, at)
            query = replace(query, before=min(query.before, until + 1))
        total = self._writer.events.entries + len(self._journal.recent(after=self._written_seq))
        return read_events(
            self._database, self._journal, query, peers_of=self.peers_of, total=total
        )

    def messages(
        self,
        connection: int,
        *,
        after: int | None = None,
        before: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> EventPage:
        """The captured data of one connection, its `connection.data` events, oldest first.

        Those above `after`, from the first one on. With `before`, the last ones below it: a page
        is in the same order, and the next one holds what came before it. A page of large messages
        ends at `MESSAGES_BYTES`.
        """
        first, last = self._gatherer.first_seq(connection), None
        if first is None and (closed := find_closed(self._database, connection)):
            _, first, last = closed
        start = max((first or 1) - 1, after or 0)
        end = SEQ_MAXIMUM if last is None else last + 1
        query = EventQuery.parse(
            after=start if before is None else None,
            before=end if before is None else min(end, before),
            connection=connection,
            kind="connection.data",
            cursor=cursor,
            limit=limit,
        )
        if before is not None:
            query = replace(query, after=start)  # a bound; the walk still begins at the end
        page = read_events(self._database, self._journal, query, tell_trimmed=False)
        return _bounded(page) if before is None else _turned(_bounded(page))

    def connections(
        self, query: ConnectionQuery, open_views: Iterable[View] = ()
    ) -> ConnectionPage:
        """A page of the connections asked for; the open ones are the caller's to give, as views."""
        pending = (stored_view(row["view"]) for row in self._gatherer.closed_rows())
        return list_connections(self._database, query, [*open_views, *pending])

    def connection(self, number: int) -> dict[str, Any] | None:
        """The view of a closed connection, `None` where none is kept."""
        for row in self._gatherer.closed_rows():
            if row["id"] == number:
                return stored_view(row["view"])
        found = find_closed(self._database, number)
        return None if found is None else found[0]

    def first_seq(self) -> int | None:
        """The `seq` of the oldest event kept, `None` where none is."""
        return oldest_kept(self._database)

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._subscription.closed:
                self._gather()
                self._write()
            self._gatherer.take_in(self._subscription.take(0))
            self._write()
        except Exception as error:
            self._failing = f"history ended by a fault of its own: {error!r}"
            log.exception("history ended by a fault of its own; nothing is recorded any more")
        finally:
            self._writer.close()

    def _gather(self) -> None:
        """Wait for events, then for the moment to write them."""
        self._gatherer.take_in(self._subscription.take())
        since_last = time.monotonic() - self._last_write
        write_at = time.monotonic() + max(GATHER_SECONDS, INTERVAL_SECONDS - since_last)
        gathered = self._gatherer.gathered
        while gathered.events < WRITE_AT_EVENTS and not self._subscription.closed:
            left = write_at - time.monotonic()
            if left <= 0:
                break
            hurried = self._hurried.wait(min(left, LOOK_SECONDS))
            self._gatherer.take_in(self._subscription.take(0))
            if hurried:
                self._hurried.clear()
                break

    def _write(self) -> None:
        """Write what was gathered, and do not give up but at the end."""
        pause, longest = RETRY_SECONDS
        while self._gatherer.gathered:
            try:
                self._write_once()
            except StoreError as error:
                self._note_failure(error)
                if self._closing.wait(pause) or self._subscription.closed:
                    return
                pause = min(longest, pause * 2)

    def _write_once(self) -> None:
        gathered = self._gatherer.gathered
        last = gathered.last_seq
        self._marks.reserve(seq=self._journal.last_seq, connection_id=self._gatherer.highest)
        self._gatherer.look_further(self._journal.recent)
        self._writer.write(gathered, self._gatherer.open_rows())
        self._gatherer.written()
        self._last_write = time.monotonic()
        if self._failing:
            log.warning("history is written again")
            self._failing = None
        with self._done:
            self._written_seq = last
            self._done.notify_all()
        self._writer.tidy()

    def _note_failure(self, error: StoreError) -> None:
        if self._failing is None:
            log.error("%s; it is tried again", error)
        self._failing = str(error)


def _bounded(page: EventPage) -> EventPage:
    """A page of messages up to the one that makes it too large, which is there still."""
    held = 0
    for place, event in enumerate(page.items[:-1]):
        held += len(event.data.get("data") or b"")
        if held >= MESSAGES_BYTES:
            return page._replace(items=page.items[: place + 1], next_cursor=str(event.seq))
    return page


def _turned(page: EventPage) -> EventPage:
    return page._replace(items=page.items[::-1])
