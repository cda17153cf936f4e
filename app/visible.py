"""Text that others wrote, as it is safe to show: on a terminal, and in a spreadsheet."""

from __future__ import annotations

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of something to calculate, or passes over before."""


def escaped(character: str) -> str:
    """A character as an escape: `\\n`, `\\x1b`, `\\u202e`."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def visible(text: str) -> str:
    """A text with escapes for what does not show, or would make a terminal do something."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else escaped(one) for one in text)


def defused(cell: str) -> str:
    """A cell of a table that no spreadsheet calculates: an apostrophe makes it text."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
