"""`create_app`: the panel as a WSGI application, with all that belongs to it installed."""

from __future__ import annotations

from pathlib import Path

from flask import request
from flask_openapi3.openapi import OpenAPI

from app import api, pages, problems
from app.access import Access
from app.access.hosts import SAFE_METHODS
from app.configuration import Configuration
from app.live import Live
from app.panel import Panel
from app.serving import BODY_READ

ROOT = Path(__file__).resolve().parent.parent
PUBLIC_PATHS = frozenset({api.DOCS_PATH, api.DOCUMENT_PATH, pages.FORM_PATH})


def _note_body_read() -> None:
    """Where the gate has read a body, tell the web server, which gave the client time for it."""
    told = request.environ.get(BODY_READ)
    if told is not None and request.method not in SAFE_METHODS:
        told()


def create_app(configuration: Configuration) -> OpenAPI:
    """The application with its panel, which its maker closes: `app.extensions["panel"].close()`.

    Services that ran when the last panel ended are not started yet: `panel.autostart()` does. The
    configuration's port is the one that is served: cookies bear it. Raises `StoreError` where the
    data folder or the database cannot be used.
    """
    panel = Panel(configuration)
    try:
        app = api.documented_app(
            __name__, template_folder=ROOT / "templates", static_folder=ROOT / "static"
        )
        # A path with a slash too many names nothing; a redirect, in HTML, would say it does.
        app.url_map.merge_slashes = False
        access = Access.open(configuration, panel.store)
        app.extensions["panel"] = panel
        app.extensions["access"] = access
        problems.install(app)
        api.install(app)
        pages.install(app)
        panel.live = Live(app, panel, access)
        access.install(app, public=PUBLIC_PATHS)
        app.before_request(_note_body_read)
    except BaseException:
        panel.close()
        raise
    return app
