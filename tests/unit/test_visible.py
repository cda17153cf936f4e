"""Cells that a spreadsheet would calculate, whatever separates its lists."""

from __future__ import annotations

import pytest

from app.visible import defused


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1", "'=1"),
        ("\t1", "'\t1"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff201", "'\uff201"),
        ("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"),
        ("x;  +1|-1\t@a", "x;  '+1|'-1\t'@a"),
        ('x; "=1"', 'x; "\'=1"'),
        ("x;\uff1d1", "x;'\uff1d1"),
        ("a=1; b-c, -d | e", "a=1; b-c, -d | e"),
        ("", ""),
    ],
)
def test_what_begins_a_formula_is_made_text(cell: str, safe: str) -> None:
    assert defused(cell) == safe
