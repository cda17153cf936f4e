"""`numbered`: from the records of an inbox to events, each in its place in the one order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from socketdeck.event import Event, data_detail
from socketdeck.hot import native

if TYPE_CHECKING:
    from socketdeck.hot.inbox import Record

EVENT_BYTES = 300
"""About what an event takes in memory, but for its texts and its payload."""

Batch = tuple[list[Event], int]
"""Events, and about how many bytes of memory they take."""


def weight_of(data: dict[str, Any]) -> int:
    """About how many bytes of memory an event with such data takes."""
    return EVENT_BYTES + sum(
        len(value) for value in data.values() if isinstance(value, str | bytes)
    )


def numbered_by_python(records: list[Record], first_seq: int, event_class: type[Event]) -> Batch:
    """What `numbered` does; `native.c` makes the events for a third of this."""
    events = []
    weight = 0
    for seq, (when, (service, connection), what, size, payload, count) in enumerate(
        records, first_seq
    ):
        if what.__class__ is str:
            kind, data = what, payload
        else:
            kind, data = "connection.data", data_detail(what, size, payload, count)
        events.append(event_class(seq, when, service, connection, kind, data))
        weight += weight_of(data)
    return events, weight


def numbered(records: list[Record], first_seq: int) -> Batch:
    """The events that records tell of, numbered on from `first_seq`."""
    return _numbered(records, first_seq, Event)


if native:
    from socketdeck.hot._native import numbered as _numbered
else:
    _numbered = numbered_by_python
