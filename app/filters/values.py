"""What a field is compared with: the values that may stand behind its colon.

Each says whether a value of an event is meant (`matches`), which has the type that its field reads,
and how it is written (`str`), such that reading that gives an equal one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.filters.moments import Moments
from app.filters.texts import folded
from app.peers import Peer
from app.visible import escaped

NUMBER_CHARACTERS = 25
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3})?)([A-Za-z]*)")
_PLAIN = re.compile(r"[^\s()\"\\,*]+")
_PLAIN_WHOLE = re.compile(r"[^\s()\"\\]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True, slots=True)
class Present:
    """Any value: `field:*`."""

    def matches(self, value: Any) -> bool:
        return True

    def __str__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class Exactly:
    """One text, whatever its case."""

    text: str
    """Folded."""
    written: str = field(compare=False)

    @classmethod
    def of(cls, text: str) -> Exactly:
        return cls(folded(text), text)

    def matches(self, value: str) -> bool:
        return folded(value) == self.text

    def __str__(self) -> str:
        plain = _PLAIN.fullmatch(self.written) and self.written.isprintable()
        return self.written if plain else quoted(self.written)


@dataclass(frozen=True, slots=True)
class Contains:
    """A text that occurs in another, whatever its case. `matches` takes a folded one."""

    text: str
    """Folded."""
    written: str = field(compare=False)

    @classmethod
    def of(cls, text: str) -> Contains:
        return cls(folded(text), text)

    def matches(self, value: str) -> bool:
        return self.text in value

    def __str__(self) -> str:
        plain = _PLAIN_WHOLE.fullmatch(self.written) and self.written.isprintable()
        return self.written if plain and self.written != "*" else quoted(self.written)


@dataclass(frozen=True, slots=True)
class ContainsAny:
    """A text that occurs in any of an event's texts. `matches` takes folded ones."""

    text: str
    """Folded."""
    written: str = field(compare=False)

    @classmethod
    def of(cls, text: str) -> ContainsAny:
        return cls(folded(text), text)

    def matches(self, value: Iterable[str]) -> bool:
        return any(self.text in one for one in value)

    def __str__(self) -> str:
        return quoted(self.written)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with `*` in it, each of which stands for any text.

    Its parts are found from left to right, each as early as it may be: an expression would look for
    them over and over.
    """

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Pattern:
        # Two stars beside each other mean what one does.
        return cls(tuple(re.sub(r"\*+", "*", folded(text)).split("*")))

    def matches(self, value: str) -> bool:
        text = folded(value)
        first, *middle, last = self.parts
        if not text.startswith(first):
            return False
        at = len(first)
        for part in middle:
            found = text.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return len(text) - len(last) >= at and text.endswith(last)

    def __str__(self) -> str:
        return "*".join(self.parts)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some known names, which `text` stands for."""

    text: str
    names: frozenset[str]

    def matches(self, value: str) -> bool:
        return value in self.names

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers from `low` to `high`, both meant too unless `is_open`; `None`: without an end."""

    low: float | None
    high: float | None
    is_open: bool = False
    """The end that there is, of one alone, is not meant itself."""

    @classmethod
    def parse(cls, text: str, units: dict[str, float]) -> Numbers:
        """Read `100`, `>100`, `<=1.5`, `10..20`, `10..`; `ValueError` says what is wrong."""
        low, dots, high = text.partition("..")
        if dots:
            least, most = (_number(end, units) if end else None for end in (low, high))
            if least is None and most is None:
                raise ValueError("a range has a number at one end, or at both")
            if least is not None and most is not None and least > most:
                raise ValueError("this range ends before it begins")
            return cls(least, most)
        sign = re.match(r"[<>]?=?", text)
        assert sign is not None
        number = _number(text[sign.end() :], units)
        if sign[0] in (">", ">="):
            return cls(number, None, sign[0] == ">")
        if sign[0] in ("<", "<="):
            return cls(None, number, sign[0] == "<")
        return cls(number, number)

    def matches(self, value: float) -> bool:
        if self.low is not None and (value <= self.low if self.is_open else value < self.low):
            return False
        return self.high is None or (value < self.high if self.is_open else value <= self.high)

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.low!r}"
        if self.high is None:
            return f"{'>' if self.is_open else '>='}{self.low!r}"
        if self.low is None:
            return f"{'<' if self.is_open else '<='}{self.high!r}"
        return f"{self.low!r}..{self.high!r}"


@dataclass(frozen=True, slots=True)
class Peers:
    """Addresses of peers."""

    peer: Peer
    text: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", str(Exactly.of(self.peer.text)))

    def matches(self, value: str) -> bool:
        return self.peer.matches(value)

    def __str__(self) -> str:
        return self.text


Value = Present | Exactly | Contains | ContainsAny | Pattern | OneOf | Numbers | Moments | Peers


def quoted(text: str) -> str:
    """A text between quotation marks, with escapes for what would not show."""
    return '"' + "".join(map(_as_quoted, text)) + '"'


def _as_quoted(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else escaped(character)


def _number(text: str, units: dict[str, float]) -> float:
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > NUMBER_CHARACTERS:
        raise ValueError(f"{shortened(text)!r} is no number" if text else "a number is missing")
    digits, unit = found.groups()
    if unit and unit not in units:
        known = f"; there are {', '.join(units)}" if units else "; this field has none"
        raise ValueError(f"there is no unit {shortened(unit)!r}{known}")
    number = float(digits) * units.get(unit, 1)
    if number == float("inf"):
        raise ValueError(f"{text!r} is too large a number")
    if not unit and digits.isdigit():
        return int(digits)
    return int(number) if number.is_integer() and number < 2**53 else number


def shortened(text: str) -> str:
    """A text as an error names it."""
    return text if len(text) <= 40 else f"{text[:40]}..."
