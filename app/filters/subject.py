"""An event as a filter looks at it: what several terms ask for is made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.filters.texts import texts_of
from socketdeck.event import Event

PeersOf = Mapping[int, str | None]
"""The peers of connections, by their ids; one that is not in it is known to nobody."""


class Subject:
    """One event, with the peers of connections; used within one call, by one thread."""

    __slots__ = ("_texts", "event", "peers")

    def __init__(self, event: Event, peers: PeersOf) -> None:
        self.event = event
        self.peers = peers
        self._texts: list[str] | None = None

    @property
    def peer(self) -> str | None:
        """Who is at the other end: as the event says, else by its connection."""
        data = self.event.data
        if "peer" in data:
            peer = data["peer"]
            return peer if isinstance(peer, str) else None
        number = self.event.connection
        return None if number is None else self.peers.get(number)

    @property
    def has_own_peer(self) -> bool:
        """Whether its peer is known without asking for its connection's."""
        return self.event.connection is None or "peer" in self.event.data

    @property
    def texts(self) -> list[str]:
        """All its texts, folded."""
        if self._texts is None:
            self._texts = texts_of(self.event)
        return self._texts

    @property
    def failure(self) -> Mapping[str, Any]:
        """The exception that it tells of: its own data, or their `error`."""
        error = self.event.data.get("error")
        return error if isinstance(error, dict) else self.event.data

    def within(self, path: Sequence[str]) -> Any:
        """What its data hold under some names, one within the other."""
        value: Any = self.event.data
        for name in path:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value
