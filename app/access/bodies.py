"""What a body must be before any view sees it: not too large, and JSON where it is for the API.

A JSON text here is what RFC 8259 says and no more: Python's own reader would take NaN, and texts
with half a surrogate pair, which nothing behind it could store or send.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask import Flask, Request
from werkzeug.exceptions import UnsupportedMediaType

from app.problems import Refused

BODY_BYTES = 1 << 20


def install(app: Flask) -> None:
    """Cap the bodies of this application.

    One byte above what is taken: where a body does not say how long it is (chunked), werkzeug stops
    reading at its cap without a word, and that byte tells that there was more.
    """
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES + 1


def check_length(request: Request) -> None:
    """Refuse a body that says it is too large (413), whether or not a view would read it."""
    if request.content_length is not None and request.content_length > BODY_BYTES:
        raise _too_large()


def check_json(request: Request) -> None:
    """Refuse a body that is there and is not JSON: 415 by its type, 400 by what it holds."""
    body = request.get_data(cache=True)
    if len(body) > BODY_BYTES:
        raise _too_large()
    if not body:
        return
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        read_json(body)
    except ValueError as error:
        raise Refused(400, None, f"the body is not JSON: {error}") from None


def read_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8; `ValueError` says what is wrong with it, and where."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}, at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("a text in it has half a surrogate pair") from None
    return value


def _too_large() -> Refused:
    return Refused(413, None, f"the body is larger than {BODY_BYTES} bytes, the most that is taken")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")
