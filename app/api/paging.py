"""Pages of a list that is in memory: sorted by one key, from a cursor on.

A cursor is a position in the order, not an offset: pages neither skip nor repeat what stayed in
place while others came and went.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from app.store import BadQuery
from socketdeck.errors import FieldError

NO_CURSOR = "is no cursor that a list gave"

Item = TypeVar("Item")
Position = tuple[float | str, str]
"""The value of the sort key, then the name, which is unique."""


def bad_page(
    sort: str, keys: Mapping[str, Callable[..., float | str]], cursor: str | None
) -> list[FieldError]:
    """What is wrong with an order and a cursor, if anything is."""
    if sort.removeprefix("-") not in keys:
        detail = f"{sort!r} is no key to sort by; use {', '.join(keys)}"
        return [FieldError("/sort", detail)]
    try:
        if cursor is not None:
            _decode(cursor, sort)
    except ValueError as error:
        return [FieldError("/cursor", str(error))]
    return []


def cut_page(
    items: Iterable[Item],
    *,
    sort: str,
    keys: Mapping[str, Callable[[Item], float | str]],
    name: Callable[[Item], str],
    cursor: str | None,
    limit: int,
) -> tuple[list[Item], str | None]:
    """The items of one page, and the cursor of the next; `BadQuery` names what makes no sense."""
    errors = bad_page(sort, keys, cursor)
    if errors:
        raise BadQuery(errors)
    descending = sort.startswith("-")
    key = keys[sort.removeprefix("-")]
    placed = [((key(item), name(item)), item) for item in items]
    if cursor is not None:
        after = _decode(cursor, sort)
        try:
            placed = [
                place for place in placed if (place[0] < after if descending else place[0] > after)
            ]
        except TypeError:  # a cursor with a text for a number
            raise BadQuery([FieldError("/cursor", NO_CURSOR)]) from None
    placed.sort(key=lambda place: place[0], reverse=descending)
    page = placed[:limit]
    following = _encode(sort, page[-1][0]) if len(placed) > limit else None
    return [item for _, item in page], following


def _encode(sort: str, position: Position) -> str:
    text = json.dumps([sort, *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def _decode(cursor: str, sort: str) -> tuple[Any, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, value, name = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        raise ValueError(NO_CURSOR) from None
    if made_for != sort:
        raise ValueError(f"was given for another order than {sort!r}; start without one")
    if not isinstance(value, (str, int, float)) or not isinstance(name, str):
        raise ValueError(NO_CURSOR)
    return value, name
