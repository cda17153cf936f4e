"""`Attention`: tells services that somebody looks at them, as long as somebody does.

At level `auto` a service records all for whoever looks at it (`socketdeck.capture`). Looking is: to
have its own page open, one of its connections, or events that a filter takes from it alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from app.live.topics import Topic, services_of
from app.panel import Panel
from socketdeck import SocketdeckError

RENEW_SECONDS = 2.0
LEASE_SECONDS = 3 * RENEW_SECONDS
"""A page that is left is not looked at for so much longer: a reload should not lose anything."""


class Attention:
    """For the pump's thread. `due` is when `renew` has something to do next (monotonic)."""

    def __init__(self, panel: Panel) -> None:
        self._supervisor = panel.supervisor
        self._topics: set[Topic] = set()
        self._due = 0.0

    def due(self) -> float | None:
        """`None` while nobody looks."""
        return self._due if self._topics else None

    def renew(self, topics: set[Topic], now: float) -> None:
        """Tell the services of these topics, if that is due or there are others than before."""
        if topics == self._topics and now < self._due:
            return
        self._topics, self._due = topics, now + RENEW_SECONDS
        for name in self._names(topics):
            with contextlib.suppress(SocketdeckError):  # deleted meanwhile
                self._supervisor.get(name).capture.look(LEASE_SECONDS)

    def _names(self, topics: Iterable[Topic]) -> set[str]:
        names: set[str] = set()
        for topic in topics:
            names |= services_of(topic)
            if topic.connection is not None:
                with contextlib.suppress(SocketdeckError):
                    names.add(self._supervisor.connection(topic.connection).service or "")
        return names
