"""Events: what happened, a page at a time, as it happens, or to take away."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, cast

from flask import Response, request
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.api.document import PROBLEMS
from app.api.resource import Resource, answer, the_panel
from app.api.shapes import (
    EventKind,
    EventView,
    ListQuery,
    Number,
    Page,
    Query,
    SearchText,
    Seq,
    ServiceName,
    Truth,
)
from app.api.waiting import streams
from app.export import MEDIA_TYPES, Export, Format
from app.filters import CHARACTERS_MAXIMUM, FIELDS, Filter, parse_moment
from app.following import Following
from app.store import BadQuery
from app.store.events import EventQuery
from socketdeck import event_as_json
from socketdeck.errors import FieldError

NDJSON = MEDIA_TYPES["ndjson"]

api = Resource(
    "events",
    __name__,
    url_prefix="/api/v1/events",
    abp_tags=[Tag(name="Events", description="what happened, in one order")],
    abp_responses=PROBLEMS,
)


def _moment(text: Any) -> Any:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise PydanticCustomError("moment", "{why}", {"why": str(error)}) from None


FilterText = Annotated[
    str,
    Field(
        max_length=CHARACTERS_MAXIMUM,
        description='which events, like `service:echo kind:data -peer:10.0.0.0/8 "GET /"`',
    ),
]
Moment = Annotated[
    float,
    BeforeValidator(_moment, json_schema_input_type=str),
    Field(json_schema_extra={"type": "string", "format": "date-time"}),
]


class FilteredQuery(Query):
    """What takes a filter: it is read, whatever else is wrong."""

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        """A filter or a cursor that is none; and what makes no sense together."""
        asked = {name: given[name] for name in ("filter", "cursor") if name in given}
        try:
            EventQuery.parse(**asked)
        except BadQuery as bad:
            return bad.errors
        return []


class EventsQuery(FilteredQuery, ListQuery):
    """Which events."""

    after: Seq | None = Field(None, description="only above this seq, oldest first")
    before: Seq | None = Field(None, description="only below this seq")
    at: Moment | None = Field(None, description="only up to this time")
    service: ServiceName | None = None
    connection: Number | None = None
    kind: list[EventKind] = Field([], description="any of these")
    q: SearchText | None = Field(None, description="a text in kind, service, texts and payloads")
    filter: FilterText | None = None
    follow: Truth = Field(
        False,
        description="stream events as lines of JSON, from `after` or from now on, with an empty "
        "line where nothing happens",
    )

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        """The same, and what a stream cannot have, or a jump to a time."""
        errors = super().more_errors(given)
        if given.get("follow") == "true":
            names = ("before", "cursor", "limit", "at")
            senseless = [(name, "follow=true") for name in names if name in given]
        else:
            senseless = [("at", "after")] if {"at", "after"} <= set(given) else []
        known = {error.pointer for error in errors}
        return errors + [
            FieldError(f"/{name}", f"this makes no sense with {other}")
            for name, other in senseless
            if f"/{name}" not in known
        ]

    def filters(self) -> dict[str, Any]:
        """What of it chooses among events, whenever they were."""
        return {
            "service": self.service,
            "connection": self.connection,
            "kind": self.kind or None,
            "q": self.q,
            "filter": self.filter,
        }


class ExportQuery(FilteredQuery):
    """Which events to take away, and how they are written."""

    filter: FilterText | None = None
    format: Format = Field("ndjson", description="lines of JSON, or a table")
    after: Seq | None = Field(None, description="only above this seq")
    before: Seq | None = Field(None, description="only below this seq")


class CheckQuery(FilteredQuery):
    """Which filter to read."""

    filter: FilterText


class EventPage(Page[EventView]):
    """One page of events."""

    model_config = cast(
        ConfigDict, {"openapi_extra": {"content": {NDJSON: {"schema": {"type": "string"}}}}}
    )


class TermView(BaseModel):
    """One term of a filter, and where it stands."""

    text: str
    position: int = Field(description="its first character, from 0")
    length: int


class FilterView(BaseModel):
    """A filter that was read."""

    filter: str
    normal: str = Field(description="the same, tidied")
    terms: list[TermView]


class FilterFieldView(BaseModel):
    """A field of the filter language."""

    name: str
    description: str
    operators: list[str] = Field(description="what may stand between its name and a value")
    values: list[str] | None = Field(description="those that it has; null: any")
    example: str = Field(description="a value, with its operator; may be empty")


class FilterFieldList(BaseModel):
    """All fields of the filter language."""

    items: list[FilterFieldView]


FILES: dict[str | int, Any] = {
    200: {
        "description": "The events, as a file",
        "content": {media: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()},
    }
}


@api.get("", responses={200: EventPage})
def list_events(query: EventsQuery) -> Response:
    """The events, newest first; with `after` oldest first."""
    panel = the_panel()
    if query.follow:
        return _stream(
            Following(panel.journal, panel.history, query.after, query.filters()), NDJSON
        )
    panel.journal.flush()
    found = panel.history.events(
        after=query.after,
        before=query.before,
        at=query.at,
        cursor=query.cursor,
        limit=query.limit,
        **query.filters(),
    )
    items = [event_as_json(event) for event in found.items]
    return answer({"items": items, "next_cursor": found.next_cursor, "total": found.total})


@api.get("/export", responses=FILES)
def export_events(query: ExportQuery) -> Response:
    """The events as a file, oldest first, up to now."""
    panel = the_panel()
    made = Export(
        panel.journal,
        panel.history,
        query.format,
        filter=query.filter,
        after=query.after,
        before=query.before,
    )
    response = _stream(made, MEDIA_TYPES[query.format])
    name = f"socketdeck-events.{query.format}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@api.get("/filter", responses={200: FilterView})
def check_filter(query: CheckQuery) -> Response:
    """Whether a text is a filter, and how it is read."""
    text = query.filter
    read = Filter.parse(text)
    terms = [
        TermView(text=text[place.position : place.position + place.length], **place._asdict())
        for place in (term.place for term in read.terms)
    ]
    return answer(FilterView(filter=text, normal=read.normal, terms=terms))


@api.get("/fields", responses={200: FilterFieldList})
def list_fields() -> Response:
    """The fields that a filter may have, and their values as far as they are known."""
    services = [service.name for service in the_panel().supervisor.services()]
    items = [
        FilterFieldView(
            name=field.name,
            description=field.description,
            operators=list(field.operators),
            values=services if field.name == "service" else _listed(field.values),
            example=field.example,
        )
        for field in FIELDS.values()
    ]
    return answer(FilterFieldList(items=items))


def _listed(values: Iterable[str] | None) -> list[str] | None:
    return None if values is None else list(values)


def _stream(source: Following | Export, media_type: str) -> Response:
    """A response that is sent as it is made; it counts as a stream until its client is gone."""
    try:
        streams.add(source, _client())
    except BaseException:
        source.close()
        raise
    response = Response(iter(source), mimetype=media_type)
    # Not by the end of the iteration: it may never begin.
    response.call_on_close(source.close)
    response.call_on_close(lambda: streams.remove(source))
    return response


def _client() -> socket.socket | None:
    """The socket of who asks, where the web server tells it."""
    return request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
