"""Connections as rows: from the view that the API shows to columns that can be asked for.

A view is a dict of JSON's types, in the shape of `socketdeck.status.ConnectionView`. The row has a
column for each key to sort or to filter by, and the whole view beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.peers import packed_ip
from app.store.batches import pack, unpack
from socketdeck.event import Event
from socketdeck.status import moment_text

View = Mapping[str, Any]

ROW_OVERHEAD_BYTES = 200


def epoch(text: str) -> float:
    """A time of a view in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def closed_row(view: View, first_seq: int, last_seq: int) -> dict[str, Any]:
    """The row of a closed connection, with the numbers of its first and its last event."""
    blob = pack(view)
    return {
        "id": view["id"],
        "service": view["service"],
        "peer": view["peer"],
        "peer_ip": packed_ip(view["peer"]),
        "local": view["local"],
        "opened_at": epoch(view["opened_at"]),
        "closed_at": epoch(view["closed_at"]),
        "duration": view["duration"],
        "last_activity": epoch(view["last_activity"]),
        "bytes_in": view["bytes"]["in"],
        "bytes_out": view["bytes"]["out"],
        "messages_in": view["messages"]["in"],
        "messages_out": view["messages"]["out"],
        "reason": view["close_reason"] or "",
        "first_seq": first_seq,
        "last_seq": last_seq,
        "size": len(blob) + ROW_OVERHEAD_BYTES,
        "view": blob,
    }


def open_row(view: View, first_seq: int) -> dict[str, Any]:
    """The row that an open connection has until it closes, or the panel ends."""
    return {"id": view["id"], "first_seq": first_seq, "view": pack(view)}


def stored_view(blob: bytes) -> dict[str, Any]:
    """The view that a row was made of."""
    view: dict[str, Any] = unpack(blob)
    return view


def view_of_events(opened: Event | None, closed: Event | None) -> dict[str, Any]:
    """What the events alone tell of a connection that nothing else knows any more."""
    event = closed or opened
    assert event is not None
    ended = closed.data if closed else {}
    duration = float(ended.get("duration", 0.0))
    opened_at = opened.time if opened else event.time - duration
    return {
        "id": event.connection,
        "service": event.service or "",
        "transport": "",
        "state": "closed" if closed else "open",
        "peer": opened.data.get("peer") if opened else None,
        "local": opened.data.get("local") if opened else None,
        "opened_at": moment_text(opened_at),
        "closed_at": moment_text(closed.time) if closed else None,
        "duration": duration,
        "last_activity": moment_text(event.time),
        "idle": None,
        "bytes": ended.get("bytes", {"in": 0, "out": 0}),
        "messages": ended.get("messages", {"in": 0, "out": 0}),
        "close_reason": ended.get("reason"),
        "error": None,
        "tls": None,
        "peer_credentials": None,
        "kernel": None,
        "pid": None,
        "thread": None,
        "waited": None,
        "generation": 0,
        "faults": [],
    }


def as_ended(view: View, reason: str, at: float) -> dict[str, Any]:
    """The view of a connection that was open, as closed at `at` for `reason`."""
    at = max(at, epoch(view["last_activity"]))
    return {
        **view,
        "state": "closed",
        "closed_at": moment_text(at),
        "duration": at - epoch(view["opened_at"]),
        "idle": None,
        "kernel": None,
        "close_reason": reason,
    }
