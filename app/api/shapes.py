"""The shapes that several resources share: pages, parameters, and a service as it is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from app.store import BadQuery
from app.store.events import EventQuery
from socketdeck.definition import NAME_PATTERN, ServiceDefinition
from socketdeck.errors import FieldError
from socketdeck.status import ServiceStatus

LIMIT_MAXIMUM = 500
LIMIT_DEFAULT = 50
NUMBER_MAXIMUM = 2**63 - 1

Item = TypeVar("Item")

CloseReason = Literal[
    "client_closed",
    "server_closed",
    "client_reset",
    "idle_timeout",
    "max_lifetime",
    "killed",
    "service_stopped",
    "handler_error",
    "tls_error",
    "io_error",
    "child_exited",
    "child_signalled",
    "flow_expired",
    "fault",
    "panel_restarted",
]
"""Why a connection may have been closed; a peer that was rejected has no connection."""

EventKind = Literal[
    "service.created",
    "service.updated",
    "service.deleted",
    "service.state",
    "service.log",
    "connection.opened",
    "connection.served",
    "connection.data",
    "connection.closed",
    "connection.rejected",
    "connection.error",
    "fault.fired",
    "events.dropped",
    "audit",
]
"""What events may be of."""


def _whole(text: Any) -> Any:
    """A parameter's text as a whole number; no sign but a minus, no spaces, no underscores."""
    if isinstance(text, str):
        if not re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII):
            raise PydanticCustomError("whole", "should be a whole number")
        return int(text)
    return text


def _truth(text: Any) -> Any:
    if isinstance(text, str):
        if text not in ("true", "false"):
            raise PydanticCustomError("truth", "should be true or false")
        return text == "true"
    return text


WholeNumber = Annotated[int, BeforeValidator(_whole)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Number = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=NUMBER_MAXIMUM)]
Seq = Annotated[WholeNumber, Field(ge=0, le=NUMBER_MAXIMUM)]
ServiceName = Annotated[str, Field(pattern=NAME_PATTERN)]
SearchText = Annotated[str, Field(min_length=1, max_length=256)]
Cursor = Annotated[str, Field(max_length=1024)]
Limit = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=LIMIT_MAXIMUM)]


class Query(BaseModel):
    """Query parameters: an unknown one is an error."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def more_errors(cls, given: Mapping[str, Any]) -> list[FieldError]:
        """What only the store can say is wrong; asked whether or not anything else is."""
        return []


class Body(BaseModel):
    """A body's fields: no unknown ones, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Body):
    """A body with nothing in it; it may be left out."""


class ListQuery(Query):
    """What every list takes."""

    limit: Limit = Field(LIMIT_DEFAULT, description="items a page")
    cursor: Cursor | None = Field(None, description="`next_cursor` of the page before")


def bad_event_cursor(given: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with a cursor among events, if anything is."""
    if "cursor" not in given:
        return []
    try:
        EventQuery.parse(cursor=given["cursor"])
    except BadQuery as bad:
        return bad.errors
    return []


class ServicePath(BaseModel):
    """Which service."""

    service: str = Field(pattern=NAME_PATTERN, description="its name")


class ConnectionPath(BaseModel):
    """Which connection."""

    connection: Number = Field(description="its id")


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(description="of the next page; null: this is the last")
    total: int | None = Field(description="how many there are in all; null: nobody counted")


class ServiceView(ServiceDefinition):
    """A service: its definition, and what is observed of it."""

    status: ServiceStatus


class ServiceOutcome(ServiceView):
    """A service after it was to handle one request."""

    handled: bool = Field(description="whether a request came in time")


class DefinitionBody(RootModel[dict[str, Any]]):
    """A service's definition; checked by the engine, which knows what is wrong with all of it."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(ServiceDefinition.__pydantic_core_schema__)


class DefinitionPatch(RootModel[dict[str, Any]]):
    """Some fields of a definition, as a JSON merge patch (RFC 7396): null resets to the default."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "object",
            "title": "DefinitionPatch",
            "description": cls.__doc__,
            "additionalProperties": True,
        }


class EventView(BaseModel):
    """One event."""

    seq: int
    time: str = Field(json_schema_extra={"format": "date-time"})
    service: str | None
    connection: int | None
    kind: EventKind
    data: dict[str, Any]


class MessageView(BaseModel):
    """What was captured of one call of recv or send, or of several that were folded."""

    seq: int
    time: str = Field(json_schema_extra={"format": "date-time"})
    direction: Literal["in", "out"]
    length: int = Field(description="bytes, of which `data` may hold a part")
    data: str | None = Field(description="base64; null: not captured")
    truncated: bool
    count: int = Field(1, description="messages that this stands for")
    injected: bool = Field(False, description="sent by way of the panel, not by the handler")
