"""Where a handler is: its Python stack at this moment, told by whoever can see its thread.

A stack is looked at from another thread while its own may run. What keeps it sound is the
interpreter lock: it is read in one go, then looked at again, and taken as it was only where its
innermost frame has not moved meanwhile.

Shown is what is the handler's: what socketserver and we call around it is left out, and so are our
own frames at the inner end, the taps that a `recv` goes through where they are Python's.
"""

from __future__ import annotations

import os
import sys
from collections import namedtuple

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, FrameType
    from typing import Any

    Place = tuple[str, int, str]
    """A file, a line in it, and the function that it is of."""

HANDLING, WAITING, BETWEEN = "handling", "waiting", "between"

FRAMES = 200
TEXT_BYTES = 48_000
"""Of all names in one stack, as JSON: with it, a stack fits into a packet of `hosts.wire`."""

FILE_CHARACTERS = 1_000
FUNCTION_CHARACTERS = 200

_AROUND = 64
"""Frames of ours and of socketserver around a handler, more than there ever are."""

_LOOKS = 5

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_CATALOGUE = os.path.join(_PACKAGE, "catalogue", "")
_SOCKETSERVER = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "socketserver.py")
_HANDLER_BEGINS = {
    (os.path.join(_PACKAGE, "managed.py"), "finish_request"),
    (os.path.join(_PACKAGE, "hosts", "forked.py"), "serve"),
}
"""Whose callee is socketserver's way into the handler."""


class Standing(namedtuple("Standing", ["state", "pid", "thread", "places", "cut", "since"])):
    """Where the handler of one connection is. `places` are outermost first.

    `cut` says that outer ones are left out, since there are more than are told. What was in the
    files' lines is known only of those that nobody has written to `since` (epoch seconds).
    """

    __slots__ = ()
    state: str
    pid: int | None
    thread: str | None
    places: list[Place]
    cut: bool
    since: float

    def as_answer(self) -> dict[str, Any]:
        """What a child process says of it over the wire."""
        return {name: value for name, value in self._asdict().items() if name != "since"}


def standing(threads: Mapping[Any, Any], connection: Any, since: float) -> Standing:
    """Where a connection's handler is, by the threads of this process that are in handlers.

    Where several are in one for the same flow, the one that entered first.
    """
    places: list[Place] = []
    cut = False
    for _ in range(_LOOKS):
        thread = _thread_of(threads, connection)
        if thread is None:
            break
        frame = sys._current_frames().get(thread.ident)
        if frame is None:
            continue
        at = frame.f_lasti
        places, cut = places_of(frame)
        again = sys._current_frames().get(thread.ident)
        if again is frame and frame.f_lasti == at and threads.get(thread) is connection:
            break
    else:
        thread = _thread_of(threads, connection)
    if thread is None:
        waits = not connection.is_flow and connection.thread is None
        state = WAITING if waits else BETWEEN
        return Standing(state, connection.pid, connection.thread, [], False, since)
    return Standing(HANDLING, os.getpid(), thread.name, places, cut, since)


def _thread_of(threads: Mapping[Any, Any], connection: Any) -> Any:
    for thread, at in dict(threads).items():  # a copy, made in one go: they come and leave
        if at is connection:
            return thread
    return None


def places_of(frame: FrameType | None) -> tuple[list[Place], bool]:
    """The handler's own frames, outermost first, down to `frame`; and whether some were cut.

    At most `FRAMES`, the innermost ones, and as many as `TEXT_BYTES` allows. None where no handler
    is in it.
    """
    seen: list[tuple[CodeType, int]] = []
    while frame is not None and len(seen) < FRAMES + _AROUND:
        seen.append((frame.f_code, frame.f_lineno or 0))
        frame = frame.f_back
    seen.reverse()
    begins = next((at for at, (code, _) in enumerate(seen) if _is_ours_around(code)), None)
    if begins is not None:
        own = _without_the_way_in(seen[begins + 1 :])
    elif frame is None:
        return [], False  # its end was seen, and no handler
    else:
        own = seen
    while own and _is_ours(own[-1][0].co_filename):
        own = own[:-1]
    return _bounded(own, cut=begins is None)


def _is_ours_around(code: CodeType) -> bool:
    return (code.co_filename, code.co_name) in _HANDLER_BEGINS


def _without_the_way_in(seen: list[tuple[CodeType, int]]) -> list[tuple[CodeType, int]]:
    """Without socketserver's frames before the handler's; its innermost where it is in these."""
    own = list(seen)
    while len(own) > 1 and own[0][0].co_filename == _SOCKETSERVER:
        del own[0]
    return own


def _is_ours(file: str) -> bool:
    return file.startswith(_PACKAGE) and not file.startswith(_CATALOGUE)


def _bounded(own: list[tuple[CodeType, int]], *, cut: bool) -> tuple[list[Place], bool]:
    places: list[Place] = []
    room = TEXT_BYTES
    for code, line in reversed(own):
        file = shortened(code.co_filename, FILE_CHARACTERS)
        function = shortened(code.co_qualname, FUNCTION_CHARACTERS)
        room -= len(ascii(file)) + len(ascii(function)) + 16
        if len(places) == FRAMES or room < 0:
            cut = True
            break
        places.append((file, line, function))
    places.reverse()
    return places, cut


def shortened(name: str, limit: int) -> str:
    """A name as text that can be encoded; of one that is too long its end."""
    name = name[-limit:]
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()
