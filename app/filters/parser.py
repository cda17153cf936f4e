"""From a filter's text to its tree; each error says which characters are wrong.

    filter  = any
    any     = all { "or" all }
    all     = one { [ "and" ] one }
    one     = { "not" | "-" } ( "(" any ")" | term )
    term    = [ FIELD ":" ] value { "," value }

The work is linear in the text's length, which is bounded, as are the depth of brackets and the
number of values: what a filter costs an event is bounded with them.
"""

from __future__ import annotations

import re

from app.filters.errors import BadFilter
from app.filters.fields import FIELDS, Field, find
from app.filters.tree import EVERYTHING, Node, Place, Term, both, either, negated
from app.filters.values import Value
from app.visible import escaped

CHARACTERS_MAXIMUM = 4_096
DEPTH_MAXIMUM = 32
VALUES_MAXIMUM = 100

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()\"]+")
_LISTED = re.compile(r"[^\s()\",]+")
_FIELD = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*):")
_OPERATOR = re.compile(r"(and|or|not)(?=[\s()\"]|$)", re.IGNORECASE)
_PLAIN = re.compile(r'[^"\\]*')
_ESCAPE = re.compile(r"\\(?:([nrt\"\\])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def parse(text: str) -> Node:
    """The tree of a filter; `BadFilter` says what is wrong and where."""
    if len(text) > CHARACTERS_MAXIMUM:
        detail = f"a filter has at most {CHARACTERS_MAXIMUM:,} characters; this one has"
        over = len(text) - CHARACTERS_MAXIMUM
        raise BadFilter(f"{detail} {len(text):,}", CHARACTERS_MAXIMUM, over)
    return _Parser(text).whole()


def is_word(text: str) -> bool:
    """Whether a text without quotation marks would be read as that text and nothing else."""
    return bool(
        _WORD.fullmatch(text)
        and text.isprintable()
        and text[0] != "-"
        and not _FIELD.match(text)
        and not _OPERATOR.fullmatch(text)
    )


class _Parser:
    """Reads one text from left to right; `_at` is the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._values = 0
        self._opened: list[int] = []  # where the brackets stand that are not closed yet

    def whole(self) -> Node:
        self._skip_space()
        if self._is_at_end:
            return EVERYTHING
        node = self._any("")
        if not self._is_at_end:
            raise BadFilter("no bracket was opened for this one to close", self._at, 1)
        return node

    # -- what stands above terms --------------------------------------------------------------

    def _any(self, before: str) -> Node:
        nodes = [self._all(before)]
        while self._take_operator("or"):
            nodes.append(self._all("or"))
        return either(nodes)

    def _all(self, before: str) -> Node:
        nodes = [self._one(before)]
        while True:
            if self._take_operator("and"):
                nodes.append(self._one("and"))
            elif self._is_at_end or self._next == ")" or self._peek_operator() == "or":
                return both(nodes)
            else:
                nodes.append(self._one(""))

    def _one(self, before: str) -> Node:
        is_negated = False
        while True:
            if self._take_operator("not"):
                is_negated, before = not is_negated, "not"
            elif self._next == "-":
                self._at += 1
                is_negated, before = not is_negated, "-"
                if self._next.isspace():
                    break
            else:
                break
        if self._is_at_end or self._next == ")" or self._next.isspace():
            where = f"behind {before!r}" if before else "here"
            length = 0 if self._is_at_end else 1
            raise BadFilter(f"a term is missing {where}", self._at, length)
        operator = self._peek_operator()
        if operator is not None:
            raise BadFilter(
                f"{operator!r} stands between two terms; to look for the word, put it in quotes",
                self._at,
                len(operator),
            )
        node = self._bracket() if self._next == "(" else self._term()
        self._skip_space()
        return negated(node) if is_negated else node

    def _bracket(self) -> Node:
        start = self._at
        if len(self._opened) == DEPTH_MAXIMUM:
            raise BadFilter(f"brackets are at most {DEPTH_MAXIMUM} deep", start, 1)
        self._opened.append(start)
        self._at += 1
        self._skip_space()
        node = self._any("(")
        if self._is_at_end:
            raise BadFilter("this bracket is not closed", start, 1)
        self._opened.pop()
        self._at += 1
        return node

    # -- terms --------------------------------------------------------------------------------

    def _term(self) -> Node:
        start = self._at
        named = _FIELD.match(self._text, start)
        if named is None:
            field = FIELDS["text"]
        else:
            field = self._field(named[1])
            self._at = named.end()
        values = [self._value(field)]
        while field.takes_list and self._next == ",":
            self._at += 1
            values.append(self._value(field))
        if not (self._is_at_end or self._next in "()" or self._next.isspace()):
            raise BadFilter("put a space in front of this", self._at, 1)
        return Term(field.name, tuple(values), Place(start, self._at - start))

    def _field(self, name: str) -> Field:
        try:
            return find(name)
        except ValueError as error:
            raise BadFilter(str(error), self._at, len(name)) from None

    def _value(self, field: Field) -> Value:
        start = self._at
        self._values += 1
        if self._values > VALUES_MAXIMUM:
            raise BadFilter(f"a filter has at most {VALUES_MAXIMUM} values", start, 1)
        is_quoted = self._next == '"'
        if is_quoted:
            text = self._string()
        else:
            found = (_LISTED if field.takes_list else _WORD).match(self._text, start)
            text = found[0] if found else ""
            self._at += len(text)
        if not text:
            raise self._missing(field, start)
        if not is_quoted and not text.isprintable():
            raise self._invisible(start)
        try:
            return (field.literal if is_quoted else field.parse)(text)
        except ValueError as error:
            raise BadFilter(str(error), start, self._at - start) from None

    def _string(self) -> str:
        start = self._at
        self._at += 1
        parts = []
        while True:
            plain = _PLAIN.match(self._text, self._at)
            assert plain is not None
            parts.append(plain[0])
            self._at = plain.end()
            if self._is_at_end:
                raise BadFilter("this quotation mark is not closed", start, 1)
            if self._next == '"':
                self._at += 1
                return "".join(parts)
            parts.append(self._escape())

    def _escape(self) -> str:
        found = _ESCAPE.match(self._text, self._at)
        number = 0
        if found is not None and found[1] is None:
            number = int(found[2] or found[3] or found[4], 16)
        if found is None or number > 0x10FFFF:
            raise BadFilter(
                r"within quotes a backslash is \\, and there are \" \n \r \t \x1b \u20ac",
                self._at,
                min(2, len(self._text) - self._at),
            )
        self._at = found.end()
        return _ESCAPES[found[1]] if found[1] else chr(number)

    def _missing(self, field: Field, start: int) -> BadFilter:
        if self._at > start:
            return BadFilter("something has to stand between the quotes", start, self._at - start)
        if self._next == "(" and field.takes_list:
            return BadFilter(f"a list is written with commas, like {field.name}:A,B", start, 1)
        hint = f", like {field.name}:{field.example}" if field.example else ""
        length = 0 if self._is_at_end else 1
        return BadFilter(f"a value is missing here{hint}", start, length)

    def _invisible(self, start: int) -> BadFilter:
        at = next(at for at in range(start, self._at) if not self._text[at].isprintable())
        escape = escaped(self._text[at])
        return BadFilter(f'this does not show; between quotes write it "{escape}"', at, 1)

    # -- characters ---------------------------------------------------------------------------

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    @property
    def _is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        self._at = space.end()

    def _peek_operator(self) -> str | None:
        found = _OPERATOR.match(self._text, self._at)
        return None if found is None else found[0].lower()

    def _take_operator(self, operator: str) -> bool:
        if self._peek_operator() != operator:
            return False
        self._at += len(operator)
        self._skip_space()
        return True
