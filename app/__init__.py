"""The panel: a web application on top of the engine.

    app = create_app(Configuration.from_environment())
    ...
    app.extensions["panel"].close()

`python -m app` serves it (`app.__main__`). The application is loaded when it is asked for: the
command line stands in this package too, and has no use for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.application import create_app
    from app.panel import Panel

__all__ = ["Panel", "create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from app.application import create_app

        return create_app
    if name == "Panel":
        from app.panel import Panel

        return Panel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
