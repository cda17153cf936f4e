"""Services: what is wanted of them, what is observed, and their life."""

from __future__ import annotations

import copy
import errno
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from flask import Response, request
from flask_openapi3.models.tag import Tag
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.api.document import PROBLEMS
from app.api.encoding import Encoding, bytes_of, text_of
from app.api.paging import bad_page, cut_page
from app.api.resource import Resource, answer, nothing, the_panel
from app.api.shapes import (
    Body,
    DefinitionBody,
    DefinitionPatch,
    ListQuery,
    Nothing,
    Page,
    Query,
    SearchText,
    ServiceOutcome,
    ServicePath,
    ServiceView,
    Truth,
)
from app.api.waiting import waiting
from app.registry import Kept
from app.store import BadQuery
from socketdeck import Service
from socketdeck.definition import SECONDS_MAXIMUM
from socketdeck.errors import AddressUnavailable, FieldError
from socketdeck.status import State

TRY_BYTES = 512 << 10
"""What `try` sends at most: as hexadecimal digits it fills the largest body."""

WAIT_SECONDS_MAXIMUM = 300.0

Wait = Annotated[float, Field(gt=0, le=WAIT_SECONDS_MAXIMUM, allow_inf_nan=False)]
Drain = Annotated[float, Field(ge=0, le=SECONDS_MAXIMUM, allow_inf_nan=False)]


def _label(text: str) -> str:
    if not text.partition("=")[0]:
        raise PydanticCustomError("label", "should be KEY or KEY=VALUE")
    return text


Label = Annotated[str, AfterValidator(_label)]

api = Resource(
    "services",
    __name__,
    url_prefix="/api/v1/services",
    abp_tags=[Tag(name="Services", description="socketserver servers: definitions and lives")],
    abp_responses=PROBLEMS,
)

SORT_KEYS: Mapping[str, Callable[[Service], float | str]] = {
    "name": lambda service: service.name,
    "state": lambda service: service.state,
    "address": lambda service: service.definition.address,
    "handler": lambda service: service.definition.handler,
    "concurrency": lambda service: service.definition.concurrency,
    "open": lambda service: len(service.tally.open),
    "total": lambda service: service.tally.total,
    "errors": lambda service: service.tally.errors,
    "bytes_in": lambda service: service.tally.bytes_in,
    "bytes_out": lambda service: service.tally.bytes_out,
}


class ServicesQuery(ListQuery):
    """Which services, in which order."""

    state: list[State] = Field([], description="any of these")
    label: list[Label] = Field([], description="`KEY` or `KEY=VALUE`; each one must be there")
    q: SearchText | None = Field(
        None, description="a text in name, description, address, handler or labels"
    )
    sort: str = Field("name", description="one key, - in front for descending")

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        """A sort key that there is not, or a cursor that is none."""
        return bad_page(given.get("sort", "name"), SORT_KEYS, given.get("cursor"))


class CreateQuery(Query):
    """How to create."""

    start: Truth = Field(False, description="start it as well")


class StopBody(Body):
    """How to stop."""

    drain_timeout: Drain | None = Field(
        None, description="seconds to wait for open connections; null: as defined"
    )


class WaitBody(Body):
    """How long to wait."""

    timeout: Wait = Field(5.0, description="seconds after which it gives up")


class TryBody(Body):
    """What a client of the panel's own sends."""

    data: str = Field("", description="what to send, by `encoding`")
    encoding: Encoding = Field("text", description="of `data`, and of what came back")
    timeout: Wait = Field(5.0, description="seconds after which it gives up")


class TryAnswer(Body):
    """What came back; times are in seconds since the connection was asked for."""

    data: str
    encoding: Encoding = Field(description="as asked for; base64 where the bytes are no UTF-8 text")
    length: int = Field(description="bytes")
    connected_after: float
    first_byte_after: float | None
    duration: float
    ended: Literal["closed", "reset", "quiet", "timeout", "full"] = Field(
        description="closed or reset by the service; quiet: it answered and fell silent; "
        "full: more than is read"
    )


ServicePage = Page[ServiceView]


@api.get("", responses={200: ServicePage})
def list_services(query: ServicesQuery) -> Response:
    """The services.

    Sort keys: name, state, address, handler, concurrency, open, total, errors, bytes_in, bytes_out.
    """
    found = [service for service in the_panel().supervisor.services() if _is_asked(service, query)]
    page, cursor = cut_page(
        found,
        sort=query.sort,
        keys=SORT_KEYS,
        name=lambda service: service.name,
        cursor=query.cursor,
        limit=query.limit,
    )
    items = [service_view(service) for service in page]
    return answer({"items": items, "next_cursor": cursor, "total": len(found)})


@api.post("", responses={201: ServiceView})
def create_service(query: CreateQuery, body: DefinitionBody) -> Response:
    """Create a service.

    It is stopped, unless `start` is true; one that then fails to start is there all the same, its
    state and `last_error` say why.
    """
    registry = the_panel().registry
    kept = registry.create(body.root)
    name = kept.service.name
    if query.start:
        with waiting():
            registry.try_start(name)
    return _with_tag(kept, 201, {"Location": f"/api/v1/services/{name}"})


