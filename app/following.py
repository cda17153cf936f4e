"""Following the events: what was, from a `seq` on, then what happens, without a gap or a repeat.

The subscription comes first and the history second; what is in both is told by its `seq`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from app.store import History
from app.store.events import LIMIT_MAXIMUM, EventQuery
from socketdeck import Event, Journal, event_as_json

HEARTBEAT_SECONDS = 5.0
"""A quiet stream has an empty line this often: so it is noticed that its reader is gone."""

QUEUE_EVENTS = 10_000
"""What waits for a reader that is too slow; it then loses the oldest, and is told how many."""


class Following:
    """The events that match some filters, as lines of JSON. Its maker closes it, from any thread.

    `filters` are those of `History.events`; without `after` it begins with what happens next. It
    ends when the journal is closed.
    """

    def __init__(
        self, journal: Journal, history: History, after: int | None, filters: dict[str, Any]
    ) -> None:
        self._history = history
        self._filters = filters
        self._query = EventQuery.parse(**filters)
        self._subscription = journal.subscribe("stream", QUEUE_EVENTS)
        journal.flush()
        self._from_history = after is not None
        self._seen = journal.last_seq if after is None else after

    def close(self) -> None:
        """End it; whoever waits for its next line gets none."""
        self._subscription.close()

    def __iter__(self) -> Iterator[bytes]:
        """The lines, each with its line end; one is empty where nothing happens."""
        # Sent at once, so that the client sees its request answered.
        yield b"\n"
        if self._from_history:
            yield from self._past()
        while not self._subscription.closed:
            events = self._subscription.take(HEARTBEAT_SECONDS)
            new = [event for event in events if event.seq > self._seen]
            asked = self._query.choose_live(new, self._history.peers_of.at_hand)
            lines = b"".join(map(self._line, asked))
            if events:
                self._seen = max(self._seen, events[-1].seq)
            if lines or not events:
                yield lines or b"\n"

    def _past(self) -> Iterator[bytes]:
        cursor: str | None = None
        while not self._subscription.closed:
            page = self._history.events(
                after=self._seen, cursor=cursor, limit=LIMIT_MAXIMUM, **self._filters
            )
            if page.items:
                self._seen = max(self._seen, page.items[-1].seq)
                yield b"".join(map(self._line, page.items))
            cursor = page.next_cursor
            if cursor is None:
                return

    @staticmethod
    def _line(event: Event) -> bytes:
        return json.dumps(event_as_json(event), separators=(",", ":")).encode("ascii") + b"\n"
