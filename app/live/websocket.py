"""The WebSocket of one live client (RFC 6455), as Engine.IO wants it and as the pump needs it.

A client's own thread, which the web server gave it, waits for what it says and reads it there and
then; frames are written by the pump, without waiting, and acknowledged without a detour: each
thread that is woken for a frame costs more than to send it, and there are two hundred clients.

The opening handshake, and the parsing of what a client sends, are wsproto's.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Message,
    Ping,
    Request,
)
from wsproto.utilities import ProtocolError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MESSAGE_BYTES = 64 << 10
READ_BYTES = 16 << 10
TEXT, CLOSE = 0x81, 0x88
"""The first byte of a frame that is a whole message."""

NORMAL, TOO_BIG = 1000, 1009


class LiveSocket:
    """One WebSocket, taken over from the web server by `environ`; the handshake is done at once.

    `wait` and what it calls are for one thread; `send`, `send_frame` and `flush` for any: `_lock`
    guards the sending side. `on_message` sees each message before `wait` gives it, and says whether
    that was all there was to do about it.
    """

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._socket: socket.socket = environ.get("gunicorn.socket") or environ["werkzeug.socket"]
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._lock = threading.Lock()
        self._unsent: deque[bytes] = deque()  # what did not fit into the kernel's buffer
        self._messages: list[str | bytes] = []
        self._parts: list[str | bytes] = []
        self._size = 0
        self._open = True
        self.on_message: Callable[[str | bytes], bool] = _not_mine
        head = "".join(
            f"{key[5:].replace('_', '-').title()}: {value}\r\n"
            for key, value in environ.items()
            if key.startswith("HTTP_")
        )
        self._take(f"GET / HTTP/1.1\r\n{head}\r\n".encode("latin-1"))

    # -- what the client's own thread calls ---------------------------------------------------

    def wait(self) -> str | bytes | None:
        """The next message; blocks. `None` once the client is gone, or said too much at once."""
        while True:
            while self._messages:
                message = self._messages.pop(0)
                if not self.on_message(message):
                    return message
            if not self._open:
                return None
            try:
                read = self._socket.recv(READ_BYTES)
                if not read:
                    return None
                self._take(read)
            except (OSError, ProtocolError):
                return None

    def _take(self, read: bytes) -> None:
        """Parse what came, and answer what the protocol itself has answers to."""
        self._protocol.receive_data(read)
        for event in self._protocol.events():
            if isinstance(event, Message):
                self._add(event)
            elif isinstance(event, Request):
                self._answer(self._protocol.send(AcceptConnection()))
            elif isinstance(event, Ping):
                self._answer(self._protocol.send(event.response()))
            elif isinstance(event, CloseConnection) and self._open:  # else it answers ours
                self._open = False
                with contextlib.suppress(OSError):
                    self._answer(self._protocol.send(event.response()))

    def _add(self, event: Message[Any]) -> None:
        self._parts.append(event.data)
        self._size += len(event.data) + 1  # one of many empty parts has its price, too
        if self._size > MESSAGE_BYTES:
            self.close(TOO_BIG)
        elif event.message_finished:
            first = self._parts[0]
            self._messages.append(first[:0].join(self._parts))  # type: ignore[arg-type]
            self._parts, self._size = [], 0

    # -- what any thread calls ----------------------------------------------------------------

    def send(self, message: str | bytes) -> None:
        """Send a message as text; blocks while the client does not read. `OSError` if it's gone."""
        payload = message.encode() if isinstance(message, str) else message
        self._answer(header(len(payload)) + payload)

    def send_frame(self, parts: list[bytes]) -> bool:
        """Send one text message, given in parts, without waiting; whether all of it is on its way.

        What is not goes out with `flush`. `OSError` where the client is gone, or has acknowledged
        a frame that it cannot have read.
        """
        if self._unsent:
            raise OSError("a frame is acknowledged that is not sent yet")
        whole = [header(sum(map(len, parts))), *parts]
        if not self._lock.acquire(blocking=False):
            self._unsent.append(b"".join(whole))
            return self.flush()
        try:
            try:
                sent = self._socket.sendmsg(whole, [], socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            if sent < sum(map(len, whole)):
                self._unsent.appendleft(b"".join(whole)[sent:])
            return not self._unsent
        finally:
            self._lock.release()

    def flush(self) -> bool:
        """Send on what is left, as far as that goes without waiting; whether nothing is."""
        if not self._lock.acquire(blocking=False):
            return False  # an answer is on its way to a slow reader, and all that is left with it
        try:
            with contextlib.suppress(BlockingIOError):
                while self._unsent:
                    sent = self._socket.send(self._unsent[0], socket.MSG_DONTWAIT)
                    rest = self._unsent.popleft()[sent:]
                    if rest:
                        self._unsent.appendleft(rest)
            return not self._unsent
        finally:
            self._lock.release()

    def close(self, code: int = NORMAL) -> None:
        """Say so to the client, if it still listens, and read no more."""
        was_open, self._open = self._open, False
        if not was_open:
            return
        closing = bytes([CLOSE, 2]) + struct.pack(">H", code)
        with contextlib.suppress(OSError):
            self._socket.send(closing, socket.MSG_DONTWAIT)
            self._socket.shutdown(socket.SHUT_WR)

    def _answer(self, whole: bytes) -> None:
        with self._lock:
            while self._unsent:
                self._socket.sendall(self._unsent.popleft())
            self._socket.sendall(whole)


class LiveSocketWSGI:
    """What Engine.IO has for a WebSocket, under the name by which it asks for one."""

    def __init__(self, handler: Callable[[Any], Any], server: Any) -> None:
        self._handler = handler

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        taken = environ["socketdeck.visit"].link = LiveSocket(environ)
        self._handler(taken)
        # How each web server is told that the connection was taken over.
        if "werkzeug.socket" in environ:
            raise ConnectionError
        raise StopIteration


def header(length: int) -> bytes:
    """The head of a whole text message, unmasked as a server's are (RFC 6455, section 5.2)."""
    if length < 126:
        return bytes([TEXT, length])
    if length < 1 << 16:
        return struct.pack(">BBH", TEXT, 126, length)
    return struct.pack(">BBQ", TEXT, 127, length)


def _not_mine(message: str | bytes) -> bool:
    return False
