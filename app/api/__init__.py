"""The REST interface: a blueprint a resource, and the document that is made of them."""

from __future__ import annotations

from flask_openapi3.openapi import OpenAPI

from app.api import connections, events, exceptions, handlers, health, series, services, session
from app.api.document import DOCS_PATH, DOCUMENT_PATH, docs, documented_app

__all__ = ["DOCS_PATH", "DOCUMENT_PATH", "documented_app", "install"]

RESOURCES = (services, series, connections, events, exceptions, handlers, session, health)


def install(app: OpenAPI) -> None:
    """Give an application the whole interface."""
    for resource in RESOURCES:
        app.register_api(resource.api)
    app.register_blueprint(docs)
