"""The language that says which events are meant: `service:echo kind:data -peer:10.0.0.0/8 "GET /"`.

    wanted = Filter.parse(text)            # BadFilter says what is wrong, and at which characters
    wanted.choose(events, peers_of)        # peers_of tells the peers of connections, by their ids

Nothing here knows a store, a socket or the web. `docs/filters.md` tells users of the language.
"""

from __future__ import annotations

from app.filters.errors import BadFilter
from app.filters.fields import FIELDS, KINDS, REASONS, Field
from app.filters.filter import EVERY_EVENT, Filter, PeerSource, no_peers
from app.filters.moments import parse_moment
from app.filters.needs import Needs
from app.filters.parser import CHARACTERS_MAXIMUM
from app.filters.subject import PeersOf

__all__ = [
    "CHARACTERS_MAXIMUM",
    "EVERY_EVENT",
    "FIELDS",
    "KINDS",
    "REASONS",
    "BadFilter",
    "Field",
    "Filter",
    "Needs",
    "PeerSource",
    "PeersOf",
    "no_peers",
    "parse_moment",
]
