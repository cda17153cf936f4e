"""Signing in and out, for browsers; programs send the token with each request."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import Field

from app.api.document import OPEN_TO_ALL, PROBLEMS
from app.api.resource import Resource, answer, nothing, the_access
from app.api.shapes import Body, Nothing

api = Resource(
    "session",
    __name__,
    url_prefix="/api/v1/session",
    abp_tags=[Tag(name="Session", description="signing in and out")],
    abp_responses=PROBLEMS,
)


class SignInBody(Body):
    """Who signs in."""

    token: Annotated[str, Field(min_length=1, max_length=1024)]


class SessionView(Body):
    """A session."""

    csrf_token: str = Field(description="for the header X-CSRF-Token of every unsafe call")


@api.post("", responses={200: SessionView}, openapi_extensions=OPEN_TO_ALL)
def sign_in(body: SignInBody) -> Response:
    """Sign in: the answer sets the session's cookie."""
    access = the_access()
    session = access.sign_in(body.token)
    response = answer(SessionView(csrf_token=session.csrf))
    access.set_cookie(response, session)
    return response


@api.delete("", responses={204: None}, openapi_extensions=OPEN_TO_ALL)
def sign_out(body: Nothing) -> Response:
    """Sign out: the session ends, and its live links with it."""
    response = nothing()
    the_access().sign_out(response)
    return response
