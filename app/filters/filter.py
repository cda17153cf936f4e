"""`Filter`: which events are meant, as a user wrote it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping

from app.filters.evaluation import asks_peers, compiled
from app.filters.needs import Needs, needs_of
from app.filters.parser import parse
from app.filters.subject import PeersOf, Subject
from app.filters.tree import EVERYTHING, Term, terms
from app.filters.writing import unparse
from socketdeck.event import Event

PARSED_KEPT = 256

PeerSource = Callable[[Collection[int]], PeersOf]
"""Tells the peers of connections; asked for many at once, as it may have to look them up."""

NO_PEERS: Mapping[int, str | None] = {}


def no_peers(_: Collection[int]) -> PeersOf:
    """Stands for whoever knows of connections, where nobody does."""
    return NO_PEERS


class Filter:
    """A parsed filter; it never changes, and any thread may use it. Equal ones mean the same."""

    def __init__(self, text: str) -> None:
        """Read a text; raises `BadFilter`. `parse` does the same and keeps what it made."""
        self.text = text
        self.tree = parse(text)
        self.normal = unparse(self.tree)
        """The text, tidied; parsing it gives an equal filter."""
        self.asks_peers = asks_peers(self.tree)
        """Whether the peers of connections make a difference."""
        self.terms: list[Term] = terms(self.tree)
        self.asks_texts = any(term.field in ("text", "data") for term in self.terms)
        """Whether payloads have to be read."""
        self._is_meant = compiled(self.tree)
        self._may_be_meant = compiled(self.tree, True) if self.asks_peers else self._is_meant

    @staticmethod
    def parse(text: str) -> Filter:
        """Read a text; `BadFilter` says what is wrong and where."""
        return _parsed(text)

    @property
    def is_empty(self) -> bool:
        """Whether every event is meant, as nothing is said of any."""
        return self.tree == EVERYTHING

    @property
    def weight(self) -> int:
        """How much an event costs it, as a multiple of what it costs no filter at all."""
        if self.is_empty:
            return 1
        return 2 + len(self.terms) // 4 + self.asks_peers + 3 * self.asks_texts

    def matches(self, event: Event, peers: PeersOf = NO_PEERS) -> bool:
        """Whether an event is meant; `peers` has those of connections, as far as they are known."""
        return self._is_meant(Subject(event, peers))

    def choose(self, events: Iterable[Event], peers_of: PeerSource) -> list[Event]:
        """Those of the events that are meant; peers are asked for once, if it takes them at all."""
        subjects = [Subject(event, NO_PEERS) for event in events]
        subjects = [subject for subject in subjects if self._may_be_meant(subject)]
        if self.asks_peers and subjects:
            self._give_peers(subjects, peers_of)
            subjects = [subject for subject in subjects if self._is_meant(subject)]
        return [subject.event for subject in subjects]

    def needs(self) -> Needs:
        """What every event that is meant has for sure; of a filter with `ago` in it, just now."""
        return needs_of(self.tree)

    @staticmethod
    def _give_peers(subjects: Collection[Subject], peers_of: PeerSource) -> None:
        lacking = [subject for subject in subjects if not subject.has_own_peer]
        numbers = {subject.event.connection for subject in lacking}
        peers = peers_of([number for number in numbers if number is not None]) if numbers else {}
        for subject in lacking:
            subject.peers = peers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.tree == other.tree

    def __hash__(self) -> int:
        return hash(self.tree)

    def __repr__(self) -> str:
        return f"Filter({self.text!r})"


@functools.lru_cache(PARSED_KEPT)
def _parsed(text: str) -> Filter:
    return Filter(text)


EVERY_EVENT = Filter("")
