"""Topics: what a client can subscribe to, and which events belong to it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from app.filters import BadFilter, Filter, PeerSource, no_peers
from app.store import BadQuery
from app.store.events import EventQuery
from socketdeck import Event

FILTERS = ("service", "connection", "kind", "q")
TEXT_MAXIMUM = 256


class BadSubscription(Exception):
    """What a client asks for makes no sense; says why in one sentence.

    Of a filter's text `place` says where it is wrong, as `position` and `length` in characters.
    """

    def __init__(self, detail: str, **place: int) -> None:
        self.place = place
        super().__init__(detail)


class Topic(NamedTuple):
    """What is subscribed to. Equal ones are one topic, and get the same frames."""

    name: str
    service: str | None = None
    connection: int | None = None
    filters: str = "{}"
    """For `events`, as JSON."""

    @classmethod
    def parse(cls, asked: Any) -> Topic:
        """Read what a client asks for; `BadSubscription` says what is wrong with it."""
        if not isinstance(asked, Mapping):
            raise BadSubscription("subscribe with an object: {topic, ...}")
        name = asked.get("topic")
        known = {"overview": (), "service": ("name",), "connection": ("id",), "events": ("filter",)}
        if not isinstance(name, str) or name not in known:
            raise BadSubscription(f"there is no topic {name!r}; there are {', '.join(known)}")
        extra = sorted(set(map(str, asked)) - {"topic", "after", *known[name]})
        if extra:
            raise BadSubscription(f"{name} takes no {extra[0]!r}")
        if name == "service":
            return cls(name, service=_text(asked.get("name"), "name"))
        if name == "connection":
            return cls(name, connection=_number(asked.get("id"), "id"))
        if name == "events":
            return cls(name, filters=_filters(asked.get("filter")))
        return cls(name)

    @property
    def key(self) -> tuple[str, str | int | None]:
        """What a client tells it by: it has one subscription for each."""
        return self.name, self.service if self.name == "service" else self.connection

    @property
    def members(self) -> str:
        """How its frames begin: `"topic":...` and its name or id, as JSON without braces."""
        members: dict[str, Any] = {"topic": self.name}
        if self.name == "service":
            members["name"] = self.service
        elif self.name == "connection":
            members["id"] = self.connection
        elif "filter" in (filters := json.loads(self.filters)):
            # A client that has just asked for another filter may still get a frame of the last one.
            members["filter"] = filters["filter"]
        return json.dumps(members, separators=(",", ":"))[1:-1]

    @property
    def history_filters(self) -> dict[str, Any]:
        """The filters with which history finds its events."""
        if self.name == "events":
            filters: dict[str, Any] = json.loads(self.filters)
            return filters
        return {"service": self.service, "connection": self.connection}


def choose(topic: Topic, events: list[Event], peers_of: PeerSource = no_peers) -> list[Event]:
    """The events of a topic; those that tell of lost ones are of every topic."""
    if topic.name == "overview":
        return events
    return _query_of(topic).choose_live(events, peers_of)


def services_of(topic: Topic) -> frozenset[str]:
    """The services whose events alone it is about; empty where that may be any."""
    if topic.name == "overview":
        return frozenset()
    named = [needs.services for needs in _query_of(topic).needs() if needs.services]
    return named[0] if named else frozenset()


@functools.lru_cache(1024)
def _query_of(topic: Topic) -> EventQuery:
    return EventQuery.parse(**topic.history_filters)


def read_after(asked: Mapping[str, Any]) -> int | None:
    """The `seq` from which a client wants to catch up, if it does."""
    after = asked.get("after")
    return None if after is None else _number(after, "after")


def _filters(given: Any) -> str:
    if given is None:
        given = {}
    if isinstance(given, str):
        return _filter_text(given)
    if not isinstance(given, Mapping):
        raise BadSubscription("a filter is a text, or an object: {service, connection, kind, q}")
    extra = sorted(set(map(str, given)) - set(FILTERS))
    if extra:
        raise BadSubscription(f"there is no filter {extra[0]!r}; there are {', '.join(FILTERS)}")
    found: dict[str, Any] = {}
    for name in ("service", "q"):
        if given.get(name) is not None:
            found[name] = _text(given[name], name)
    if given.get("connection") is not None:
        found["connection"] = _number(given["connection"], "connection")
    if given.get("kind") is not None:
        kinds = [given["kind"]] if isinstance(given["kind"], str) else given["kind"]
        if not isinstance(kinds, list) or len(kinds) > 32:
            raise BadSubscription("kind is one kind of event, or a list of some")
        found["kind"] = sorted({_text(kind, "kind") for kind in kinds})
    try:
        EventQuery.parse(**found)
    except BadQuery as bad:
        raise BadSubscription(str(bad)) from None
    return json.dumps(found, sort_keys=True)


def _filter_text(given: str) -> str:
    try:
        wanted = Filter.parse(given)
    except BadFilter as bad:
        raise BadSubscription(bad.detail, position=bad.position, length=bad.length) from None
    # Tidied, so that whoever asks for the same gets the same frames.
    return "{}" if wanted.is_empty else json.dumps({"filter": wanted.normal})


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAXIMUM:
        raise BadSubscription(f"{name} is a text of 1 to {TEXT_MAXIMUM} characters")
    return value


def _number(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise BadSubscription(f"{name} is a whole number from 0 on")
    return value
