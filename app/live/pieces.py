"""Pieces: what happened in one topic between two numbers, bounded, and as JSON.

All here is decided without a clock, a socket or a thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from socketdeck import Event, event_as_json
from socketdeck.event import dropped_event

FRAME_EVENTS = 250
"""More than this in a twentieth of a second is more than anybody reads."""

FRAME_BYTES = 1 << 20
EVENT_BYTES = 64 << 10
PAYLOAD_BYTES = 1024
SOURCE = "live"


class Piece(NamedTuple):
    """The events of a topic from `seq_from` to `seq_to`, of which `folded` are not told singly."""

    seq_from: int
    seq_to: int
    events: Sequence[Event]
    folded: int = 0


def make_piece(seq_from: int, seq_to: int, events: Sequence[Event]) -> Piece:
    """A piece of these events, folded where they are too many for a frame."""
    shown = fold(events, FRAME_EVENTS)
    return Piece(seq_from, seq_to, shown, len(events) - len(shown))


def join(pieces: Sequence[Piece]) -> Piece:
    """One piece in place of several that follow one another."""
    events = [event for piece in pieces for event in piece.events]
    shown = fold(events, FRAME_EVENTS)
    folded = sum(piece.folded for piece in pieces) + len(events) - len(shown)
    return Piece(pieces[0].seq_from, pieces[-1].seq_to, shown, folded)


def split(seq_from: int, seq_to: int, events: Sequence[Event]) -> list[Piece]:
    """The events as pieces of a frame each, nothing folded."""
    parts = [events[at : at + FRAME_EVENTS] for at in range(0, len(events), FRAME_EVENTS)]
    pieces = []
    for part in parts[:-1]:
        pieces.append(Piece(seq_from, part[-1].seq, part))
        seq_from = part[-1].seq + 1
    return [*pieces, Piece(seq_from, seq_to, parts[-1] if parts else [])]


def fold(events: Sequence[Event], limit: int) -> Sequence[Event]:
    """At most `limit` events: the data of a connection and direction as one, then the newest.

    What is left out then is told by an `events.dropped` in front, which counts as one of them.
    """
    if len(events) <= limit:
        return events
    shown = _with_data_folded(events)
    if len(shown) <= limit:
        return shown
    left_out, shown = shown[: len(shown) - limit + 1], shown[len(shown) - limit + 1 :]
    return [_left_out(left_out), *shown]


def encode(event: Event) -> str:
    """An event as JSON, its payload cut to what a page shows at once."""
    data = event.data
    payload = data.get("data")
    if isinstance(payload, bytes) and len(payload) > PAYLOAD_BYTES:
        event = event._replace(data={**data, "data": payload[:PAYLOAD_BYTES], "truncated": True})
    text = json.dumps(event_as_json(event), separators=(",", ":"))
    if len(text) > EVENT_BYTES:
        left = {name: value for name, value in data.items() if _is_short(value)}
        shortened = event._replace(data={**left, "truncated": True})
        text = json.dumps(event_as_json(shortened), separators=(",", ":"))
    return text


def frame_text(topic: str, piece: Piece, events: Iterable[str], status: str | None) -> str:
    """A frame; `topic` and `status` are JSON, the first without its braces."""
    texts = list(events)
    folded = piece.folded
    over = sum(map(len, texts)) - FRAME_BYTES
    if over > 0:
        texts, left_out = _newest_within(texts, piece.events, over)
        folded += left_out
    parts = [
        f'{{{topic},"seq_from":{piece.seq_from},"seq_to":{piece.seq_to}',
        f'"events":[{",".join(texts)}]',
        f'"folded":{{"count":{folded}}}',
    ]
    if status is not None:
        parts.append(f'"status":{status}')
    return ",".join(parts) + "}"


def _newest_within(texts: list[str], events: Sequence[Event], over: int) -> tuple[list[str], int]:
    """The texts without the oldest, that are `over` bytes too many, and how many those were."""
    left_out = 0
    while over > 0 and left_out < len(texts) - 1:
        over -= len(texts[left_out])
        left_out += 1
    return [encode(_left_out(events[:left_out])), *texts[left_out:]], left_out


def _with_data_folded(events: Sequence[Event]) -> list[Event]:
    """The events, all data of one connection and direction as one, where its first stood."""
    shown: list[Event] = []
    places: dict[tuple[int | None, Any], int] = {}
    for event in events:
        if event.kind != "connection.data":
            shown.append(event)
            continue
        key = (event.connection, event.data.get("direction"))
        place = places.get(key)
        if place is None:
            places[key] = len(shown)
            shown.append(event)
            continue
        first = shown[place]
        data = {
            **first.data,
            "length": first.data["length"] + event.data["length"],
            "count": first.data.get("count", 1) + event.data.get("count", 1),
            "truncated": True,
        }
        shown[place] = first._replace(data=data)
    return shown


def _left_out(events: Sequence[Event]) -> Event:
    """What stands in the place of events that are left out, former ones of its kind among them."""
    count, first = 0, events[0].seq
    for event in events:
        if event.kind in ("connection.data", "events.dropped"):
            count += event.data.get("count") or 1
        else:
            count += 1
        if event.kind == "events.dropped":
            first = min(first, event.data["from_seq"])
    return dropped_event(count, first, max(event.seq for event in events), SOURCE)


def _is_short(value: Any) -> bool:
    return (
        value is None
        or isinstance(value, (bool, int, float))
        or (isinstance(value, str) and len(value) <= PAYLOAD_BYTES)
    )
