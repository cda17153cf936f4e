"""The headers that tell a browser what a page of the panel may do: nothing but talk to the panel.

Scripts are files of ours, or bear the response's nonce: what a service's client sends in its
payload may be shown, and can never run. `Referrer-Policy` is `same-origin`, not `no-referrer`: with
that a browser sends `Origin: null` with a form (Fetch, "append a request Origin header"), which is
refused here as any foreign origin.
"""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request
from flask_openapi3_swagger.templates import (  # type: ignore[import-untyped]
    swagger_html_string,
)

DOCS_PATH = "/api/docs"

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def csp_nonce() -> str:
    """This response's nonce; in templates `<script nonce="{{ csp_nonce() }}">`."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def content_security_policy(nonce: str, live: str, *, inline_styles: bool = False) -> str:
    """The policy (CSP level 3); `live` is the origin of WebSockets, which not every browser counts
    as `'self'`.
    """
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce}'",
            "style-src 'self'" + (" 'unsafe-inline'" if inline_styles else ""),
            "img-src 'self' data:",
            f"connect-src 'self' {live}",
            "object-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


def install(app: Flask) -> None:
    """Set the headers on every response, and give templates `csp_nonce`."""
    app.add_template_global(csp_nonce)
    app.after_request(_add_headers)
    # Swagger UI's page has one inline script and one inline style sheet of its own.
    page = swagger_html_string.replace("<script", '<script nonce="{{ csp_nonce() }}"')
    app.config.setdefault("SWAGGER_HTML_STRING", page)


def _add_headers(response: Response) -> Response:
    is_docs = request.path == DOCS_PATH or request.path.startswith(DOCS_PATH + "/")
    live = f"{'wss' if request.is_secure else 'ws'}://{request.host}"
    policy = content_security_policy(csp_nonce(), live, inline_styles=is_docs)
    response.headers.setdefault("Content-Security-Policy", policy)
    for name, value in _FIXED.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
