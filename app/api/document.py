"""The OpenAPI document, made from the views, and the page that shows it.

Both are open to all: they say nothing that the source does not. The page's files come from a wheel,
so that it works without a network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import flask_openapi3_swagger  # type: ignore[import-untyped]
from flask import Blueprint, Response, current_app, jsonify, render_template_string
from flask_openapi3.models.info import Info
from flask_openapi3.models.security_scheme import SecurityScheme
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from app.access import CSRF_HEADER, csp_nonce
from app.problems import MEDIA_TYPE
from app.version import VERSION

DOCUMENT_PATH = "/api/v1/openapi.json"
DOCS_PATH = "/api/docs"

MERGE_PATCH = "application/merge-patch+json"
SWAGGER_FILES = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"

DESCRIPTION = """Runs Python `socketserver` servers, and shows and controls them.

Times are RFC 3339 in UTC, durations seconds, sizes bytes, rates per second. Every error is an
`application/problem+json` (RFC 9457) that has all bad fields at once. Unknown query parameters and
unknown fields are errors."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="csrf-token" content="{{ csrf_token }}">
<title>API · Socketdeck</title>
<link rel="icon" href="{{ url_for('static', filename='icons/favicon.svg') }}" type="image/svg+xml">
<link rel="stylesheet" href="{{ url_for('docs.static', filename='css/swagger-ui.css') }}">
</head>
<body>
<p><a href="{{ url_for('pages.overview') }}">← Socketdeck</a></p>
<div id="swagger-ui"></div>
<script src="{{ url_for('docs.static', filename='js/swagger-ui-bundle.js') }}"></script>
<script nonce="{{ csp_nonce }}">
const token = document.querySelector('meta[name="csrf-token"]').content;
SwaggerUIBundle({
  url: {{ document_path|tojson }},
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (token && request.method !== "GET") request.headers[{{ csrf_header|tojson }}] = token;
    return request;
  },
});
</script>
</body>
</html>
"""


class BadField(BaseModel):
    """One bad field of a request."""

    pointer: str = Field(description="a JSON pointer (RFC 6901), or / and a parameter's name")
    detail: str
    position: int | None = Field(None, description="of a filter: the first wrong character, from 0")
    length: int | None = Field(None, description="of a filter: how many are wrong; 0: at its end")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[BadField] | None = Field(None, description="all bad fields at once")
    traceback: str | None = Field(None, description="of a handler that cannot be loaded")


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


OPEN_TO_ALL: dict[str, Any] = {"security": []}
"""For the document: a call that needs no signing in."""

PROBLEMS: dict[str | int, Any] = {
    422: _problem("Bad fields or parameters, all of them"),
    "4XX": _problem("What is wrong with the request"),
    "5XX": _problem("What the panel could not do"),
}
"""What every call may answer beside what it is for."""


def documented_app(import_name: str, **options: Any) -> OpenAPI:
    """A Flask application whose document is made of the views of its `Resource`s."""
    return OpenAPI(
        import_name,
        info=Info(title="Socketdeck", version=VERSION, description=DESCRIPTION),
        security_schemes={
            "token": SecurityScheme(type="http", scheme="bearer"),
            "session": SecurityScheme(type="apiKey", name="socketdeck-PORT", **{"in": "cookie"}),
        },
        validation_error_model=Problem,
        openapi_extensions={"security": [{"token": []}, {"session": []}]},
        doc_ui=False,
        **options,
    )


def document(app: OpenAPI) -> dict[str, Any]:
    """The OpenAPI document; made once for an application."""
    made: dict[str, Any] | None = app.extensions.get("document")
    if made is None:
        made = app.extensions["document"] = _tidied(app.api_doc)
        for item in made["paths"].values():
            for operation in item.values():
                _mark_optional_body(operation, made["components"]["schemas"])
            if "patch" in item:
                content = item["patch"]["requestBody"]["content"]
                content[MERGE_PATCH] = content["application/json"]
    return made


docs = Blueprint(
    "docs",
    __name__,
    static_folder=str(SWAGGER_FILES),
    static_url_path=f"{DOCS_PATH}/files",
)


@docs.get(DOCUMENT_PATH)
def show_document() -> Response:
    """The document itself."""
    return jsonify(document(cast(OpenAPI, current_app)))


@docs.get(DOCS_PATH)
def show_page() -> str:
    """The document, to be browsed and tried out."""
    return render_template_string(
        PAGE, document_path=DOCUMENT_PATH, csrf_header=CSRF_HEADER, csp_nonce=csp_nonce()
    )


def _mark_optional_body(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say of a body whose fields may all be left out that it may be left out itself."""
    body = operation.get("requestBody")
    if body is not None:
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        schema = schemas[name]
        body["required"] = bool(schema.get("required")) or "properties" not in schema


def _tidied(value: Any) -> Any:
    """The document with line ends where flask-openapi3 puts tags into descriptions."""
    if isinstance(value, dict):
        return {
            name: item.replace("<br/>", "\n").strip()
            if name == "description" and isinstance(item, str)
            else _tidied(item)
            for name, item in value.items()
        }
    return [_tidied(item) for item in value] if isinstance(value, list) else value
