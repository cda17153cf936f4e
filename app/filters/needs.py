"""What every event that a filter lets through has for sure, for whoever finds them by an index.

These are necessary conditions, not sufficient ones: a `Not` says nothing, an `Or` says what all its
branches have in common.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from app.filters.moments import Moments
from app.filters.tree import And, Node, Not, Term
from app.filters.values import ContainsAny, Exactly, Numbers, OneOf

MEMBERS_MAXIMUM = 32
"""A longer list of services or connections is not worth an index."""

TEXTS_MAXIMUM = 4

Member = TypeVar("Member", str, int)
Range = tuple[float | None, float | None]
"""From and to, both meant too; `None`: without an end."""

ANY: Range = (None, None)


@dataclass(frozen=True, slots=True)
class Needs:
    """Of a set, the event's is one; `None`: it may be any."""

    services: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    connections: frozenset[int] | None = None
    seqs: Range = ANY
    times: Range = ANY
    """Seconds since the epoch."""
    texts: tuple[str, ...] = ()
    """Folded; each of them occurs in one of its texts."""


def needs_of(node: Node) -> Needs:
    """What the events that a tree lets through have in common."""
    if isinstance(node, Term):
        return _of_term(node)
    if isinstance(node, Not):
        return Needs()
    found = [needs_of(branch) for branch in node.branches]
    return _of_all(found) if isinstance(node, And) else _of_any(found)


def _of_term(term: Term) -> Needs:
    match term.field:
        case "service":
            return Needs(services=_members(map(_name, term.values)))
        case "kind":
            kinds = [value.names for value in term.values if isinstance(value, OneOf)]
            return Needs(kinds=_union(kinds) if len(kinds) == len(term.values) else None)
        case "connection":
            return Needs(connections=_members(map(_number, term.values)))
        case "seq":
            return _of_any([Needs(seqs=_seqs(value)) for value in term.values])
        case "time":
            return _of_any([Needs(times=_times(value)) for value in term.values])
        case "text":
            return Needs(texts=tuple(_text(value) for value in term.values))
    return Needs()


def _name(value: object) -> str | None:
    return value.text if isinstance(value, Exactly) and value.text.isascii() else None


def _number(value: object) -> int | None:
    is_one = isinstance(value, Numbers) and value.low is not None and value.low == value.high
    if not is_one:
        return None
    assert isinstance(value, Numbers)
    assert value.low is not None
    return int(value.low)


def _seqs(value: object) -> Range:
    return (value.low, value.high) if isinstance(value, Numbers) else ANY


def _times(value: object) -> Range:
    return value.around() if isinstance(value, Moments) else ANY


def _text(value: object) -> str:
    assert isinstance(value, ContainsAny)
    return value.text


def _members(found: Iterable[Member | None]) -> frozenset[Member] | None:
    members: set[Member] = set()
    for one in found:
        if one is None or len(members) == MEMBERS_MAXIMUM:
            return None
        members.add(one)
    return frozenset(members)


# -- together ---------------------------------------------------------------------------------


def _of_all(found: Iterable[Needs]) -> Needs:
    whole = Needs()
    for one in found:
        whole = Needs(
            services=_intersection(whole.services, one.services),
            kinds=_intersection(whole.kinds, one.kinds),
            connections=_intersection(whole.connections, one.connections),
            seqs=_overlap(whole.seqs, one.seqs),
            times=_overlap(whole.times, one.times),
            texts=(whole.texts + one.texts)[:TEXTS_MAXIMUM],
        )
    return whole


def _of_any(found: list[Needs]) -> Needs:
    return Needs(
        services=_union([one.services for one in found]),
        kinds=_union([one.kinds for one in found]),
        connections=_union([one.connections for one in found]),
        seqs=_hull([one.seqs for one in found]),
        times=_hull([one.times for one in found]),
    )


def _intersection(
    one: frozenset[Member] | None, other: frozenset[Member] | None
) -> frozenset[Member] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _union(found: Iterable[frozenset[Member] | None]) -> frozenset[Member] | None:
    members: set[Member] = set()
    for one in found:
        if one is None or len(members) + len(one) > MEMBERS_MAXIMUM:
            return None
        members |= one
    return frozenset(members)


def _overlap(one: Range, other: Range) -> Range:
    lows = [low for low, _ in (one, other) if low is not None]
    highs = [high for _, high in (one, other) if high is not None]
    return max(lows, default=None), min(highs, default=None)


def _hull(found: Iterable[Range]) -> Range:
    lows: list[float] = []
    highs: list[float] = []
    ends = list(found)
    for low, high in ends:
        lows += [] if low is None else [low]
        highs += [] if high is None else [high]
    return (
        min(lows) if len(lows) == len(ends) else None,
        max(highs) if len(highs) == len(ends) else None,
    )
