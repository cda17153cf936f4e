"""The levels of looking in Python, a class each: what every `recv` and `sendall` costs.

The bodies are written out in each class, alike as they are. A handler's echo takes the processor
for some ten microseconds, and a call of a Python function for a twentieth of one of them, so that
what would be one method with a hook in it would by itself be more than the whole of what level
`counters` may cost (`make bench`). Change them together.

`sendall` counts before it sends: whoever received what was sent finds it counted. What could not
be sent is taken back. Nothing at all is sent as it always is: it may find the connection broken.
"""

from __future__ import annotations

import socket
import time

from socketdeck.direction import IN, OUT
from socketdeck.tap import CountingSocket, kept

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

_recv = socket.socket.recv
_recv_into = socket.socket.recv_into
_send = socket.socket.send
_sendall = socket.socket.sendall
_now = time.time


class CountersSocket(CountingSocket):
    """Level `counters`: bytes and messages by count."""

    __slots__ = ()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        if flags:
            return self._recv_with_flags(bufsize, flags)
        try:
            data = _recv(self, bufsize)
        except OSError as error:
            self._failed(error)
            raise
        if self.__class__ is not CountersSocket:  # somebody looks closer since it began to wait
            self._read(data, bufsize, 0)
            return data
        connection = self._connection
        if data:
            length = len(data)
            connection.bytes_in += length
            connection.messages_in += 1
            connection.unseen += 1
            if not connection.changed:
                connection.changed = True
                connection.touch(connection)
        elif bufsize:
            connection.peer_ended = True
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        if nbytes or flags:
            return self._recv_into_with_flags(buffer, nbytes, flags)
        try:
            length = _recv_into(self, buffer)
        except OSError as error:
            self._failed(error)
            raise
        if self.__class__ is not CountersSocket and length:
            self._received(length, buffer)
        elif length:
            connection = self._connection
            connection.bytes_in += length
            connection.messages_in += 1
            connection.unseen += 1
            if not connection.changed:
                connection.changed = True
                connection.touch(connection)
        elif len(buffer):
            self._connection.peer_ended = True
        return length

    def send(self, data: Any, flags: int = 0, /) -> int:
        try:
            length = _send(self, data, flags)
        except OSError as error:
            self._failed(error)
            raise
        if length:
            self._sent(length, data)
        return length

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        length = len(data) if data.__class__ is bytes else memoryview(data).nbytes
        if not length:
            return self._sendall_nothing(data, flags)
        connection = self._connection
        connection.bytes_out += length
        connection.messages_out += 1
        connection.unseen += 1
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)
        try:
            _sendall(self, data, flags) if flags else _sendall(self, data)
        except OSError as error:
            self._failed(error)
            connection.bytes_out -= length
            connection.messages_out -= 1
            connection.unseen -= 1
            raise

    def _received(self, length: int, buffer: Any) -> None:
        connection = self._connection
        connection.bytes_in += length
        connection.messages_in += 1
        connection.unseen += 1
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)

    def _sent(self, length: int, buffer: Any) -> None:
        connection = self._connection
        connection.bytes_out += length
        connection.messages_out += 1
        connection.unseen += 1
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)


