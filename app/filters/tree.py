"""A filter as a tree: terms, and `And`, `Or` and `Not` above them.

The makers keep it in one form: no `And` stands in an `And`, no `Not` in a `Not`, none has a single
branch. So two filters that differ only in brackets or spaces are equal trees. `And(())`, the empty
filter, lets everything through.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from app.filters.values import Value


class Place(NamedTuple):
    """Where something stands in the text, in characters."""

    position: int
    length: int


@dataclass(frozen=True, slots=True)
class Term:
    """An event's field is one of some values. Free text is of the field `text`."""

    field: str
    values: tuple[Value, ...]
    place: Place = dataclasses.field(default=Place(0, 0), compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """What the branch is not."""

    branch: Node


@dataclass(frozen=True, slots=True)
class And:
    """What all branches are."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What any branch is."""

    branches: tuple[Node, ...]


Node = Term | Not | And | Or

EVERYTHING = And(())


def negated(node: Node) -> Node:
    """What `node` is not."""
    return node.branch if isinstance(node, Not) else Not(node)


def both(nodes: Iterable[Node]) -> Node:
    """What all of them are; of none, everything."""
    branches = tuple(_flat(And, nodes))
    return branches[0] if len(branches) == 1 else And(branches)


def either(nodes: Iterable[Node]) -> Node:
    """What any of them is, of one or more."""
    branches = tuple(_flat(Or, nodes))
    return branches[0] if len(branches) == 1 else Or(branches)


def terms(node: Node) -> list[Term]:
    """All terms, in the order of the text."""
    if isinstance(node, Term):
        return [node]
    branches = (node.branch,) if isinstance(node, Not) else node.branches
    return [term for branch in branches for term in terms(branch)]


def _flat(kind: type[And | Or], nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, (And, Or)) and isinstance(node, kind):
            yield from node.branches
        else:
            yield node
