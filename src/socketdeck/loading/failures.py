"""An exception of a user's code, as a `LoadError` that helps its author."""

from __future__ import annotations

import traceback
from pathlib import Path

from socketdeck.errors import LoadError

MESSAGE_MAXIMUM_CHARACTERS = 500
TRACEBACK_MAXIMUM_CHARACTERS = 16_384


def explain(error: BaseException, subject: str, folder: str | None) -> LoadError:
    """Why `subject`, a file or a package, cannot be imported.

    The traceback begins in the handlers folder: the import machinery above it is nobody's concern.
    """
    if isinstance(error, SyntaxError) and error.lineno is not None:
        file = _short(error.filename or subject, folder)
        text = "".join(traceback.format_exception_only(error))
        return LoadError(f"{file}, line {error.lineno}: {error.msg}", _bounded(text))
    said = "".join(traceback.format_exception_only(error)).strip()
    if len(said) > MESSAGE_MAXIMUM_CHARACTERS:
        said = said[:MESSAGE_MAXIMUM_CHARACTERS] + "..."
    if isinstance(error, SystemExit):
        said += "; a module must not exit when it is imported"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [_inside(frame.filename, folder) for frame in frames]
    if True not in inside:
        return LoadError(f"{subject} cannot be imported: {said}", _whole(error, len(frames)))
    depth = len(frames) - inside.index(True)
    last = max(index for index, is_inside in enumerate(inside) if is_inside)
    place = f"{_short(frames[last].filename, folder)}, line {frames[last].lineno}"
    return LoadError(f"{subject} cannot be imported: {said} ({place})", _whole(error, depth))


def _whole(error: BaseException, depth: int) -> str:
    """The traceback with its last `depth` frames."""
    return _bounded("".join(traceback.format_exception(error, limit=-depth if depth else None)))


def _bounded(text: str) -> str:
    if len(text) <= TRACEBACK_MAXIMUM_CHARACTERS:
        return text
    return "...\n" + text[-TRACEBACK_MAXIMUM_CHARACTERS:]


def _inside(file: str, folder: str | None) -> bool:
    return folder is not None and Path(file).is_relative_to(folder)


def _short(file: str, folder: str | None) -> str:
    if folder is not None and _inside(file, folder):
        return str(Path(file).relative_to(folder))
    return file
