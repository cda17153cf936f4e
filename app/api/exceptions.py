"""Exceptions: what handlers raised, each failure once, however often it came."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.document import PROBLEMS
from app.api.paging import bad_page, cut_page
from app.api.resource import Resource, answer, nothing, the_panel
from app.api.shapes import ListQuery, Page, SearchText, ServiceName
from app.problems import Refused
from app.store import ExceptionGroup
from app.store.folding import STEPS_KEPT
from app.store.last_bytes import Note
from app.store.tracebacks import Frame, cause_of, place_of
from socketdeck.errors import FieldError
from socketdeck.status import moment_text

WRITTEN_WITHIN_SECONDS = 1.0
"""What was raised before a question is in its answer; where history cannot be written for so long,
what is written must do."""

SORT_KEYS = {key: attrgetter(key) for key in ("last_seen", "first_seen", "count")}

api = Resource(
    "exceptions",
    __name__,
    url_prefix="/api/v1/exceptions",
    abp_tags=[Tag(name="Exceptions", description="what handlers raised, each failure once")],
    abp_responses=PROBLEMS,
)

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ExceptionPath(BaseModel):
    """Which exception."""

    exception: str = Field(pattern=r"^[0-9a-f]{16}$", description="its id")


class ExceptionsQuery(ListQuery):
    """Which exceptions, in which order."""

    service: ServiceName | None = None
    q: SearchText | None = Field(None, description="a text in service, type, message or traceback")
    sort: str = Field("-last_seen", description="one key, - in front for descending")

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        return bad_page(given.get("sort", "-last_seen"), SORT_KEYS, given.get("cursor"))


class PlaceView(BaseModel):
    """A frame of a traceback."""

    file: str
    line: int
    function: str | None
    code: str | None = Field(description="its source line, as it was then")
    own: bool = Field(description="whether it is in a handler's code rather than in a library's")


class CauseView(BaseModel):
    """The exception that a chain began with."""

    type: str
    place: PlaceView


class ExceptionView(BaseModel):
    """What was raised at one place of one service, with what the newest of them said."""

    id: str
    service: str
    type: str
    message: str
    traceback: str | None = Field(description="null: there is none, as where a child was killed")
    place: PlaceView | None = Field(
        description="the frame to look at first: the innermost of the handler's own code"
    )
    cause: CauseView | None = Field(description="of a chain, the exception it began with")
    count: int
    first_seen: Time
    last_seen: Time
    activity: list[int] = Field(
        description=f"how many in each half-hour of the last {STEPS_KEPT // 2} h, this one last"
    )
    last_bytes: str | None = Field(
        description="base64: what came in before it on the newest connection, 256 bytes at most"
    )
    last_bytes_note: Note | None = Field(
        description="where `last_bytes` is not simply the end of what came in, why; see docs/api.md"
    )
    connections: list[int] = Field(description="the newest on which it was raised, newest first")
    peers: list[str | None] = Field(description="of `connections`, in their order")


class ExceptionPage(Page[ExceptionView]):
    """One page of exceptions."""

    displaced: int = Field(
        description="how many in all made way for newer ones, or came when there was no room"
    )


@api.get("", responses={200: ExceptionPage})
def list_exceptions(query: ExceptionsQuery) -> Response:
    """What handlers raised: errors with one type and one traceback are one, whatever they said.

    Sort keys: last_seen, first_seen, count.
    """
    return answer(exceptions_page(query))


@api.get("/<exception>", responses={200: ExceptionView})
def get_exception(path: ExceptionPath) -> Response:
    """One of them."""
    panel = the_panel()
    panel.history.flush(WRITTEN_WITHIN_SECONDS)
    found = panel.store.exceptions.read([path.exception])
    if not found:
        raise _unknown(path.exception)
    return answer(exception_view(found[0]))


@api.delete("/<exception>", responses={204: None})
def forget_exception(path: ExceptionPath) -> Response:
    """Forget one, as when it is mended; if it comes again, it is counted from one."""
    panel = the_panel()
    panel.history.flush(WRITTEN_WITHIN_SECONDS)
    if not panel.store.exceptions.forget(path.exception):
        raise _unknown(path.exception)
    return nothing()


def exceptions_page(query: ExceptionsQuery) -> dict[str, Any]:
    """A page of the list; all that was raised up to now is in it."""
    panel = the_panel()
    panel.history.flush(WRITTEN_WITHIN_SECONDS)
    kept = panel.store.exceptions
    places = kept.places(service=query.service, q=query.q)
    page, cursor = cut_page(
        places,
        sort=query.sort,
        keys=SORT_KEYS,
        name=attrgetter("id"),
        cursor=query.cursor,
        limit=query.limit,
    )
    return {
        "items": [exception_view(group) for group in kept.read([place.id for place in page])],
        "next_cursor": cursor,
        "total": len(places),
        "displaced": kept.displaced(),
    }


def exception_view(group: ExceptionGroup) -> dict[str, Any]:
    """A group of exceptions in the contract's shape."""
    return {
        "id": group.id,
        "service": group.service,
        "type": group.type,
        "message": group.message,
        "traceback": group.traceback,
        **_places(group),
        "count": group.count,
        "first_seen": moment_text(group.first_seen),
        "last_seen": moment_text(group.last_seen),
        "activity": group.activity,
        "last_bytes": (
            None if group.last_bytes is None else base64.b64encode(group.last_bytes).decode("ascii")
        ),
        "last_bytes_note": group.last_bytes_note,
        "connections": [number for number, _ in group.connections],
        "peers": [peer for _, peer in group.connections],
    }


def _places(group: ExceptionGroup) -> dict[str, Any]:
    """Where to look: the place, and that of what it came from."""
    place = place_of(group.traceback) if group.traceback else None
    cause = cause_of(group.traceback, group.type) if group.traceback else None
    return {
        "place": place and _frame_view(*place),
        "cause": cause and {"type": cause[0], "place": _frame_view(*cause[1:])},
    }


def _frame_view(frame: Frame, own: bool) -> dict[str, Any]:
    return {**frame._asdict(), "own": own}


def _unknown(key: str) -> Refused:
    return Refused(404, None, f"there is no exception {key}; it may have been forgotten")
