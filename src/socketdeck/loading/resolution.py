"""From a definition's handler to the class that serves it."""

from __future__ import annotations

from collections.abc import Mapping
from socketserver import BaseRequestHandler

from socketdeck.loading.fitting import fit
from socketdeck.loading.folder import HandlersFolder
from socketdeck.loading.reference import find

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def resolve(
    handler: str,
    transport: str,
    options: Mapping[str, Any] | None = None,
    *,
    folder: Path | None = None,
    concurrency: str = "threading",
    checked: bool = True,
) -> type[BaseRequestHandler]:
    """The class that serves a service, with its options applied.

    A module of the folder is imported anew each time, with all that it imports from there, so that
    edited code is served; classes that were given out before go on as they are. `checked` false
    leaves out the child process: for a process that may itself be lost.

    Blocks while the module is imported: at most about ten seconds in the child, only after the
    folder changed, and then here.
    """
    where = HandlersFolder(folder) if folder else None
    if checked:
        from socketdeck.loading.checking import ensure_imports

        ensure_imports(handler, where)
    return fit(find(handler, where), transport, options or {}, concurrency)
