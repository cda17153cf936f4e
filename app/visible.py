"""Text that others wrote, as it is safe to show: on a terminal, and in a spreadsheet."""

from __future__ import annotations

import re

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_SIGNS = r"=+\-@\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet takes for the beginning of something to calculate, full-width signs too."""

_FORMULA = re.compile(rf'^(?=[{_SIGNS}\t\r\n])|[;|\t][ "]*(?=[{_SIGNS}])')
"""Also where a cell begins for one whose lists are separated otherwise than by commas."""


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
    """A cell of a table of which no spreadsheet calculates anything: apostrophes make it text."""
    return _FORMULA.sub(r"\g<0>'", cell)