@api.get("/<service>", responses={200: ServiceView})
def get_service(path: ServicePath) -> Response:
    """One service; its ETag guards an edit against another's."""
    return _with_tag(the_panel().registry.get(path.service))


@api.put("/<service>", responses={200: ServiceView})
def put_service(path: ServicePath, body: DefinitionBody) -> Response:
    """Give a service another definition.

    What cannot act at once waits for the next start (`pending_changes`). A `status` that was read
    with the definition may be sent back with it.
    """
    wanted = {"name": path.service, **body.root}
    wanted.pop("status", None)
    return _with_tag(the_panel().registry.replace(path.service, lambda _: wanted, _is_match))


@api.patch("/<service>", responses={200: ServiceView})
def patch_service(path: ServicePath, body: DefinitionPatch) -> Response:
    """Change some fields of a definition, by JSON merge patch (RFC 7396)."""
    kept = the_panel().registry.replace(
        path.service, lambda present: merge_patch(present, body.root), _is_match
    )
    return _with_tag(kept)


@api.delete("/<service>", responses={204: None})
def delete_service(path: ServicePath) -> Response:
    """Delete a service; one that runs is stopped first."""
    with waiting():
        the_panel().registry.delete(path.service, _is_match)
    return nothing()


@api.post("/<service>/start", responses={200: ServiceView})
def start_service(path: ServicePath, body: Nothing) -> Response:
    """Start a service; answers once it runs, or 409 with why it does not."""
    with waiting():
        return answer(service_view(the_panel().registry.start(path.service)))


@api.post("/<service>/stop", responses={200: ServiceView})
def stop_service(path: ServicePath, body: StopBody) -> Response:
    """Stop a service: accept nobody, wait for open connections, then close them."""
    with waiting():
        return answer(service_view(the_panel().registry.stop(path.service, body.drain_timeout)))


@api.post("/<service>/restart", responses={200: ServiceView})
def restart_service(path: ServicePath, body: Nothing) -> Response:
    """Stop a service, where it runs, and start it with its handler's code as it is now."""
    with waiting():
        return answer(service_view(the_panel().registry.restart(path.service)))


@api.post("/<service>/handle-request", responses={200: ServiceOutcome})
def handle_request(path: ServicePath, body: WaitBody) -> Response:
    """Have a stopped service bind, handle one request, and close."""
    service = the_panel().supervisor.get(path.service)
    with waiting():
        handled = service.handle_request(body.timeout)
    return answer({**service_view(service), "handled": handled})


@api.post("/<service>/try", responses={200: TryAnswer})
def try_service(path: ServicePath, body: TryBody) -> Response:
    """Talk to a running service as a client would, and tell what came back."""
    data = bytes_of(body.data, body.encoding, TRY_BYTES)
    service = the_panel().supervisor.get(path.service)
    try:
        with waiting():
            found = service.exchange(data, body.timeout)
    except AddressUnavailable as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EMSGSIZE:
            detail = f"these are {len(data)} bytes; one datagram cannot hold them"
            raise BadQuery([FieldError("/data", detail)]) from None
        raise
    text, encoding = text_of(found.data, body.encoding)
    return answer(
        TryAnswer(
            data=text,
            encoding=encoding,
            length=len(found.data),
            connected_after=found.connected_after,
            first_byte_after=found.first_byte_after,
            duration=found.duration,
            ended=found.ended,
        )
    )


def service_view(service: Service) -> dict[str, Any]:
    """A service as the contract shows it, of JSON's types."""
    view: dict[str, Any] = service.definition.model_dump(mode="json")
    view["status"] = service.status().model_dump(mode="json", by_alias=True)
    return view


def merge_patch(present: Any, patch: Any) -> Any:
    """What a JSON merge patch (RFC 7396) makes of a value; neither is changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(present) if isinstance(present, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _with_tag(kept: Kept, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    tag = f'"{kept.revision}"'
    return answer(service_view(kept.service), status, {"ETag": tag, **(headers or {})})


def _is_match(revision: int) -> bool:
    """Whether the request's If-Match (RFC 9110, 13.1.1) allows a change of this revision."""
    if "If-Match" not in request.headers:
        return True
    return request.if_match.contains(str(revision))


def _is_asked(service: Service, query: ServicesQuery) -> bool:
    definition = service.definition
    if query.state and service.state not in query.state:
        return False
    for wanted in query.label:
        key, separator, value = wanted.partition("=")
        if key not in definition.labels or (separator and definition.labels[key] != value):
            return False
    if query.q is None:
        return True
    texts = (
        definition.name,
        definition.description,
        definition.address,
        definition.handler,
        *(f"{key}={value}" for key, value in definition.labels.items()),
    )
    q = query.q.lower()
    return any(q in text.lower() for text in texts)
