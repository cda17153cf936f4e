"""`Resource`: a blueprint whose views get the parts of a request as checked models.

flask-openapi3 writes the document from the views' annotations. The checking is our own, since its
stops at the first part that is wrong, takes broken JSON for a missing body, and lets a parameter be
given twice; the contract wants all bad fields at once.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_origin, get_type_hints
from urllib.parse import unquote_to_bytes

from flask import Response, current_app, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest

from app.access import Access, bodies
from app.api.shapes import Query
from app.panel import Panel
from app.problems import Refused
from app.store import BadQuery
from socketdeck.complaints import pointer_to, readable_reason
from socketdeck.errors import FieldError

DEPTH_MAXIMUM = 64
"""Levels of a JSON body: a definition needs five."""

Model = TypeVar("Model", bound=BaseModel)


def the_panel() -> Panel:
    """The panel that this request is to."""
    panel: Panel = current_app.extensions["panel"]
    return panel


def the_access() -> Access:
    """The gate that this request came through."""
    access: Access = current_app.extensions["access"]
    return access


def answer(
    content: BaseModel | Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON response; models go by their contract's names."""
    if isinstance(content, BaseModel):
        text = content.model_dump_json(by_alias=True)
    else:
        text = json.dumps(content, separators=(",", ":"))
    response = Response(text, status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def nothing() -> Response:
    """A response that has nothing to say (204)."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


class Resource(APIBlueprint):
    """A blueprint a resource. A view's `path`, `query` and `body` are what its annotations say.

    A path that names nothing is 404, and all bad parameters and fields together are one 422. A view
    whose `body` model can be made of nothing may be called without a body.
    """

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        options.setdefault("operation_id_callback", lambda name, **_: name)
        super().__init__(name, import_name, **options)

    @staticmethod
    def create_view_func(func: Callable[..., Response], *_: Any, **__: Any) -> Any:
        """The view as Flask calls it; see flask-openapi3."""
        hints = get_type_hints(func)
        path, query, body = (hints.get(part) for part in ("path", "query", "body"))

        @functools.wraps(func)
        def view(**captured: Any) -> Response:
            parts: dict[str, BaseModel] = {}
            errors: list[FieldError] = []
            if path is not None:
                parts["path"] = _read_path(path, captured)
            if query is not None:
                _take(parts, errors, "query", query, _query_values(query))
            elif request.args:
                errors += [_no_parameter(name) for name in request.args]
            if body is not None:
                given = read_json(required=not _is_optional(body))
                _take(parts, errors, "body", body, given)
            if errors:
                raise BadQuery(errors)
            return func(**parts)

        return view


def read_query(model: type[Model], given: Mapping[str, Any]) -> Model:
    """Parameters by name as a checked model, as a view gets its own; `BadQuery` has all errors."""
    parts: dict[str, BaseModel] = {}
    errors: list[FieldError] = []
    _take(parts, errors, "query", model, given)
    if errors:
        raise BadQuery(errors)
    return cast(Model, parts["query"])


def read_json(*, required: bool = True) -> Any:
    """The request's body, decoded; `{}` where there is none and none is required.

    That it is JSON in UTF-8 was seen to at the gate (`app.access.bodies`).
    """
    body = request.get_data(cache=True)
    if not body:
        if required:
            raise BadRequest("a JSON body is expected, and there is none")
        return {}
    value = bodies.read_json(body)
    if _depth(value) > DEPTH_MAXIMUM:
        raise BadRequest(f"the body is nested more than {DEPTH_MAXIMUM} levels deep")
    return value


def _take(
    parts: dict[str, BaseModel],
    errors: list[FieldError],
    part: str,
    model: type[BaseModel],
    given: Any,
) -> None:
    if issubclass(model, Query):
        errors += model.more_errors(given)
    known = {error.pointer for error in errors}
    try:
        parts[part] = model.model_validate(given)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            if part == "query" and found["type"] == "extra_forbidden":
                errors.append(_no_parameter(str(found["loc"][0])))
            elif (pointer := _pointer(part, found["loc"])) not in known:
                errors.append(FieldError(pointer, readable_reason(dict(found))))


def _pointer(part: str, location: tuple[int | str, ...]) -> str:
    # A repeated parameter is one field, however often it was given.
    return pointer_to(location[:1] if part == "query" else location)


def _no_parameter(name: str) -> FieldError:
    return FieldError(pointer_to((name,)), "there is no such query parameter")


def _read_path(model: type[Model], captured: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(captured)
    except ValidationError:
        things = " ".join(f"{name} {value!r}" for name, value in captured.items())
        raise Refused(404, None, f"there is no {things}") from None


def _query_values(model: type[BaseModel]) -> dict[str, Any]:
    """The query's values by name: a list where the model wants one, else the one that was given."""
    values: dict[str, Any] = {}
    errors = []
    for name in _undecodable(request.query_string):
        errors.append(FieldError(pointer_to((name,)), "this parameter is not UTF-8"))
    for name, given in request.args.lists():
        field = model.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is list:
            values[name] = given
        else:
            values[name] = given[0]
            if len(given) > 1:
                errors.append(FieldError(f"/{name}", "this parameter is given more than once"))
    if errors:
        raise BadQuery(errors)
    return values


def _undecodable(query: bytes) -> list[str]:
    """The names of parameters that are no UTF-8: werkzeug puts marks in place of what is not."""
    found = []
    for parameter in query.split(b"&"):
        try:
            unquote_to_bytes(parameter).decode("utf-8")
        except UnicodeDecodeError:
            name = unquote_to_bytes(parameter.partition(b"=")[0])
            found.append(name.decode("utf-8", "replace"))
    return found


def _is_optional(model: type[BaseModel]) -> bool:
    return not any(field.is_required() for field in model.model_fields.values())


def _depth(value: Any) -> int:
    """How deep a value is nested; a level at a time, so that no value is too deep to be asked."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth
