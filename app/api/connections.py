"""Connections: those that are open, those that were, and how they are closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import Field

from app.api.document import PROBLEMS
from app.api.resource import Resource, answer, the_panel
from app.api.shapes import (
    Body,
    CloseReason,
    ConnectionPath,
    ListQuery,
    MessageView,
    Page,
    Query,
    SearchText,
    ServiceName,
    bad_event_cursor,
)
from app.api.waiting import waiting
from app.store import BadQuery, ConnectionQuery
from socketdeck import Event, event_as_json
from socketdeck.errors import FieldError, Unsupported
from socketdeck.status import ConnectionView

PACE_MAXIMUM = 100_000.0

api = Resource(
    "connections",
    __name__,
    url_prefix="/api/v1/connections",
    abp_tags=[Tag(name="Connections", description="stream connections, and flows of datagrams")],
    abp_responses=PROBLEMS,
)

How = Literal["close", "reset"]
Reason = Annotated[str, Field(min_length=1, max_length=1024)]
State = Literal["open", "closed", "all"]
ASKED = ("peer", "reason", "sort", "cursor")
"""Parameters that the store can say more about than their types do."""

Peer = Annotated[str, Field(max_length=256)]


class ConnectionsQuery(ListQuery):
    """Which connections, in which order."""

    service: ServiceName | None = None
    state: State = "open"
    peer: Peer | None = Field(
        None, description="an IP address, a CIDR, HOST:PORT, a path, or @NAME"
    )
    reason: CloseReason | None = Field(None, description="why it was closed")
    q: SearchText | None = Field(
        None, description="a text in service, peer, local address or reason"
    )
    sort: str = Field("-id", description="one key, - in front for descending")

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        asked = {name: given[name] for name in ASKED if name in given}
        state = given.get("state", "open")
        asked["state"] = state if state in ("open", "closed") else "all"
        try:
            ConnectionQuery.parse(**asked)
        except BadQuery as bad:
            return bad.errors
        return []

    def parsed(self) -> ConnectionQuery:
        """As the store takes it."""
        return ConnectionQuery.parse(**self.model_dump())


class EndQuery(Query):
    """How to close."""

    how: How = Field("close", description="close: FIN; reset: RST, for TCP alone")


class EndBody(Body):
    """Why it is closed."""

    reason: Reason | None = Field(None, description="kept with the audit event")


class ChosenQuery(Query):
    """Which open connections."""

    service: ServiceName | None = None
    state: Literal["open"] = "open"
    peer: Peer | None = Field(
        None, description="an IP address, a CIDR, HOST:PORT, a path, or @NAME"
    )
    q: SearchText | None = Field(None, description="a text in service, peer or local address")

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        if "peer" not in given:
            return []
        return ConnectionsQuery.more_errors({"peer": given["peer"]})


class EndAllBody(Body):
    """How to close them."""

    pace: Annotated[float, Field(gt=0, le=PACE_MAXIMUM, allow_inf_nan=False)] | None = Field(
        None, description="so many a second, in the background; null: at once"
    )
    how: How = Field("close", description="close: FIN; reset: RST, for TCP alone")
    reason: Reason | None = Field(None, description="kept with the audit events")


class EndAllAnswer(Body):
    """How many are closed."""

    count: int


class MessagesQuery(ListQuery):
    """Which messages; they come oldest first."""

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        return bad_event_cursor(given)


ConnectionPage = Page[ConnectionView]
MessagePage = Page[MessageView]


@api.get("", responses={200: ConnectionPage})
def list_connections(query: ConnectionsQuery) -> Response:
    """The connections: open ones, unless `state` says otherwise.

    Sort keys: id, opened_at, duration, last_activity, bytes_in, bytes_out, messages_in,
    messages_out; idle and rtt for open ones; closed_at and reason for closed ones.
    """
    page = the_panel().connections.page(query.parsed())
    return answer(page._asdict())


@api.get("/<int:connection>", responses={200: ConnectionView})
def get_connection(path: ConnectionPath) -> Response:
    """One connection, open or closed."""
    return answer(the_panel().connections.get(path.connection))


@api.delete("/<int:connection>", responses={200: ConnectionView})
def end_connection(path: ConnectionPath, query: EndQuery, body: EndBody) -> Response:
    """Close a connection; its handler sees the end of the stream. A flow is forgotten.

    Answers once it is closed, or after a second: a handler that goes on keeps it open meanwhile.
    """
    try:
        with waiting():
            view = the_panel().connections.end(path.connection, how=query.how, reason=body.reason)
    except Unsupported as error:
        raise BadQuery([FieldError("/how", str(error))]) from None
    return answer(view)


@api.post("/close", responses={200: EndAllAnswer})
def end_connections(query: ChosenQuery, body: EndAllBody) -> Response:
    """Close all open connections that the filters choose; without any, every one."""
    chosen = ConnectionQuery.parse(**query.model_dump())
    try:
        count = the_panel().connections.end_all(
            chosen, how=body.how, reason=body.reason, pace=body.pace
        )
    except Unsupported as error:
        raise BadQuery([FieldError("/how", str(error))]) from None
    return answer({"count": count})


@api.get("/<int:connection>/messages", responses={200: MessagePage})
def list_messages(path: ConnectionPath, query: MessagesQuery) -> Response:
    """What was captured of a connection, oldest first."""
    panel = the_panel()
    panel.connections.get(path.connection)
    found = panel.history.messages(path.connection, cursor=query.cursor, limit=query.limit)
    items = [message_view(event) for event in found.items]
    return answer({"items": items, "next_cursor": found.next_cursor, "total": None})


def message_view(event: Event) -> dict[str, Any]:
    """A `connection.data` event as a message."""
    shown = event_as_json(event)
    data = shown["data"]
    return {
        "seq": shown["seq"],
        "time": shown["time"],
        "direction": data["direction"],
        "length": data["length"],
        "data": data.get("data"),
        "truncated": data.get("truncated", False),
        "count": data.get("count", 1),
    }
