"""JSON as Socket.IO uses it, but that a text which is JSON already goes out as it is."""

from __future__ import annotations

import json
from typing import Any


class Encoded(str):
    """JSON text. As an argument of an event it is written as it is, not as a string."""

    __slots__ = ()


def dumps(value: Any, **options: Any) -> str:
    """The same as `json.dumps`; arguments of an event, or of an answer, may be `Encoded`."""
    if isinstance(value, list) and any(isinstance(item, Encoded) for item in value):
        return f"[{','.join(dumps(item, **options) for item in value)}]"
    if isinstance(value, Encoded):
        return str(value)
    return json.dumps(value, **options)


loads = json.loads
