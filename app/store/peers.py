"""`PeerBook`: who was at the other end of a connection, by its id.

Most events do not say it. It is asked of the engine, which has the open and the recently closed
connections in memory, then of history: of what is about to be written, and of what was. What was
found stays at hand, as a connection's peer never changes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from app.store.connections import find_peers
from app.store.database import Database
from socketdeck.errors import UnknownConnection

PEERS_KEPT = 20_000

PeerSource = Callable[[int], str | None]
"""Tells an open or recently closed connection's peer, by its id; raises `UnknownConnection`."""


def unknown_peer(number: int) -> str | None:
    """Stands for an engine where there is none."""
    raise UnknownConnection(f"there is no connection {number}")


class PeerBook:
    """Tells the peers of many connections at once. Any thread may call it.

    Blocks for short reads of the database where the engine does not know a connection any more, and
    may raise `StoreError`. `pending` has the rows of closed connections that are to be written.
    """

    def __init__(
        self,
        database: Database,
        source: PeerSource,
        pending: Callable[[], Iterable[Mapping[str, Any]]],
    ) -> None:
        self._database = database
        self._source = source
        self._pending = pending
        self._lock = threading.Lock()  # guards _found
        self._found: OrderedDict[int, str | None] = OrderedDict()  # by when it was asked for last

    def __call__(self, numbers: Collection[int]) -> dict[int, str | None]:
        """The peers of those of the connections that anything is known of; `None`: it has none."""
        found = self.at_hand(numbers)
        lacking = {number for number in numbers if number not in found}
        if lacking:
            # In this order: what is written meanwhile is in one of them.
            pending = {row["id"]: row["peer"] for row in self._pending() if row["id"] in lacking}
            found |= find_peers(self._database, lacking) | pending
        self._keep(found)
        return found

    def at_hand(self, numbers: Collection[int]) -> dict[int, str | None]:
        """The same without a look into the database: for what has just happened, that is enough."""
        found = self._kept(numbers)
        return found | self._of_engine([number for number in numbers if number not in found])

    def _kept(self, numbers: Iterable[int]) -> dict[int, str | None]:
        with self._lock:
            found = {number: self._found[number] for number in numbers if number in self._found}
            for number in found:
                self._found.move_to_end(number)
        return found

    def _keep(self, found: Mapping[int, str | None]) -> None:
        with self._lock:
            self._found.update(found)
            while len(self._found) > PEERS_KEPT:
                self._found.popitem(last=False)

    def _of_engine(self, numbers: Iterable[int]) -> dict[int, str | None]:
        found = {}
        for number in numbers:
            try:
                found[number] = self._source(number)
            except UnknownConnection:
                continue
        return found
