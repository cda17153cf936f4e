"""Whether the panel is alive, and whether what is to run does. Open to all, and at the root."""

from __future__ import annotations

from typing import Literal

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.document import OPEN_TO_ALL, PROBLEMS
from app.api.resource import Resource, answer, the_panel

api = Resource(
    "health",
    __name__,
    abp_tags=[Tag(name="Panel", description="the panel itself")],
    abp_responses=PROBLEMS,
)


class Health(BaseModel):
    """Alive."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether every service that is to run does."""

    ready: bool
    not_running: dict[str, str] = Field(description="those that do not, with their state")


@api.get("/healthz", responses={200: Health}, openapi_extensions=OPEN_TO_ALL)
def healthz() -> Response:
    """Whether the panel is alive."""
    return answer(Health(status="ok"))


@api.get("/readyz", responses={200: Readiness, 503: Readiness}, openapi_extensions=OPEN_TO_ALL)
def readyz() -> Response:
    """Whether every service that a starting panel brings back runs; else 503 and which do not."""
    missing = the_panel().registry.not_up()
    return answer(Readiness(ready=not missing, not_running=missing), 503 if missing else 200)
