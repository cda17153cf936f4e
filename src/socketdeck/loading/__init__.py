"""From what a definition says of its handler to the class that serves it.

A handler is named by the catalogue (`echo`), by an installed package's entry point of the group
`socketdeck.handlers`, or as `module:Class` in the handlers folder; nothing else can be imported.
`resolve` gives the class, `check` says whether it would, `listing` says what there is. All three
raise the same errors: `LoadError` for what cannot be loaded, `InvalidDefinition` with all bad
fields at once for what can be but does not fit the service.

Whatever a module in the folder does when it is imported, it does in a child process first: one that
never returns, or ends its process, is found out there (`checking`) and never imported here.

Names are imported when they are first asked for: a child process that forks for each connection
resolves one class, and each megabyte that it does not load makes its forks quicker. For the same
reason `resolution` and what it stands on import what is large where they use it.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

    from socketdeck.loading.checking import check, listing
    from socketdeck.loading.description import FileFailure, HandlerDescription, Listing
    from socketdeck.loading.folder import prepare_folder
    from socketdeck.loading.resolution import resolve

_HOMES = {
    "FileFailure": "description",
    "HandlerDescription": "description",
    "Listing": "description",
    "check": "checking",
    "listing": "checking",
    "prepare_folder": "folder",
    "resolve": "resolution",
}

__all__ = [
    "FileFailure",
    "HandlerDescription",
    "Listing",
    "check",
    "listing",
    "prepare_folder",
    "resolve",
]


def __getattr__(name: str) -> Any:
    """Import a public name (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
