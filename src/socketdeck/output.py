"""What handlers print and log, as `service.log` events of the connection they were handling.

`sys.stdout` and `sys.stderr` are replaced once, by streams that look at which connection the
calling thread handles: where it handles none, they are the streams that they replaced. A handler on
the root logger does the same for `logging`; it has a module of its own, since a child that forks
for each connection is quicker without what nobody in it uses.
"""

from __future__ import annotations

import io
import os
import sys
import threading

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any, TextIO

    from socketdeck.connections import Connection

LINE_CHARACTERS = 8_192
"""What is longer is told in several events."""


class _Current(threading.local):
    """Which connection this thread handles; each thread sees its own."""

    connection: Connection | None = None
    raised: BaseException | None = None
    partial: dict[str, str]

    def __init__(self) -> None:
        self.partial = {}


current = _Current()

unfinished = False
"""Whether any thread has left a line without its end, some time."""


def handled() -> Connection | None:
    """The connection that this thread handles; one that no process does yet is not meant."""
    connection = current.connection
    return connection if connection is not None and connection.pid else None


class HandlerStream(io.TextIOBase):
    """Stands for `sys.stdout` or `sys.stderr`, and gives what a handler writes to the journal."""

    def __init__(self, name: str, underlying: TextIO) -> None:
        self._name = name
        self.underlying = underlying

    def write(self, text: str, /) -> int:
        connection = handled()
        if connection is None:
            return self.underlying.write(text)
        *lines, rest = (current.partial.get(self._name, "") + text).split("\n")
        for line in lines:
            tell(connection, self._name, line)
        if len(rest) > LINE_CHARACTERS:
            whole = len(rest) // LINE_CHARACTERS * LINE_CHARACTERS
            tell(connection, self._name, rest[:whole])
            rest = rest[whole:]
        current.partial[self._name] = rest
        if rest:
            global unfinished
            unfinished = True
        return len(text)

    def flush(self) -> None:
        if handled() is None:
            self.underlying.flush()

    def writable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.underlying, name)

    def fileno(self) -> int:
        return self.underlying.fileno()

    def isatty(self) -> bool:
        return self.underlying.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.underlying.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.underlying.errors


def storable(text: str) -> str:
    """The text with lone surrogates escaped: neither UTF-8 nor a database takes them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def tell(connection: Connection, stream: str, text: str) -> None:
    """One line that a handler wrote, cut where it is too long for one event."""
    if not connection.recorded:
        return
    text = storable(text)
    for start in range(0, max(1, len(text)), LINE_CHARACTERS):
        piece = text[start : start + LINE_CHARACTERS]
        connection.record("service.log", {"stream": stream, "text": piece})


def begin(connection: Connection) -> None:
    """This thread handles `connection` from now on."""
    current.connection = connection
    current.raised = None


def finish() -> None:
    """This thread's handler is done: what it left without a newline is told."""
    connection = current.connection
    partial = current.partial
    if partial and connection is not None:
        for stream, text in partial.items():
            if text:
                tell(connection, stream, text)
        partial.clear()
    current.connection = None
    if sys.stdout is None or sys.stderr is None:
        capture()  # its handler's doing, which is not to be everybody's


_installing = threading.Lock()
_streams: dict[str, HandlerStream] = {}
"""What was put in place last, by name; under `_installing`."""


def capture() -> None:
    """Put the streams in place, once for the process; listen to `logging` where it is in use."""
    with _installing:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, HandlerStream):
                continue
            if stream is not None or name not in _streams:
                _streams[name] = HandlerStream(name, stream or open(os.devnull, "w"))  # noqa: SIM115
            setattr(sys, name, _streams[name])
        if "logging" in sys.modules:
            from socketdeck.output_logging import listen_to_logging

            listen_to_logging()
