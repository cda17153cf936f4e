"""The pages: what the server draws first, with real data, before the page's script takes over."""

from __future__ import annotations

import base64
import contextlib
import time
from dataclasses import replace
from typing import Any, cast

from flask import Blueprint, Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from app.access import SIGN_IN_PATH, csp_nonce, current_identity, local_path
from app.api.connections import ConnectionsQuery, message_view
from app.api.exceptions import ExceptionsQuery, exceptions_page
from app.api.resource import read_query, the_access, the_panel
from app.api.services import service_view
from app.api.shapes import NUMBER_MAXIMUM
from app.problems import Refused
from app.store import BadQuery, ConnectionQuery
from app.version import VERSION
from app.visible import visible
from socketdeck import event_as_json
from socketdeck.errors import UnknownConnection, UnknownService
from socketdeck.loading import listing

FORM_PATH = "/signin"
"""Where the form posts to, and where a page's script leads whose session has ended."""

CONNECTIONS_AT_FIRST = 100
VIEW = ("service", "state", "peer", "reason", "q", "sort")
"""What the address of a table of connections may say, as `GET /connections` takes it."""

EVENTS_AT_FIRST = 200
MESSAGES_AT_FIRST = 200
PAYLOAD_AT_FIRST = 512
MARKS = ("connection.error", "service.log", "audit")
"""Events that stand in a conversation between its messages."""

pages = Blueprint("pages", __name__)


def install(app: Flask) -> None:
    """Give an application the pages, and every template what its frame asks for."""
    app.context_processor(_frame)
    app.add_template_filter(payload_text)
    app.add_template_filter(visible)
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
    events = panel.history.events(service=name, before=seq + 1, limit=EVENTS_AT_FIRST)
    return _draw(
        "service",
        service=service_view(kept.service),
        etag=f'"{kept.revision}"',
        connections=_asked_connections(service=name),
        events={"items": [event_as_json(event) for event in events.items]},
        exceptions=panel.store.exceptions.count(name),
        seq=seq,
    )


@pages.get("/connections")
def connections() -> str:
    """The connections of all services, of which the address says which and in which order."""
    panel = the_panel()
    seq = panel.journal.last_seq
    services = [service.name for service in panel.supervisor.services()]
    return _draw("connections", connections=_asked_connections(), services=services, seq=seq)


@pages.get("/connections/<int:number>")
def connection(number: int) -> str:
    """One connection, with the last of what was said over it."""
    panel = the_panel()
    if number > NUMBER_MAXIMUM:
        raise UnknownConnection(f"there is no connection {number}")
    panel.journal.flush()
    view = panel.connections.get(number)
    seq = panel.journal.last_seq
    messages = panel.history.messages(number, before=seq + 1, limit=MESSAGES_AT_FIRST)
    marks = panel.history.events(
        connection=number, kind=MARKS, before=seq + 1, limit=EVENTS_AT_FIRST
    )
    return _draw(
        "connection",
        connection=view,
        service=_service_of(view),
        messages={
            "items": [message_view(event) for event in messages.items],
            "next_cursor": messages.next_cursor,
        },
        marks=[event_as_json(event) for event in reversed(marks.items)],
        beside={way: _beside(view, way) for way in ("previous", "next")},
        seq=seq,
    )


@pages.get("/exceptions")
def exceptions() -> str:
    """What the handlers of all services raised; the address says which of it, and in which order.

    An address that makes no sense shows all of it.
    """
    query = ExceptionsQuery()
    with contextlib.suppress(BadQuery):
        query = read_query(ExceptionsQuery, request.args.to_dict())
    seq = the_panel().journal.last_seq
    return _draw(
        "exceptions",
        exceptions=exceptions_page(query),
        asked=query.model_dump(include={"service", "q", "sort"}),
        seq=seq,
    )


@pages.get("/events")
def events() -> str:
    """Everything that happens: the last of it, where no filter and no moment is asked for.

    What is asked for the page's script reads, as it does whenever the reader asks for something
    else: a search through all that is kept may take a while.
    """
    panel = the_panel()
    panel.journal.flush()
    seq = panel.journal.last_seq
    asked = any(name in request.args for name in ("filter", "kinds", "at"))
    page = None
    if not asked:
        found = panel.history.events(before=seq + 1, limit=EVENTS_AT_FIRST)
        items = [event_as_json(event) for event in found.items]
        page = {"items": items, "next_cursor": found.next_cursor}
    return _draw("events", events=page, filter=request.args.get("filter", ""), seq=seq)


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


def payload_text(payload: str) -> str:
    """The beginning of a payload (base64) as plain text, a dot for each that does not print."""
    text = base64.b64decode(payload)[:PAYLOAD_AT_FIRST].decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char == "\n" else "·" for char in text)


def _draw(page: str, **boot: Any) -> str:
    return render_template(f"{page}.html", page=page, boot={**boot, "now": time.time()})


def _asked_connections(**fixed: str) -> dict[str, Any]:
    """The first page of the connections that the address asks for.

    Where it makes no sense that is no page, but the `problem` that REST would answer with.
    """
    given = {name: value for name in VIEW if (value := request.args.get(name))} | fixed
    try:
        query = read_query(ConnectionsQuery, {**given, "limit": str(CONNECTIONS_AT_FIRST)})
    except BadQuery as bad:
        errors = [error._asdict() for error in bad.errors]
        return {"items": [], "next_cursor": None, "total": None, "problem": {"errors": errors}}
    return the_panel().connections.page(query.parsed())._asdict()


def _service_of(view: dict[str, Any]) -> dict[str, Any] | None:
    """The service of a connection as it is now; `None` where it was deleted."""
    try:
        return service_view(the_panel().supervisor.get(view["service"]))
    except UnknownService:
        return None


def _beside(view: dict[str, Any], way: str) -> int | None:
    """The connection of the same service that came before or after one, if there is one."""
    order = ConnectionQuery.parse(
        service=view["service"], state="all", sort="-id" if way == "previous" else "id", limit=1
    )
    query = replace(order, after=(view["id"], view["id"]))
    return next((found["id"] for found in the_panel().connections.page(query).items), None)


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
