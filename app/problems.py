"""Errors as clients get them: one shape, `application/problem+json` (RFC 9457), from one place.

Whatever a view or a hook raises ends here: what the engine refuses, what the store cannot do, what
werkzeug finds wrong with a request, and our own faults, of which a client learns a reference and
the log the rest. A browser that asked for a page gets one, where `templates/error.html` exists.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, render_template, request
from jinja2 import TemplateNotFound
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.store.errors import BadQuery, PlacedError, RevisionMismatch, StoreError
from socketdeck.errors import (
    AddressError,
    AddressTaken,
    AddressUnavailable,
    FieldError,
    IllegalTransition,
    InvalidDefinition,
    LoadError,
    NameTaken,
    SocketdeckError,
    StartFailed,
    StopIncomplete,
    UnknownConnection,
    UnknownService,
    Unreachable,
    Unsupported,
)

MEDIA_TYPE = "application/problem+json"
ERROR_PAGE = "error.html"

STATUSES: Mapping[type[Exception], int] = {
    InvalidDefinition: 422,
    AddressError: 422,
    LoadError: 422,
    Unsupported: 422,
    UnknownService: 404,
    UnknownConnection: 404,
    NameTaken: 409,
    AddressTaken: 409,
    AddressUnavailable: 409,
    IllegalTransition: 409,
    StartFailed: 409,
    StopIncomplete: 409,
    Unreachable: 409,
    SocketdeckError: 400,
    BadQuery: 422,
    RevisionMismatch: 412,
    StoreError: 503,
}
"""What a request gets for an error that is meant to be shown; the nearest base class counts."""

FIELDS: Mapping[type[Exception], str] = {NameTaken: "/name", AddressTaken: "/address"}
"""Errors that are about one field of what was sent, and the JSON pointer to it."""

_DETAILS: Mapping[int, str] = {
    404: "there is nothing at {path}",
    405: "{path} does not take {method}",
    415: "the body must be application/json",
}

log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is not done, with what its client is told."""

    def __init__(
        self,
        status: int,
        title: str | None,
        detail: str,
        *,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def problem_members(
    status: int,
    title: str | None = None,
    detail: str | None = None,
    *,
    errors: Iterable[FieldError] = (),
    type: str = "about:blank",
    **more: Any,
) -> dict[str, Any]:
    """The members of a problem; without a title it is the status's own phrase."""
    members: dict[str, Any] = {"type": type, "title": title or HTTPStatus(status).phrase}
    members["status"] = status
    if detail is not None:
        members["detail"] = detail
    listed = [_listed(error) for error in errors]
    if listed:
        members["errors"] = listed
    return members | more


def problem(
    status: int,
    title: str | None = None,
    detail: str | None = None,
    *,
    errors: Iterable[FieldError] = (),
    type: str = "about:blank",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A response that is a problem, or its page for a browser; `more` are further members."""
    members = problem_members(status, title, detail, errors=errors, type=type, **more)
    response = _page(members) if wants_page() else None
    if response is None:
        body = json.dumps(members, ensure_ascii=True)
        response = Response(body, status, content_type=MEDIA_TYPE)
    response.headers.extend(headers or {})
    return response


def wants_page() -> bool:
    """Whether who asks is a person with a browser, on a path that is not the API's."""
    if request.path == "/api" or request.path.startswith("/api/"):
        return False
    accepted = request.accept_mimetypes
    page = accepted["text/html"] if "text/html" in accepted.values() else 0
    return page > 0 and page >= accepted["application/json"]


def validation_problem(error: ValidationError) -> Response:
    """Bad input as pydantic found it, every field at once; for flask-openapi3's
    `validation_error_callback`.
    """
    errors = [FieldError(_pointer(item["loc"]), _sentence(item["msg"])) for item in error.errors()]
    return invalid(errors)


def invalid(errors: Iterable[FieldError]) -> Response:
    """A 422 for these fields."""
    found = list(errors)
    detail = "; ".join(f"{error.pointer or '/'}: {error.detail}" for error in found)
    return problem(422, detail=detail, errors=found)


def install(app: Flask) -> None:
    """Have every error of this application end as a problem."""
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Refused, _of_refusal)
    app.register_error_handler(Exception, _of_fault)
    for kind in STATUSES:
        app.register_error_handler(kind, _of_known)


def _listed(error: FieldError) -> dict[str, Any]:
    listed: dict[str, Any] = {"pointer": error.pointer, "detail": error.detail}
    if isinstance(error, PlacedError):
        listed |= {"position": error.position, "length": error.length}
    return listed


def _of_http(error: HTTPException) -> Response | HTTPException:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    detail = error.description
    if error.code in _DETAILS:
        detail = _DETAILS[error.code].format(path=request.path, method=request.method)
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return problem(error.code, detail=detail, headers=headers)


def _of_refusal(error: Refused) -> Response:
    return problem(
        error.status, error.title, error.detail, errors=error.errors, headers=error.headers
    )


def _of_known(error: Exception) -> Response:
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if isinstance(error, (InvalidDefinition, BadQuery)):
        return invalid(error.errors)
    more: dict[str, Any] = {}
    if isinstance(error, LoadError) and error.traceback:
        more["traceback"] = error.traceback
    if isinstance(error, StoreError):
        log.error("%s %s: %s", request.method, request.path, error)
    detail = str(error)
    told = [error]
    if isinstance(error, NameTaken) and error.also is not None:
        told.append(error.also)
    errors = [FieldError(FIELDS[type(one)], str(one)) for one in told if type(one) in FIELDS]
    return problem(status, detail=detail, errors=errors, **more)


def _of_fault(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.error("fault %s: %s %s failed", reference, request.method, request.path, exc_info=error)
    detail = f"this is a fault of the panel; its log has it as fault {reference}"
    return problem(500, detail=detail)


def _page(members: dict[str, Any]) -> Response | None:
    try:
        page = render_template(ERROR_PAGE, **members)
    except TemplateNotFound:
        return None
    except Exception:
        log.exception("the error page cannot be rendered")
        return None
    return Response(page, members["status"], content_type="text/html; charset=utf-8")


def _pointer(location: Iterable[int | str]) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "".join(f"/{part}" for part in parts)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
