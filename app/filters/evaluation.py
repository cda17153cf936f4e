"""From a tree to a function that says whether an event is meant.

A term about the peer of an event that does not tell it needs the connection's, which may be a
question to a database. So a second function, that takes such a term for true or for false as suits
best, says first whether the event may be meant at all.
"""

from __future__ import annotations

from collections.abc import Callable

from app.filters.fields import FIELDS
from app.filters.subject import Subject
from app.filters.tree import And, Node, Not, Term, terms

Test = Callable[[Subject], bool]


def asks_peers(node: Node) -> bool:
    """Whether it has a term about peers."""
    return any(term.field == "peer" for term in terms(node))


def compiled(node: Node, unresolved: bool | None = None) -> Test:
    """The function for a tree.

    `unresolved` is what a term about a peer is where the event does not tell it: `None` for what
    the connection's peer makes it, `True` for whatever lets the event through.
    """
    if isinstance(node, Term):
        return _of_term(node, unresolved)
    if isinstance(node, Not):
        inner = compiled(node.branch, None if unresolved is None else not unresolved)
        return lambda subject: not inner(subject)
    tests = [compiled(branch, unresolved) for branch in node.branches]
    return _all(tests) if isinstance(node, And) else _any(tests)


def _all(tests: list[Test]) -> Test:
    # A loop in place of `all`, which takes half as long again.
    def test_all(subject: Subject) -> bool:
        for test in tests:  # noqa: SIM110
            if not test(subject):
                return False
        return True

    return test_all


def _any(tests: list[Test]) -> Test:
    def test_any(subject: Subject) -> bool:
        for test in tests:  # noqa: SIM110
            if test(subject):
                return True
        return False

    return test_any


def _of_term(term: Term, unresolved: bool | None) -> Test:
    read = FIELDS[term.field].read
    matchers = [value.matches for value in term.values]
    only = matchers[0]

    def test_one(subject: Subject) -> bool:
        value = read(subject)
        return value is not None and only(value)

    def test_any(subject: Subject) -> bool:
        value = read(subject)
        return value is not None and any(matches(value) for matches in matchers)

    test = test_one if len(matchers) == 1 else test_any
    if term.field != "peer" or unresolved is None:
        return test
    return lambda subject: test(subject) if subject.has_own_peer else unresolved
