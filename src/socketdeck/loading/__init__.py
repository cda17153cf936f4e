"""From what a definition says of its handler to the class that serves it.

A handler is named by the catalogue (`echo`), by an installed package's entry point of the group
`socketdeck.handlers`, or as `module:Class` in the handlers folder; nothing else can be imported.
`resolve` gives the class, `check` says whether it would, `listing` says what there is. All three
raise the same errors: `LoadError` for what cannot be loaded, `InvalidDefinition` with all bad
fields at once for what can be but does not fit the service.

Whatever a module in the folder does when it is imported, it does in a child process first: one that
never returns, or ends its process, is found out there (`checking`) and never imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from socketserver import BaseRequestHandler
from typing import Any

from socketdeck.loading.checking import check, ensure_imports, listing
from socketdeck.loading.description import FileFailure, HandlerDescription, Listing
from socketdeck.loading.fitting import field_errors, fit
from socketdeck.loading.folder import HandlersFolder, prepare_folder
from socketdeck.loading.reference import find

__all__ = [
    "FileFailure",
    "HandlerDescription",
    "Listing",
    "check",
    "field_errors",
    "listing",
    "prepare_folder",
    "resolve",
]


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
        ensure_imports(handler, where)
    return fit(find(handler, where), transport, options or {}, concurrency)
