"""From a tree to its text, tidied: no bracket and no quotation mark more than it takes."""

from __future__ import annotations

from app.filters.parser import is_word
from app.filters.tree import And, Node, Not, Or, Term
from app.filters.values import ContainsAny


def unparse(node: Node) -> str:
    """The text of a tree; parsing it gives an equal tree."""
    if isinstance(node, Term):
        return _term(node)
    if isinstance(node, Not):
        return f"-{_within(node.branch)}"
    if isinstance(node, And):
        return " ".join(
            _within(branch) if isinstance(branch, Or) else unparse(branch)
            for branch in node.branches
        )
    return " or ".join(map(unparse, node.branches))


def _within(node: Node) -> str:
    return f"({unparse(node)})" if isinstance(node, (And, Or)) else unparse(node)


def _term(term: Term) -> str:
    if term.field == "text":
        (value,) = term.values
        assert isinstance(value, ContainsAny)
        return value.written if is_word(value.written) else str(value)
    return f"{term.field}:{','.join(map(str, term.values))}"
