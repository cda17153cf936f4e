"""What a body must be before any view sees it: whole, not too large, and JSON for the API.

A body that broke off must not be acted upon (RFC 9112, 8), though what came of it may well make
sense; and a web server gives an application what came, without a word.

A JSON text here is what RFC 8259 says and no more: Python's own reader would take NaN, texts with
half a surrogate pair, which nothing behind it could store or send, and a name that is twice in an
object, of which it forgets the first.
"""

from __future__ import annotations

import codecs
import json
from typing import Any, NoReturn

from flask import Flask, Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, UnsupportedMediaType

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


def check_whole(request: Request) -> None:
    """Read the body; refuse one that is encoded (415), broke off (400) or is too large (413)."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        detail = f"a body with Content-Encoding {encoding} is not taken; send it as it is"
        raise Refused(415, None, detail, headers={"Accept-Encoding": "identity"})
    try:
        body = request.get_data(cache=True)
    except ClientDisconnected:
        raise Refused(400, None, "the body broke off before its end") from None
    except ParseException:
        detail = "the body is not chunked as HTTP/1.1 says (RFC 9112, 7.1)"
        raise Refused(400, None, detail) from None
    if len(body) > BODY_BYTES:
        raise _too_large()
    said = request.content_length
    if said is not None and len(body) < said:
        raise Refused(400, None, f"the body broke off: {len(body)} of its {said} bytes came")


def check_json(request: Request) -> None:
    """Refuse a body that is there and is not JSON: 415 by its type, 400 by what it holds."""
    body = request.get_data(cache=True)
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
    if body.startswith(codecs.BOM_UTF8):
        raise ValueError("it begins with a byte order mark (BOM); leave it out")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_object_of_pairs
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}, at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("a text in it has half a surrogate pair") from None
    except _RefusedValue:
        raise
    except ValueError:  # Python's own limit: see sys.set_int_max_str_digits
        raise ValueError("a number in it has too many digits") from None
    return value


class _RefusedValue(ValueError):
    """What Python's reader would take and this one does not."""


def _too_large() -> Refused:
    return Refused(413, None, f"the body is larger than {BODY_BYTES} bytes, the most that is taken")


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedValue(f"{name} is no number of JSON's")


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise _RefusedValue(f"{json.dumps(name)} is there more than once in one object")
        made[name] = value
    return made
