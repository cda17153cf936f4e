"""A page of the open connections, found without making a view of each.

There may be ten thousand of them, and whoever asks competes with their handlers for the interpreter
lock: each is asked for one number, and only those on the page for all of themselves.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter

from app.store import ConnectionPage, ConnectionQuery
from app.store.connection_query import Position
from socketdeck import Connection

Value = Callable[[Connection], float]


def page_of(query: ConnectionQuery, found: Sequence[Connection]) -> ConnectionPage:
    """The page asked for of `found`, connections in no particular order, `state=open` asked."""
    chosen = chosen_of(query, found)
    value = _VALUES[query.key]
    positions: list[Position] = [(value(one), one.id) for one in chosen]
    coming = [
        (position, place) for place, position in enumerate(positions) if query.is_ahead(position)
    ]
    first = heapq.nlargest if query.descending else heapq.nsmallest
    page = first(query.limit + 1, coming, key=itemgetter(0))
    shown = page[: query.limit]
    following = query.cursor(shown[-1][0]) if len(page) > query.limit else None
    items = [chosen[place].as_json() for _, place in shown]
    return ConnectionPage(items, following, len(chosen))


def first_of(query: ConnectionQuery, chosen: Sequence[Connection]) -> list[Connection]:
    """Those of which some may be on the first page of a longer list, in no order."""
    first = heapq.nlargest if query.descending else heapq.nsmallest
    value = _VALUES[query.key]
    return first(query.limit + 1, chosen, key=lambda one: (value(one), one.id))


def chosen_of(query: ConnectionQuery, found: Sequence[Connection]) -> list[Connection]:
    """Those of `found` that are open and pass the filters of a query, in their order."""
    chosen = [one for one in found if one.closed_at is None]
    if query.opened_before is not None:
        latest = query.opened_before
        chosen = [one for one in chosen if one.opened_at < latest]
    if query.peer is not None:
        matches = query.peer.matches
        chosen = [one for one in chosen if matches(one.peer)]
    if query.q is not None:
        text = query.q
        chosen = [
            one
            for one in chosen
            if any(text in part.lower() for part in (one.service, one.peer, one.local) if part)
        ]
    return chosen


def _negative(name: str) -> Value:
    get = attrgetter(name)
    return lambda one: -get(one)


def _rtt(one: Connection) -> float:
    rtt = one.rtt
    return -1.0 if rtt is None else rtt


_VALUES: dict[str, Value] = {
    "id": attrgetter("id"),
    "opened_at": attrgetter("opened_at"),
    "last_activity": attrgetter("last_activity"),
    "bytes_in": attrgetter("bytes_in"),
    "bytes_out": attrgetter("bytes_out"),
    "messages_in": attrgetter("messages_in"),
    "messages_out": attrgetter("messages_out"),
    # These grow with the clock; their order is that of when they began.
    "duration": _negative("opened_at"),
    "idle": _negative("last_activity"),
    "rtt": _rtt,
}
"""What each sort key goes by."""
