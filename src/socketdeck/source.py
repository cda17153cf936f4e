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
LINE_CHARACTERS = 300


def lines_at(places: Iterable[tuple[str, int, str]], since: float) -> list[str | None]:
    """The line of each place, without its indentation; `None` where it is not known."""
    files: dict[str, list[bytes]] = {}
    found: list[str | None] = []
    for file, line, _ in places:
        if file not in files:
            files[file] = _read(file, since)
        lines = files[file]
        inside = 0 < line <= len(lines)
        text = lines[line - 1].decode("utf-8", "replace").strip() if inside else ""
        found.append(text[:LINE_CHARACTERS] or None)
    return found


def _read(file: str, since: float) -> list[bytes]:
    if not file.endswith(".py"):
        return []
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as source:
            kept = os.fstat(descriptor)
            if stat.S_ISREG(kept.st_mode) and kept.st_mtime <= since:
                return source.read(SOURCE_BYTES).split(b"\n")
    return []
