"""The wire between the panel and a child process: packets of JSON over SOCK_SEQPACKET (unix(7)).

Each packet is one list of messages and arrives whole, so that a worker and the children that it
forks can all write to the same end. It is the child's lifeline as well: its end of file says that
the panel is gone, however it went.

Messages to the child are `[name, ...]`. Messages from it are `[kind, time, connection, data]`:
events as the journal knows them, and the notes below, which concern the panel alone. Payloads
travel in base64, and only their first `PAYLOAD_BYTES`: a packet must fit the kernel's buffer.
"""

from __future__ import annotations

import binascii
import json
import select
import socket
from typing import Any

PACKET_BYTES = 60_000
"""What one packet holds at most; the kernel wants a packet in one piece."""
MESSAGES_A_PACKET = 200
PAYLOAD_BYTES = 48_000
RECEIVED_BYTES = 256 << 10
"""What a reader takes at a time: more than any packet."""

BUFFER_BYTES = 4 << 20
PATIENCE_SECONDS = 1.0
"""How long a writer waits for a panel that does not read, before what it has to say is lost."""

READY = "~ready"
FAILED = "~failed"
ENDED = "~ended"
BEGUN = "~begun"
FINISHED = "~finished"
COUNTED = "~counted"
REAPED = "~reaped"
LOST = "~lost"
STOPPED = "~stopped"

Message = list[Any]


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends, with the largest buffers that the kernel gives; the caller closes them."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        for option in ("SO_SNDBUFFORCE", "SO_SNDBUF"):
            try:
                end.setsockopt(socket.SOL_SOCKET, getattr(socket, option, 32), BUFFER_BYTES)
                break
            except OSError:
                continue
    return ends


def encode(message: Message) -> str:
    """One message as JSON; bytes become base64, and what JSON has no word for its `str`."""
    return json.dumps(message, separators=(",", ":"), default=_plain)


def decode(packet: bytes) -> list[Message]:
    """The messages of one packet; `ValueError` where it is none."""
    found = json.loads(packet)
    if not isinstance(found, list):
        raise ValueError("a packet is a list of messages")
    return found


def payload(text: Any) -> Any:
    """The bytes of a payload that came as text."""
    return binascii.a2b_base64(text) if isinstance(text, str) else text


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    return str(value)


class Writer:
    """Writes messages to one end, in packets; one thread of a process at a time uses it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._patient = True
        self.lost = 0
        """Messages that could not be written and have not been told of yet."""

    def write(self, messages: list[Message]) -> None:
        """Send them all, in order; blocks for `PATIENCE_SECONDS` at most where nobody reads.

        What cannot be sent by then is counted in `lost`. `ConnectionError` where the panel is gone.
        """
        if self.lost:
            messages = [[LOST, 0, None, {"count": self.lost}], *messages]
            self.lost = 0
        texts: list[str] = []
        size = 0
        for message in messages:
            text = encode(message)
            if texts and (size + len(text) > PACKET_BYTES or len(texts) >= MESSAGES_A_PACKET):
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
