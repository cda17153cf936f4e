"""`Writer`: a worker's messages, in packets, to a panel that may be slow to read.

Where the panel does not read for `PATIENCE_SECONDS`, data goes: what connections sent and handlers
printed, which is most of it and changes nothing. What says how things stand (who came, who is in a
handler, what was counted, who left) is kept in its order, since the panel could not put itself
right without it. Once it reads again it is told how many events are missing, then what was kept.
"""

from __future__ import annotations

import json
import select
import socket
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from socketdeck.hosts import wire

MESSAGES_A_PACKET = 200
PATIENCE_SECONDS = 1.0

KEPT_MESSAGES = 100_000
"""Some 50 MB; above it a write blocks. By then the panel has stood still while 20,000 connections
came and went, and it is the journal's inbox that counts what it has no room for."""

DROPPED = {"connection.data", "service.log"}

Packed = tuple[bytes, list[wire.Message]]
"""A packet and the messages in it."""


class Writer:
    """Writes messages to one end, in packets; one thread of a process at a time uses it.

    `drops`: whether data may go; else a write blocks until the panel has read. `ConnectionError` is
    raised by whatever sends where the panel is gone.
    """

    def __init__(self, end: socket.socket, *, drops: bool) -> None:
        self._end = end
        self._patience = PATIENCE_SECONDS if drops else None
        self._patient = True
        self._kept: deque[wire.Message] = deque()
        self._counts: dict[int | None, wire.Message] = {}  # those kept, by connection
        self._lost = 0  # events that went and have not been told of yet

    @property
    def behind(self) -> bool:
        """Whether there is something to be said yet: `push` does, once there is room."""
        return bool(self._kept or self._lost)

    def write(self, messages: Iterable[wire.Message]) -> None:
        """Send them all, in order; what cannot be sent is kept or counted."""
        self.push()
        for packed in _packets(messages):
            if self.behind or not self._send(packed):
                self._keep(packed[1])
        self.push()

    def push(self) -> None:
        """Tell of what was lost and send what was kept, as far as there is room."""
        lost = self._lost
        if lost:
            if not self._send(next(_packets([[wire.LOST, 0, None, {"count": lost}]]))):
                return
            self._lost -= lost
        while self._kept:
            packed = next(_packets(self._kept))
            if not self._send(packed):
                return
            for _ in packed[1]:
                kind, _, key, _ = self._kept.popleft()
                if kind == wire.COUNTED:
                    del self._counts[key]

    def finish(self) -> None:
        """Send all that was kept; blocks until the panel has read enough."""
        self.push()
        while self.behind:
            self.wait_for_room()
            self.push()

    def wait_for_room(self, seconds: float | None = None) -> bool:
        """Block until the panel has read, or is gone; false where so many seconds passed."""
        poll = select.poll()
        poll.register(self._end, select.POLLOUT)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def _send(self, packed: Packed) -> bool:
        """Send a packet; false where there is no room, though one waited for it."""
        packet, messages = packed
        while True:
            try:
                self._end.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._patient = self._patient and self.wait_for_room(self._patience)
                if not self._patient:
                    return False
                continue
            except ConnectionError:
                raise
            except OSError:  # too long for a packet (EMSGSIZE), or no memory
                self._lost += sum(not kind.startswith("~") for kind, *_ in messages)
            self._patient = True
            return True

    def _keep(self, messages: list[wire.Message]) -> None:
        """For later, but for data. All that was counted of a connection is one message."""
        for message in messages:
            kind, when, key, data = message
            if kind in DROPPED:
                self._lost += 1
            elif kind != wire.COUNTED:
                self._kept.append(message)
            elif key in self._counts:
                counts = self._counts[key]
                more = [one + other for one, other in zip(counts[3], data, strict=True)]
                counts[1], counts[3] = when, more
            else:
                self._counts[key] = message
                self._kept.append(message)
        while len(self._kept) > KEPT_MESSAGES:
            self.wait_for_room()
            self.push()


def _packets(messages: Iterable[wire.Message]) -> Iterator[Packed]:
    """Messages in packets of a bounded size, but for one that is larger by itself."""
    texts: list[str] = []
    packed: list[wire.Message] = []
    size = 0
    for message in messages:
        text = json.dumps(message, separators=(",", ":"), default=_plain)
        if texts and (size + len(text) > wire.PACKET_BYTES or len(texts) >= MESSAGES_A_PACKET):
            yield f"[{','.join(texts)}]".encode(), packed
            texts, packed, size = [], [], 0
        texts.append(text)
        packed.append(message)
        size += len(text)
    if texts:
        yield f"[{','.join(texts)}]".encode(), packed


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)
