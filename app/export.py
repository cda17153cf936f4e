"""Events to take away: as lines of JSON, or as a table that a spreadsheet opens.

Both are made of events as REST shows them, and are written a page at a time: what is exported may
be everything that is kept.
"""

from __future__ import annotations

import binascii
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from app.store import History
from app.store.breather import Breather
from app.store.events import LIMIT_MAXIMUM, SEQ_MAXIMUM
from app.visible import defused, visible
from socketdeck import Journal, event_as_json

Format = Literal["ndjson", "csv"]

MEDIA_TYPES: Mapping[Format, str] = {"ndjson": "application/x-ndjson", "csv": "text/csv"}

COLUMNS = (
    "seq",
    "time",
    "service",
    "connection",
    "kind",
    "direction",
    "length",
    "reason",
    "duration",
    "text",
    "data",
)
"""Of the table: the event's own, some of its data, what it says in words, and all of its data."""


class Export:
    """All events that a filter lets through, oldest first. Its maker closes it, from any thread.

    From above `after`, or the oldest kept, to below `before`, or what had happened when it was
    made: it ends. Reading it blocks for short reads of the database, and may raise `StoreError`.
    """

    def __init__(
        self,
        journal: Journal,
        history: History,
        form: Format,
        *,
        filter: str | None,
        after: int | None,
        before: int | None,
    ) -> None:
        journal.flush()
        self._history = history
        self._form = form
        self._filter = filter
        self._after = after
        self._before = journal.last_seq + 1 if before is None else min(before, SEQ_MAXIMUM)
        self._closed = False

    def close(self) -> None:
        """End it after the page that it is at."""
        self._closed = True

    def __iter__(self) -> Iterator[bytes]:
        """The text in pieces, the heading of a table at once."""
        if self._form == "csv":
            yield csv_text([COLUMNS]).encode()
        breather = Breather()
        after = self._after
        if after is None:
            after = (self._history.first_seq() or 1) - 1
        cursor: str | None = None
        while not self._closed:
            page = self._history.events(
                after=after,
                before=self._before,
                cursor=cursor,
                filter=self._filter,
                limit=LIMIT_MAXIMUM,
            )
            if page.items:
                yield self._written(map(event_as_json, page.items))
            cursor = page.next_cursor
            if cursor is None:
                return
            breather.breathe()

    def _written(self, events: Iterable[Mapping[str, Any]]) -> bytes:
        if self._form == "csv":
            return csv_text(map(csv_row, events)).encode()
        lines = (json.dumps(event, separators=(",", ":")) for event in events)
        return "".join(f"{line}\n" for line in lines).encode()


def csv_text(rows: Iterable[Iterable[Any]], line_end: str = "\r\n") -> str:
    """Rows as CSV (RFC 4180); no cell is one that a spreadsheet would calculate."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end)
    for row in rows:
        writer.writerow([defused(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue()


def csv_row(event: Mapping[str, Any]) -> list[Any]:
    """The row of an event, as REST shows it."""
    data = event["data"]
    told = {**{name: event[name] for name in COLUMNS[:5]}, "text": text_of(event)}
    for name in ("direction", "length", "reason", "duration"):
        value = data.get(name)
        told[name] = value if isinstance(value, (str, int, float)) else None
    told["data"] = json.dumps(data, separators=(",", ":"))
    return [visible(value) if isinstance(value, str) else value for value in map(told.get, COLUMNS)]


def text_of(event: Mapping[str, Any]) -> str:
    """What an event says in words: a line that was written, an exception, captured data.

    As others wrote it: show it with `visible`.
    """
    data = event["data"]
    payload = data.get("data")
    if isinstance(payload, str):
        return binascii.a2b_base64(payload).decode("utf-8", "backslashreplace")
    failure = data.get("error") if isinstance(data.get("error"), dict) else data
    if isinstance(failure.get("type"), str):
        return f"{failure['type']}: {failure.get('message')}"
    found = data.get("text") or data.get("why")
    return found if isinstance(found, str) else ""