class EventsSocket(CountingSocket):
    """Level `events`: and an event for each message, without its bytes."""

    __slots__ = ()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        if flags:
            return self._recv_with_flags(bufsize, flags)
        try:
            data = _recv(self, bufsize)
        except OSError as error:
            self._failed(error)
            raise
        connection = self._connection
        if data:
            length = len(data)
            connection.bytes_in += length
            connection.messages_in += 1
            connection.append((connection.number(), _now(), connection.origin, IN, length, None))
            if not connection.changed:
                connection.changed = True
                connection.touch(connection)
        elif bufsize:
            connection.peer_ended = True
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        if nbytes or flags:
            return self._recv_into_with_flags(buffer, nbytes, flags)
        try:
            length = _recv_into(self, buffer)
        except OSError as error:
            self._failed(error)
            raise
        if length:
            connection = self._connection
            connection.bytes_in += length
            connection.messages_in += 1
            connection.append((connection.number(), _now(), connection.origin, IN, length, None))
            if not connection.changed:
                connection.changed = True
                connection.touch(connection)
        elif len(buffer):
            self._connection.peer_ended = True
        return length

    def send(self, data: Any, flags: int = 0, /) -> int:
        try:
            length = _send(self, data, flags)
        except OSError as error:
            self._failed(error)
            raise
        if length:
            self._sent(length, data)
        return length

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        length = len(data) if data.__class__ is bytes else memoryview(data).nbytes
        if not length:
            return self._sendall_nothing(data, flags)
        connection = self._connection
        connection.bytes_out += length
        connection.messages_out += 1
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)
        try:
            _sendall(self, data, flags) if flags else _sendall(self, data)
        except OSError as error:
            self._failed(error)
            connection.bytes_out -= length
            connection.messages_out -= 1
            raise
        connection.append((connection.number(), _now(), connection.origin, OUT, length, None))
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)

    def _received(self, length: int, buffer: Any) -> None:
        connection = self._connection
        connection.bytes_in += length
        connection.messages_in += 1
        connection.append((connection.number(), _now(), connection.origin, IN, length, None))
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)

    def _sent(self, length: int, buffer: Any) -> None:
        connection = self._connection
        connection.bytes_out += length
        connection.messages_out += 1
        connection.append((connection.number(), _now(), connection.origin, OUT, length, None))
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)


class PayloadSocket(CountingSocket):
    """Level `payload`: and the first bytes of each."""

    __slots__ = ()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        if flags:
            return self._recv_with_flags(bufsize, flags)
        try:
            data = _recv(self, bufsize)
        except OSError as error:
            self._failed(error)
            raise
        connection = self._connection
        if data:
            length = len(data)
            connection.bytes_in += length
            connection.messages_in += 1
            limit = connection.prefix
            seen = data[:limit] if 0 < limit < length else data
            connection.append((connection.number(), _now(), connection.origin, IN, length, seen))
            if not connection.changed:
                connection.changed = True
                connection.touch(connection)
        elif bufsize:
            connection.peer_ended = True
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        if nbytes or flags:
            return self._recv_into_with_flags(buffer, nbytes, flags)
        try:
            length = _recv_into(self, buffer)
        except OSError as error:
            self._failed(error)
            raise
        if length:
            connection = self._connection
            connection.bytes_in += length
            connection.messages_in += 1
            seen = kept(buffer, length, connection.prefix)
            connection.append((connection.number(), _now(), connection.origin, IN, length, seen))
            if not connection.changed:
                connection.changed = True
                connection.touch(connection)
        elif len(buffer):
            self._connection.peer_ended = True
        return length

    def send(self, data: Any, flags: int = 0, /) -> int:
        try:
            length = _send(self, data, flags)
        except OSError as error:
            self._failed(error)
            raise
        if length:
            self._sent(length, data)
        return length

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        length = len(data) if data.__class__ is bytes else memoryview(data).nbytes
        if not length:
            return self._sendall_nothing(data, flags)
        connection = self._connection
        connection.bytes_out += length
        connection.messages_out += 1
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)
        try:
            _sendall(self, data, flags) if flags else _sendall(self, data)
        except OSError as error:
            self._failed(error)
            connection.bytes_out -= length
            connection.messages_out -= 1
            raise
        limit = connection.prefix
        if data.__class__ is bytes:
            seen = data[:limit] if 0 < limit < length else data
        else:
            seen = kept(data, length, limit)
        connection.append((connection.number(), _now(), connection.origin, OUT, length, seen))
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)

    def _received(self, length: int, buffer: Any) -> None:
        connection = self._connection
        connection.bytes_in += length
        connection.messages_in += 1
        seen = kept(buffer, length, connection.prefix)
        connection.append((connection.number(), _now(), connection.origin, IN, length, seen))
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)

    def _sent(self, length: int, buffer: Any) -> None:
        connection = self._connection
        connection.bytes_out += length
        connection.messages_out += 1
        seen = kept(buffer, length, connection.prefix)
        connection.append((connection.number(), _now(), connection.origin, OUT, length, seen))
        if not connection.changed:
            connection.changed = True
            connection.touch(connection)
