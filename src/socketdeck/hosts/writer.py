"""`Writer`: a worker's messages, in packets, to a panel that may be slow to read."""

from __future__ import annotations

import json
import select
import socket
from typing import Any

from socketdeck.hosts import wire

MESSAGES_A_PACKET = 200
PATIENCE_SECONDS = 1.0
"""How long a writer waits for a panel that does not read, before what it has to say is lost."""


class Writer:
    """Writes messages to one end, in packets; one thread of a process at a time uses it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._patient = True
        self.lost = 0
        """Messages that could not be written and have not been told of yet."""

    def write(self, messages: list[wire.Message]) -> None:
        """Send them all, in order; blocks for `PATIENCE_SECONDS` at most where nobody reads.

        What cannot be sent by then is counted in `lost`. `ConnectionError` where the panel is gone.
        """
        if self.lost:
            messages = [[wire.LOST, 0, None, {"count": self.lost}], *messages]
            self.lost = 0
        texts: list[str] = []
        size = 0
        for message in messages:
            text = json.dumps(message, separators=(",", ":"), default=_plain)
            full = size + len(text) > wire.PACKET_BYTES or len(texts) >= MESSAGES_A_PACKET
            if texts and full:
                self._send(texts)
                texts, size = [], 0
            texts.append(text)
            size += len(text)
        if texts:
            self._send(texts)

    def _send(self, texts: list[str]) -> None:
        packet = f"[{','.join(texts)}]".encode()
        while True:
            try:
                self._end.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                self._patient = True
                return
            except BlockingIOError:
                if not self._patient or not self._wait():
                    self._patient = False
                    self.lost += len(texts)
                    return
            except OSError as error:
                if isinstance(error, ConnectionError):
                    raise
                self.lost += len(texts)  # too long for a packet (EMSGSIZE), or no memory
                return

    def _wait(self) -> bool:
        poll = select.poll()
        poll.register(self._end, select.POLLOUT)
        return bool(poll.poll(PATIENCE_SECONDS * 1000))


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)
