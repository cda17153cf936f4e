"""What a traceback says, read back from its text: where it was raised, and when two are the same.

All that history has of an exception is text, as it came from a handler in this process or in
another. It is read line by line, as `traceback` writes it: a header, frames, the type at the end,
and the same again for each exception in a chain or a group. Text that is none of it (a message that
looks like a traceback, one that was cut) makes for another group at worst.
"""

from __future__ import annotations

import functools
import hashlib
import re
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import socketdeck

_MARGIN = re.compile(r"^(?: *[|+] ?)?")
"""In front of each line of a group's exceptions."""

_FRAME = re.compile(r'^ +File "(?P<file>.+)", line (?P<line>\d+)(?:, in (?P<function>.*))?$')
_HEADER = "Traceback (most recent call last):"
_CUT = re.compile(r"\n  \.\.\. \d+ characters left out \.\.\.\n")
_FRAMES_BEHIND_CUT = 5
"""Where the middle of a long one was left out, how much of its end is left depends on the length of
its message: the last frames always are."""

_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")
_TYPE_CHARACTERS = 200
_MESSAGE_CHARACTERS = 200
_FINGERPRINTS_CACHED = 256
"""Of tracebacks of up to 20 KB: 5 MB at most."""

_ID_DIGITS = 16


class Frame(NamedTuple):
    """One call: `code` is its source line as it was then, where there was one."""

    file: str
    line: int
    function: str | None
    code: str | None


@dataclass(slots=True)
class Link:
    """One exception of a chain, with the frames it went through, outermost first."""

    frames: list[Frame] = field(default_factory=list)
    type: str = ""


def read_traceback(text: str) -> list[Link]:
    """The exceptions of a chain, the one that was raised first in front."""
    before, *behind = _CUT.split(text, maxsplit=1)
    if not behind:
        return _links(before.split("\n"), [])
    # The cut went through a line on either side: half a frame is none.
    *lines, last = before.split("\n")
    links = _links(lines if last.startswith(" ") else [*lines, last], [])
    frames_before = sum(len(link.frames) for link in links)
    links = _links(behind[0].split("\n")[1:], links)
    extra = sum(len(link.frames) for link in links) - frames_before - _FRAMES_BEHIND_CUT
    if links and extra > 0:
        frames = links[-1].frames
        del frames[-_FRAMES_BEHIND_CUT - extra : -_FRAMES_BEHIND_CUT]
    return links


def fingerprint(service: str, failure_type: str, message: str, traceback: str | None) -> str:
    """Sixteen hexadecimal digits, the same for failures of one service that are one.

    They are one where they are of one type and went through the same lines, in every exception of
    the chain; what they said does not matter. Where there is no traceback, their messages are one
    but for numbers.
    """
    if traceback:
        # What differs from one to the next stands at its end, as a rule: so most are known.
        head = traceback.removesuffix(f": {message}\n") if message else traceback
        return _fingerprint(service, failure_type, head)
    return _digest(service, failure_type, _NUMBERS.sub("0", message[:_MESSAGE_CHARACTERS]))


@functools.lru_cache(_FINGERPRINTS_CACHED)
def _fingerprint(service: str, failure_type: str, traceback: str) -> str:
    parts = []
    for link in read_traceback(traceback):
        parts += [f"{frame.file}:{frame.line}:{frame.function}" for frame in link.frames]
        parts.append(link.type)
    return _digest(service, failure_type, *parts)


def _digest(*parts: str) -> str:
    text = "\0".join(parts).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:_ID_DIGITS]


def place_of(traceback: str) -> tuple[Frame, bool] | None:
    """The frame to look at first, and whether it is in the user's own code.

    It is the innermost one of the exception that was raised last, passing over the libraries that
    it went through; where all of it is a library's, simply the innermost.
    """
    links = [link for link in read_traceback(traceback) if link.frames]
    return _place_in(links[-1].frames) if links else None


def cause_of(traceback: str, failure_type: str) -> tuple[str, Frame, bool] | None:
    """Of a chain that ends with a failure of this type the exception it began with: its type, and
    its frame to look at first as `place_of` says; `None` where it stands alone.
    """
    links = [link for link in read_traceback(traceback) if link.frames]
    if len(links) < 2 or links[-1].type.rpartition(".")[2] != failure_type:
        return None
    return links[0].type, *_place_in(links[0].frames)


def _place_in(frames: list[Frame]) -> tuple[Frame, bool]:
    own = next((frame for frame in reversed(frames) if _is_own(frame.file)), None)
    return (frames[-1], False) if own is None else (own, True)


def _links(lines: list[str], links: list[Link]) -> list[Link]:
    """Read lines on behind `links`, of which the last may not be at its end yet."""
    inside = bool(links) and not links[-1].type
    in_frame = False
    for whole in lines:
        line = whole[_margin(whole) :]
        if line.endswith(_HEADER):
            links.append(Link())
            inside, in_frame = True, False
        elif not inside:
            continue
        elif found := _FRAME.match(line):
            file, number, function = found.group("file", "line", "function")
            links[-1].frames.append(Frame(file, int(number[:9]), function, None))
            in_frame = True
        elif line.startswith(" "):
            if in_frame and line.startswith("    "):
                frames = links[-1].frames
                frames[-1] = frames[-1]._replace(code=line.strip())
            in_frame = False
        elif line:
            links[-1].type = line.partition(":")[0][:_TYPE_CHARACTERS]
            inside = False
    return links


def _margin(line: str) -> int:
    found = _MARGIN.match(line)
    assert found is not None
    return found.end()


_LIBRARIES = tuple(
    f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_ENGINE = Path(socketdeck.__file__).parent
_CATALOGUE = f"{_ENGINE / 'catalogue'}/"


def _is_own(file: str) -> bool:
    """Whether a file is neither Python's, nor a package's, nor the engine's: a handler's is."""
    if file.startswith(_CATALOGUE):
        return True
    return not file.startswith(("<", f"{_ENGINE}/", *_LIBRARIES))
