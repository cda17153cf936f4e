"""The lines of source that a stack stands at, as far as they can be told.

The names of files come from code objects, or from a child process that runs its user's code. So
only regular files of Python are read, and none that is too large for one. A line is told only of a
file that nobody has written to since the code was loaded: another's would mislead.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable

SOURCE_BYTES = 2 << 20
"""Of one file."""

STACK_BYTES = 8 << 20
"""Of all the files of one stack."""

LINE_CHARACTERS = 300
LINE_BYTES = 4_096
"""Of a line that is told: its indentation, and what may be told of it."""


def lines_at(places: Iterable[tuple[str, int, str]], since: float) -> list[str | None]:
    """The line of each place, without its indentation; `None` where it is not known.

    Files are read one after the other, and only the lines asked for are kept: somebody may have
    made many names for a large one.
    """
    asked = [(file, line) for file, line, _ in places]
    wanted: dict[str, set[int]] = {}
    for file, line in asked:
        wanted.setdefault(file, set()).add(line)
    found: dict[tuple[str, int], str] = {}
    left = STACK_BYTES
    for file, numbers in wanted.items():
        lines, count = _read(file, since, numbers, min(left, SOURCE_BYTES))
        found.update({(file, number): text for number, text in lines.items()})
        left -= count
    return [found.get(place) for place in asked]


def _read(file: str, since: float, numbers: set[int], most: int) -> tuple[dict[int, str], int]:
    """The lines of these numbers, where they are not empty, and how many bytes were read."""
    lines: dict[int, str] = {}
    count = 0
    if not file.endswith(".py"):
        return lines, count
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as source:
            kept = os.fstat(descriptor)
            if not stat.S_ISREG(kept.st_mode) or kept.st_mtime > since:
                return lines, count
            number, last = 1, max(numbers)
            while number <= last and (line := source.readline(most - count)):
                count += len(line)
                if number in numbers and (text := _told(line)):
                    lines[number] = text
                number += 1
    return lines, count


def _told(line: bytes) -> str:
    return line[:LINE_BYTES].decode("utf-8", "replace").strip()[:LINE_CHARACTERS]
