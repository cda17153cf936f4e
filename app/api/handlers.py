"""Handlers: what a service can serve."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from app.api.document import PROBLEMS
from app.api.paging import cut_page
from app.api.resource import Resource, answer, the_panel
from app.api.shapes import Body, ListQuery, Page
from app.api.waiting import waiting
from app.problems import problem
from socketdeck.address import Transport
from socketdeck.definition import Concurrency
from socketdeck.errors import FieldError, LoadError
from socketdeck.loading import FileFailure, HandlerDescription, check, listing

api = Resource(
    "handlers",
    __name__,
    url_prefix="/api/v1/handlers",
    abp_tags=[Tag(name="Handlers", description="what a service can serve")],
    abp_responses=PROBLEMS,
)


def _refuse(given: Any, info: ValidationInfo) -> None:
    if given is not None:
        raise PydanticCustomError("unbuilt", f"{info.field_name} is not built yet; leave it out")


NotBuilt = Annotated[None, BeforeValidator(_refuse)]


class HandlerPage(Page[HandlerDescription]):
    """One page of handlers, with the files of the handlers folder that cannot be imported."""

    errors: list[FileFailure]


class CheckBody(Body):
    """What is to be resolved, and optionally the service that it is for."""

    handler: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        description="a name from the catalogue, or module:Class"
    )
    server: NotBuilt = Field(None, description="not built yet")
    factory: NotBuilt = Field(None, description="not built yet")
    transport: Transport | None = None
    concurrency: Concurrency | None = None
    options: dict[str, Any] | None = None


@api.get("", responses={200: HandlerPage})
def list_handlers(query: ListQuery) -> Response:
    """The catalogue, what installed packages give, and what stands in the handlers folder."""
    with waiting():
        found = listing(the_panel().configuration.handlers)
    order = {handler.name: place for place, handler in enumerate(found.handlers)}
    page, cursor = cut_page(
        found.handlers,
        sort="place",
        keys={"place": lambda handler: order[handler.name]},
        name=lambda handler: handler.name,
        cursor=query.cursor,
        limit=query.limit,
    )
    return answer(
        HandlerPage(
            items=page, next_cursor=cursor, total=len(found.handlers), errors=list(found.errors)
        )
    )


@api.post("/check", responses={200: HandlerDescription})
def check_handler(body: CheckBody) -> Response:
    """Resolve a handler, or say exactly why not; its module is imported in a child process."""
    try:
        with waiting():
            found = check(
                body.handler,
                folder=the_panel().configuration.handlers,
                transport=body.transport,
                options=body.options,
                concurrency=body.concurrency,
            )
    except LoadError as error:
        errors = [FieldError("/handler", str(error))]
        return problem(422, detail=str(error), errors=errors, traceback=error.traceback)
    return answer(found)
