"""Events as they lie on the disk: many in one blob, with an index beside it.

A row an event costs more than the panel has (45 % of a busy journal was written that way); one blob
a batch costs next to nothing, and is found again by what the index says of it: which numbers,
services, kinds and connections occur in it. A blob is small enough to be read in a millisecond.

The blob is msgpack, `[seq, time, service, connection, kind, data]` of each event one behind the
other, compressed: zlib lets go of the interpreter lock while it works.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from socketdeck.event import Event

BATCH_EVENTS = 500

BATCH_BYTES = 256 << 10
ROW_OVERHEAD_BYTES = 100
DEPTH_MAXIMUM = 100
"""Of values within values, where one cannot be packed as it is; what is deeper is cut."""

COMPRESSION_LEVEL = 1
_ARRAY_32 = b"\xdd"
_HEADERS = {0xDC: 3, 0xDD: 5}
"""Bytes of a long array's header (msgpack's specification); that of a short one is one byte."""


_UNFIT = (UnicodeEncodeError, OverflowError, TypeError, ValueError, RecursionError)
"""What an encoder says of a value that msgpack cannot hold."""


def _as_text(value: Any) -> str:
    return str(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_as_text).encode
_decode = msgspec.msgpack.Decoder(list[list[Any]]).decode


def pack(value: Any) -> bytes:
    """One value as msgpack; what msgpack has no type for becomes text."""
    try:
        return _encode(value)
    except _UNFIT:
        return _encode(_plain(value))


def unpack(data: bytes) -> Any:
    """What `pack` made of a value."""
    return msgspec.msgpack.decode(data)


class BatchPacker:
    """Packs events into rows for `event_batches` as they come, and compresses them at the end.

    So what holds the interpreter lock is done a little at a time, and what lets go of it when they
    are written. Each row is of up to `BATCH_EVENTS` and about `BATCH_BYTES`. One thread's.
    """

    def __init__(self) -> None:
        self._full: list[_Batch] = []
        self._batch = _Batch()

    def add(self, events: Sequence[Event]) -> None:
        """Add events, in rising order of `seq`, all above those before."""
        start = 0
        while start < len(events):
            room = BATCH_EVENTS - self._batch.events
            some = events[start : start + room]
            start += len(some)
            self._add(some)

    def finish(self) -> list[dict[str, Any]]:
        """All that was added as rows; then it is empty again."""
        self._close_batch()
        full, self._full = self._full, []
        return [batch.row() for batch in full]

    def _add(self, events: Sequence[Event]) -> None:
        packed = _pack_together(events)
        if self._batch.size + len(packed) > BATCH_BYTES:
            if len(events) > 1:
                middle = (len(events) + 1) // 2
                self._add(events[:middle])
                self._add(events[middle:])
                return
            self._close_batch()
        self._batch.add(events, packed)
        if self._batch.events == BATCH_EVENTS:
            self._close_batch()

    def _close_batch(self) -> None:
        if self._batch.events:
            self._full.append(self._batch)
            self._batch = _Batch()


def encode_batches(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Rows for `event_batches` of all these; they are in rising order of `seq`."""
    packer = BatchPacker()
    packer.add(events)
    return packer.finish()


def inflate(data: bytes) -> bytes:
    """A blob's msgpack; enough to see that a text is not in it."""
    return zlib.decompress(data)


def decode_events(packed: bytes, count: int) -> list[Event]:
    """The events of an inflated blob, in rising order; the row says how many."""
    if packed[:1] != _ARRAY_32:  # as blobs began once
        packed = _ARRAY_32 + count.to_bytes(4, "big") + packed
    return [Event._make(item) for item in _decode(packed)]


class _Batch:
    """A row in the making."""

    def __init__(self) -> None:
        self.events = 0
        self.size = 0  # before compression
        self._first: Event | None = None
        self._last: Event | None = None
        self._times: list[float] = []
        self._packed: list[bytes] = []
        self._services: set[str | None] = set()
        self._kinds: set[str] = set()
        self._connections: set[int | None] = set()

    def add(self, events: Sequence[Event], packed: bytes) -> None:
        self._first, self._last = self._first or events[0], events[-1]
        self.events += len(events)
        self.size += len(packed)
        self._packed.append(packed)
        self._times += [event.time for event in events]
        self._services.update([event.service for event in events])
        self._kinds.update([event.kind for event in events])
        self._connections.update([event.connection for event in events])

    def row(self) -> dict[str, Any]:
        """It as a row."""
        assert self._first is not None
        assert self._last is not None
        data = zlib.compress(b"".join(self._packed), COMPRESSION_LEVEL)
        index = {
            "services": _listed(self._services),
            "kinds": _listed(self._kinds),
            "connections": _listed(self._connections),
        }
        return {
            "first_seq": self._first.seq,
            "last_seq": self._last.seq,
            # Not of the first and the last event: those of a child come late, and a clock may be
            # set back.
            "first_time": min(self._times),
            "last_time": max(self._times),
            "events": self.events,
            "size": len(data) + sum(map(len, index.values())) + ROW_OVERHEAD_BYTES,
            **index,
            "data": data,
        }


def _pack_together(events: Sequence[Event]) -> bytes:
    """Events one behind the other, without what would say how many."""
    try:
        packed = _encode(events)
    except _UNFIT:
        return b"".join([pack(event) for event in events])
    return packed[_HEADERS.get(packed[0], 1) :]


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
