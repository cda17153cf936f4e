"""`Transcript`: what a journal told, to be waited for and looked through."""

from __future__ import annotations

import time
from typing import Any

import pytest

from socketdeck import Event, Journal

from .client import PATIENCE_SECONDS, Client


class Transcript:
    """All events from its making on. `wait` blocks for one; nothing here ever sleeps."""

    def __init__(self, journal: Journal, capacity: int = 1_000_000) -> None:
        self._journal = journal
        self._subscription = journal.subscribe("test", capacity)
        self.seen: list[Event] = []

    def close(self) -> None:
        self._subscription.close()

    def now(self, kind: str | None = None, **wanted: Any) -> list[Event]:
        """Those that have happened by now and fit."""
        self._journal.flush()
        self.seen += self._subscription.take(timeout=0)
        return self._fitting(kind, wanted)

    def wait(self, kind: str, *, count: int = 1, **wanted: Any) -> Event:
        """The `count`th event that fits, whether it was before or is still to come.

        `service` and `connection` are the event's own; every other name is of its `data`.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self._fitting(kind, wanted)
            if len(found) >= count:
                return found[count - 1]
            left = deadline - time.monotonic()
            if left <= 0:
                told = "\n".join(str(event)[:200] for event in self.seen[-30:]) or "nothing"
                pytest.fail(f"{kind} {wanted} came {len(found)} times, not {count}; last:\n{told}")
            self.seen += self._subscription.take(left)

    def opened(self, client: Client) -> int:
        """The number of a client's connection, once it is open; the latest of that name."""
        self.wait("connection.opened", peer=client.name)
        last = self.now("connection.opened", peer=client.name)[-1].connection
        assert last is not None
        return last

    def closed(self, connection: int) -> dict[str, Any]:
        """How a connection ended: the `data` of its last event."""
        return self.wait("connection.closed", connection=connection).data

    def kinds(self, **wanted: Any) -> list[str]:
        """The kinds of those that fit, in order."""
        return [event.kind for event in self.now(**wanted)]

    def _fitting(self, kind: str | None, wanted: dict[str, Any]) -> list[Event]:
        return [event for event in self.seen if kind in (None, event.kind) and _fits(event, wanted)]


def _fits(event: Event, wanted: dict[str, Any]) -> bool:
    for name, value in wanted.items():
        if name in ("service", "connection"):
            if getattr(event, name) != value:
                return False
        elif name not in event.data or event.data[name] != value:
            return False
    return True
