"""The texts of an event, and how one text is looked for in another: whatever its case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from socketdeck.event import Event

DEPTH_MAXIMUM = 100
"""Of values within values; what is deeper is not looked at."""

_BECOME_ASCII = (b"\xe2\x84\xaa", b"\xc4\xb0")
"""In UTF-8, what is not ASCII but is in lower case (the Kelvin sign, a dotted capital I)."""


def folded(text: str) -> str:
    """A text as it is compared."""
    return text.lower()


def texts_of(event: Event) -> list[str]:
    """All texts of an event, folded: its kind, its service, and what its data hold."""
    found = [folded(event.kind)]
    if event.service is not None:
        found.append(folded(event.service))
    found += _texts_in(event.data, DEPTH_MAXIMUM)
    return found


def payload_text(payload: Any) -> str | None:
    """A payload as text, folded; what is no UTF-8 in it has a mark in its place."""
    if not isinstance(payload, bytes):
        return None
    return folded(payload.decode("utf-8", "replace"))


def may_occur(text: str, packed: bytes) -> bool:
    """Whether a folded text may occur in events whose texts stand in `packed`, in UTF-8.

    `packed` is in lower case as far as it is ASCII. A quick look that is sometimes wrong, and then
    says that it may.
    """
    if not text.isascii() or text.encode("ascii") in packed:
        return True
    return any(character in packed for character in _BECOME_ASCII)


def _texts_in(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield folded(value)
    elif isinstance(value, bytes):
        yield folded(value.decode("utf-8", "replace"))
    elif isinstance(value, (dict, list)) and depth:
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(item, depth - 1)
