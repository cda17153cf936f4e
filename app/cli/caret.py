"""Where a text is wrong, shown under the text."""

from __future__ import annotations

import unicodedata

COLUMNS = 76
"""Of the text; where it is longer, what is shown is around the place."""


def pointed_at(text: str, detail: str, position: int, length: int) -> str:
    """A sentence, and the text with carets under `length` characters from `position` on."""
    start = max(0, position - COLUMNS // 2) if len(text) > COLUMNS else 0
    end = start + COLUMNS
    before, wrong = text[start:position], text[position : min(position + length, end)]
    shown = f"{'...' if start else ''}{_shown(text[start:end])}{'...' if end < len(text) else ''}"
    blank = " " * (_width(_shown(before)) + (3 if start else 0))
    return f"{detail}\n  {shown}\n  {blank}{'^' * max(1, _width(_shown(wrong)))}"


def _shown(text: str) -> str:
    """The text with a mark for whatever does not show, which keeps its place."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
