"""Events as they lie on the disk: many in one blob, with an index beside it.

A row an event costs more than the panel has (45 % of a busy journal was written that way); one blob
a batch costs next to nothing, and is found again by what the index says of it: which numbers,
services, kinds and connections occur in it. A blob is small enough to be read in a millisecond.

The blob is msgpack, an array of `[seq, time, service, connection, kind, data]`, compressed: zlib
lets go of the interpreter lock while it works, so that a busy handler gets in between two blobs.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from socketdeck.event import Event

BATCH_EVENTS = 500
"""Encoded while handlers wait for the interpreter lock: a fifth of a millisecond."""

BATCH_BYTES = 256 << 10
ROW_OVERHEAD_BYTES = 100
DEPTH_MAXIMUM = 100
"""Of values within values, where one cannot be packed as it is; what is deeper is cut."""

COMPRESSION_LEVEL = 1
_ARRAY_32 = b"\xdd"


def _as_text(value: Any) -> str:
    return str(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_as_text).encode
_decode = msgspec.msgpack.Decoder(list[list[Any]]).decode


def pack(value: Any) -> bytes:
    """One value as msgpack; what msgpack has no type for becomes text."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError, RecursionError):
        return _encode(_plain(value))


def unpack(data: bytes) -> Any:
    """What `pack` made of a value."""
    return msgspec.msgpack.decode(data)


def encode_batches(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """Rows for `event_batches`, each of up to `BATCH_EVENTS` and about `BATCH_BYTES`.

    `events` are in rising order of `seq`.
    """
    start = 0
    while start < len(events):
        items: list[bytes] = []
        size = 0
        for event in events[start : start + BATCH_EVENTS]:
            items.append(pack(event))
            size += len(items[-1])
            if size >= BATCH_BYTES:
                break
        batch = events[start : start + len(items)]
        start += len(items)
        packed = _ARRAY_32 + len(items).to_bytes(4, "big") + b"".join(items)
        yield _row(batch, zlib.compress(packed, COMPRESSION_LEVEL))


def inflate(data: bytes) -> bytes:
    """A blob's msgpack; enough to see that a text is not in it."""
    return zlib.decompress(data)


def decode_events(packed: bytes) -> list[Event]:
    """The events of an inflated blob, in rising order."""
    return [Event._make(item) for item in _decode(packed)]


def _row(batch: Sequence[Event], data: bytes) -> dict[str, Any]:
    services = _listed({event.service for event in batch})
    kinds = _listed({event.kind for event in batch})
    connections = _listed({event.connection for event in batch})
    return {
        "first_seq": batch[0].seq,
        "last_seq": batch[-1].seq,
        "first_time": batch[0].time,
        "last_time": batch[-1].time,
        "events": len(batch),
        "size": len(data) + len(services) + len(kinds) + len(connections) + ROW_OVERHEAD_BYTES,
        "services": services,
        "kinds": kinds,
        "connections": connections,
        "data": data,
    }


def _listed(values: Iterable[str | int | None]) -> str:
    """Values between commas, so that `,value,` finds one with LIKE."""
    return "".join(f",{value}" for value in values if value is not None) + ","


def _plain(value: Any, depth: int = 0) -> Any:
    """The same value of types that msgpack takes: no lone surrogates, no numbers over 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if depth > DEPTH_MAXIMUM:
        return "..."
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, (bool, float, bytes)):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    return _plain(str(value))
