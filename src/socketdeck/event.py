"""`Event`: one thing that happened, and what becomes one."""

from __future__ import annotations

import binascii
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

Origin = tuple[str | None, int | None]
"""The name of the service and the number of the connection that a record is of."""


_DIRECTIONS = ("in", "out")


class Event(NamedTuple):
    """One thing that happened. `time` is in seconds since the epoch; `data` depends on `kind`."""

    seq: int
    time: float
    service: str | None
    connection: int | None
    kind: str
    data: dict[str, Any]


def event_as_json(event: Event) -> dict[str, Any]:
    """The event in the contract's shape: time in RFC 3339, payloads in base64."""
    data = event.data
    payload = data.get("data")
    if isinstance(payload, bytes):
        data = {**data, "data": binascii.b2a_base64(payload, newline=False).decode("ascii")}
    return {
        "seq": event.seq,
        "time": datetime.fromtimestamp(event.time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "service": event.service,
        "connection": event.connection,
        "kind": event.kind,
        "data": data,
    }


class Draft(NamedTuple):
    """An event that has no place in the order yet."""

    time: float
    service: str | None
    connection: int | None
    kind: str
    data: dict[str, Any]


def data_detail(
    direction: int, length: int, payload: bytes | None, count: int = 1
) -> dict[str, Any]:
    """The `data` of a `connection.data` event; `count` is there where several were folded."""
    detail: dict[str, Any] = {
        "direction": _DIRECTIONS[direction],
        "length": length,
        "data": payload,
        "truncated": payload is not None and len(payload) < length,
    }
    if count > 1:
        detail["count"] = count
    return detail


def dropped_event(
    count: int | None, from_seq: int, to_seq: int, source: str, when: float | None = None
) -> Event:
    """The event that stands for `count` lost ones, `None` where nobody can know how many."""
    data = {"count": count, "from_seq": from_seq, "to_seq": to_seq, "source": source}
    return Event(to_seq, when or time.time(), None, None, "events.dropped", data)
