"""Connections: those that are open, those that were, and how they are closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.document import PROBLEMS
from app.api.encoding import Encoding, bytes_of
from app.api.events import Moment
from app.api.resource import Resource, answer, the_panel
from app.api.shapes import (
    NUMBER_MAXIMUM,
    Body,
    CloseReason,
    ConnectionPath,
    ListQuery,
    MessageView,
    Number,
    Page,
    Query,
    SearchText,
    Seq,
    ServiceName,
    bad_event_cursor,
)
from app.api.waiting import waiting
from app.store import BadQuery, ConnectionQuery
from socketdeck import Event, event_as_json
from socketdeck.errors import FieldError, Unsupported
from socketdeck.injection import SEND_BYTES
from socketdeck.status import ConnectionView, StackView

PACE_MAXIMUM = 100_000.0
IDS_MAXIMUM = 10_000

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

Id = Annotated[int, Field(ge=1, le=NUMBER_MAXIMUM)]
Peer = Annotated[str, Field(max_length=256)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


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
    opened_before: Moment | None = Field(None, description="only those opened before this time")
    closed_after: Moment | None = Field(
        None, description="only those closed after this time, or still open"
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

    ids: list[Id] | None = Field(
        None,
        max_length=IDS_MAXIMUM,
        description="of these alone; the filters apply as well, and what is closed is passed over",
    )


class EndAllAnswer(Body):
    """How many are closed."""

    count: int
    closing: int | None = Field(description="the id of what closes them at a pace; null: at once")


class ClosingPath(BaseModel):
    """Which closing."""

    closing: Number = Field(description="its id")


class ClosingView(BaseModel):
    """Many connections being closed, so many a second."""

    id: int
    state: Literal["running", "ended", "stopped"]
    how: How
    pace: float = Field(description="connections a second")
    count: int = Field(description="how many were chosen")
    done: int = Field(description="how many of them it has closed")
    missed: int = Field(description="how many were closed already when it was their turn")
    started_at: Time
    ended_at: Time | None


class MessagesQuery(ListQuery):
    """Which messages; they come oldest first."""

    after: Seq | None = Field(None, description="only above this seq")
    before: Seq | None = Field(
        None, description="only below this seq: the last ones, and with the cursor those before"
    )

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        return bad_event_cursor(given)


class SendBody(Body):
    """What to send into a connection."""

    data: str = Field(description="by `encoding`; at most 65536 bytes")
    encoding: Encoding = Field("text", description="of `data`")


class SendAnswer(Body):
    """What was sent."""

    sent: int = Field(description="bytes that the kernel took; the rest was not sent")


ClosingPage = Page[ClosingView]
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
    """Close all open connections that the filters, and `ids` if given, choose; else every one."""
    chosen = ConnectionQuery.parse(**query.model_dump())
    try:
        count, closing = the_panel().connections.end_all(
            chosen, how=body.how, reason=body.reason, pace=body.pace, ids=body.ids
        )
    except Unsupported as error:
        raise BadQuery([FieldError("/how", str(error))]) from None
    return answer({"count": count, "closing": closing and closing.id})


@api.get("/closings", responses={200: ClosingPage})
def list_closings() -> Response:
    """What closes connections at a pace, and what did lately; newest first."""
    items = [closing.as_json() for closing in the_panel().connections.closings.list()]
    return answer({"items": items, "next_cursor": None, "total": len(items)})


@api.get("/closings/<int:closing>", responses={200: ClosingView})
def get_closing(path: ClosingPath) -> Response:
    """How far a closing at a pace has come."""
    return answer(the_panel().connections.closings.get(path.closing).as_json())


@api.delete("/closings/<int:closing>", responses={200: ClosingView})
def stop_closing(path: ClosingPath) -> Response:
    """Have a closing stop; what it has closed stays closed."""
    return answer(the_panel().connections.closings.stop(path.closing).as_json())


@api.get("/<int:connection>/messages", responses={200: MessagePage})
def list_messages(path: ConnectionPath, query: MessagesQuery) -> Response:
    """What was captured of a connection, oldest first. Large messages make shorter pages."""
    panel = the_panel()
    panel.connections.get(path.connection)
    panel.journal.flush()
    found = panel.history.messages(
        path.connection,
        after=query.after,
        before=query.before,
        cursor=query.cursor,
        limit=query.limit,
    )
    items = [message_view(event) for event in found.items]
    return answer({"items": items, "next_cursor": found.next_cursor, "total": None})


@api.get("/<int:connection>/stack", responses={200: StackView})
def get_stack(path: ConnectionPath) -> Response:
    """Where a connection's handler is at this moment: its Python stack.

    409 where it cannot be told, with the reason: its process does not answer within 2 s, say.
    """
    with waiting():
        return answer(the_panel().connections.stack(path.connection))


@api.post("/<int:connection>/send", responses={200: SendAnswer})
def send_into_connection(path: ConnectionPath, body: SendBody) -> Response:
    """Send to a connection's peer, beside what its handler sends; to a flow's, one datagram.

    It is sent at once or not at all, so far as the kernel has room: `sent` may be less than was
    given. 409 where nothing can be sent, with the reason: it is closed, its handler has wrapped it
    in TLS, or a message of its handler's may be under way.
    """
    data = bytes_of(body.data, body.encoding, SEND_BYTES)
    try:
        with waiting():
            sent = the_panel().connections.send(path.connection, data)
    except Unsupported as error:
        raise BadQuery([FieldError("/data", str(error))]) from None
    return answer({"sent": sent})


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
        "injected": data.get("injected", False),
    }
