"""Events: what happened, a page at a time, or as it happens."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Annotated, Any, cast

from flask import Response, request
from flask_openapi3.models.tag import Tag
from pydantic import ConfigDict, Field

from app.api.document import PROBLEMS
from app.api.resource import Resource, answer, the_panel
from app.api.shapes import (
    NUMBER_MAXIMUM,
    EventKind,
    EventView,
    ListQuery,
    Number,
    Page,
    SearchText,
    ServiceName,
    Truth,
    WholeNumber,
    bad_event_cursor,
)
from app.api.waiting import streams
from app.following import Following
from socketdeck import event_as_json
from socketdeck.errors import FieldError

NDJSON = "application/x-ndjson"

api = Resource(
    "events",
    __name__,
    url_prefix="/api/v1/events",
    abp_tags=[Tag(name="Events", description="what happened, in one order")],
    abp_responses=PROBLEMS,
)

Seq = Annotated[WholeNumber, Field(ge=0, le=NUMBER_MAXIMUM)]


class EventsQuery(ListQuery):
    """Which events."""

    after: Seq | None = Field(None, description="only above this seq, oldest first")
    before: Seq | None = Field(None, description="only below this seq")
    service: ServiceName | None = None
    connection: Number | None = None
    kind: list[EventKind] = Field([], description="any of these")
    q: SearchText | None = Field(None, description="a text in kind, service, texts and payloads")
    follow: Truth = Field(
        False,
        description="stream events as lines of JSON, from `after` or from now on, with an empty "
        "line where nothing happens",
    )

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        """A cursor that is none; and what a stream cannot have."""
        if given.get("follow") != "true":
            return bad_event_cursor(given)
        return [
            FieldError(f"/{name}", "this makes no sense with follow=true")
            for name in ("before", "cursor", "limit")
            if name in given
        ]

    def filters(self) -> dict[str, Any]:
        """What of it chooses among events, whenever they were."""
        return {
            "service": self.service,
            "connection": self.connection,
            "kind": self.kind or None,
            "q": self.q,
        }


class EventPage(Page[EventView]):
    """One page of events."""

    model_config = cast(
        ConfigDict, {"openapi_extra": {"content": {NDJSON: {"schema": {"type": "string"}}}}}
    )


@api.get("", responses={200: EventPage})
def list_events(query: EventsQuery) -> Response:
    """The events, newest first; with `after` oldest first."""
    panel = the_panel()
    if query.follow:
        return _follow(query)
    panel.journal.flush()
    found = panel.history.events(
        after=query.after,
        before=query.before,
        cursor=query.cursor,
        limit=query.limit,
        **query.filters(),
    )
    items = [event_as_json(event) for event in found.items]
    return answer({"items": items, "next_cursor": found.next_cursor, "total": found.total})


def _follow(query: EventsQuery) -> Response:
    panel = the_panel()
    following = Following(panel.journal, panel.history, query.after, query.filters())
    try:
        streams.add(following, _client())
    except BaseException:
        following.close()
        raise
    response = Response(iter(following), mimetype=NDJSON)
    # Not by the end of the iteration: it may never begin.
    response.call_on_close(following.close)
    response.call_on_close(lambda: streams.remove(following))
    return response


def _client() -> socket.socket | None:
    """The socket of who asks, where the web server tells it."""
    return request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
