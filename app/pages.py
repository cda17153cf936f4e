"""The pages: what the server draws first, with real data, before the page's script takes over."""

from __future__ import annotations

import time
from typing import Any, cast

from flask import Blueprint, Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from app.access import SIGN_IN_PATH, csp_nonce, current_identity, local_path
from app.api.resource import the_access, the_panel
from app.api.services import service_view
from app.problems import Refused
from app.store import ConnectionQuery
from app.version import VERSION
from socketdeck import event_as_json
from socketdeck.loading import listing

FORM_PATH = "/signin"
"""Where the form posts to, and where a page's script leads whose session has ended."""

CONNECTIONS_AT_FIRST = 50
EVENTS_AT_FIRST = 200

pages = Blueprint("pages", __name__)


def install(app: Flask) -> None:
    """Give an application the pages, and every template what its frame asks for."""
    app.context_processor(_frame)
    app.register_blueprint(pages)


@pages.get("/")
def overview() -> str:
    """All services."""
    panel = the_panel()
    seq = panel.journal.last_seq
    services = [service_view(service) for service in panel.supervisor.services()]
    return _draw("overview", services=services, seq=seq)


@pages.get("/services/<name>")
def service(name: str) -> str:
    """One service, with the first of its connections and the last of its events."""
    panel = the_panel()
    kept = panel.registry.get(name)
    panel.journal.flush()
    seq = panel.journal.last_seq
    query = ConnectionQuery.parse(service=name, limit=CONNECTIONS_AT_FIRST)
    events = panel.history.events(service=name, before=seq + 1, limit=EVENTS_AT_FIRST)
    return _draw(
        "service",
        service=service_view(kept.service),
        etag=f'"{kept.revision}"',
        connections=panel.connections.page(query)._asdict(),
        events={"items": [event_as_json(event) for event in events.items]},
        seq=seq,
    )


@pages.get("/services/new")
def new_service() -> str:
    """The form for a new service."""
    found = _handlers()
    return _draw("new", handlers=found["items"], errors=found["errors"])


@pages.get("/handlers")
def handlers() -> str:
    """The catalogue, and what stands in the handlers folder."""
    return _draw("handlers", folder=str(the_panel().configuration.handlers), **_handlers())


@pages.get(FORM_PATH)
@pages.get(SIGN_IN_PATH)
def sign_in_page() -> str | BaseResponse:
    """The form; or, with the `code` of a sign-in link, what the form would lead to.

    A link signs in by GET, as links do; it does so once, and changes nothing else. HEAD, by which
    programs look at a link before a person follows it, does not use it up.
    """
    follow_up = local_path(request.args.get("next"))
    code = request.args.get("code") if request.method == "GET" else None
    if code is None:
        return _form() if current_identity() is None else redirect(follow_up, 303)
    access = the_access()
    try:
        session = access.sign_in_with_code(code)
    except Refused as refusal:
        # A link that was used is no news to whoever is signed in.
        return _refused(refusal) if current_identity() is None else redirect(follow_up, 303)
    response = redirect(follow_up, 303)
    access.set_cookie(cast(Response, response), session)
    return response


@pages.post(FORM_PATH)
@pages.post(SIGN_IN_PATH)
def sign_in() -> BaseResponse:
    """Sign in by the form, without a script."""
    access = the_access()
    try:
        session = access.sign_in(request.form.get("token", "").strip())
    except Refused as refusal:
        return _refused(refusal)
    response = redirect(local_path(request.form.get("next")), 303)
    access.set_cookie(cast(Response, response), session)
    return response


def _draw(page: str, **boot: Any) -> str:
    return render_template(f"{page}.html", page=page, boot={**boot, "now": time.time()})


def _form(message: str | None = None) -> str:
    wanted = request.values.get("next")
    return render_template("signin.html", page="signin", message=message, next=wanted)


def _refused(refusal: Refused) -> Response:
    headers = {name: value for name, value in refusal.headers.items() if name == "Retry-After"}
    return Response(_form(refusal.detail), refusal.status, headers, mimetype="text/html")


def _handlers() -> dict[str, Any]:
    found = listing(the_panel().configuration.handlers)
    return {
        "items": [handler.model_dump(mode="json") for handler in found.handlers],
        "errors": [failure.model_dump(mode="json") for failure in found.errors],
    }


def _frame() -> dict[str, Any]:
    """What the frame of every page asks for, those that tell of an error included."""
    identity = current_identity()
    return {
        "csp_nonce": csp_nonce(),
        "csrf_token": (identity.csrf or "") if identity else "",
        "version": VERSION,
        "page": "error",
    }
