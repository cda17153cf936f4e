"""Bytes in a body of JSON: as text, as hexadecimal digits, or in base64."""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from app.store import BadQuery
from socketdeck.errors import FieldError

Encoding = Literal["text", "hex", "base64"]


def bytes_of(text: str, encoding: Encoding, limit: int) -> bytes:
    """The bytes that the field `data` stands for; `BadQuery` where it cannot, or for too many."""
    try:
        if encoding == "hex":
            data = bytes.fromhex(text)
        elif encoding == "base64":
            data = base64.b64decode(text, validate=True)
        else:
            data = text.encode("utf-8")
    except (ValueError, binascii.Error):
        raise BadQuery([FieldError("/data", f"this is no {encoding}")]) from None
    if len(data) > limit:
        detail = f"these are {len(data)} bytes; at most {limit} are sent"
        raise BadQuery([FieldError("/data", detail)])
    return data


def text_of(data: bytes, encoding: Encoding) -> tuple[str, Encoding]:
    """The same the other way; base64 where text is asked for, and these bytes are no UTF-8."""
    if encoding == "hex":
        return data.hex(), "hex"
    if encoding == "text":
        try:
            return data.decode("utf-8"), "text"
        except UnicodeDecodeError:
            pass
    return base64.b64encode(data).decode("ascii"), "base64"
