"""`FlowExpiry`: ends the flows of a service that have been idle for long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socketdeck.connections import Connection
    from socketdeck.tally import Tally
    from socketdeck.timekeeper import Timekeeper

FLOW_IDLE_SECONDS = 30.0
"""A peer that sent and was sent no datagram for this long is taken to have gone."""


class FlowExpiry:
    """One timer for all flows of a service, which runs only while there are any."""

    __slots__ = ("_expects", "_tally", "_timekeeper")

    def __init__(self, tally: Tally, timekeeper: Timekeeper) -> None:
        self._tally = tally
        self._timekeeper = timekeeper
        self._expects = False  # guarded by the tally's lock

    def expect(self) -> None:
        """A flow has opened where none was: see to it that it ends."""
        with self._tally.lock:
            if self._expects:
                return
            self._expects = True
        self._timekeeper.later(FLOW_IDLE_SECONDS, self._end_idle)

    def _end_idle(self) -> None:
        """End the flows that have been idle for long, and come again when the next may be."""
        now = time.time()
        for flow in self._flows():
            if flow.changed:
                flow.settle(now)
            if flow.last_activity + FLOW_IDLE_SECONDS <= now:
                flow.close(reason="flow_expired")
        with self._tally.lock:
            active = [flow.last_activity for flow in self._flows()]
            self._expects = bool(active)
        if active:
            left = min(active) + FLOW_IDLE_SECONDS - now
            self._timekeeper.later(max(1.0, left), self._end_idle)

    def _flows(self) -> list[Connection]:
        with self._tally.lock:
            return [found for found in list(self._tally.open.values()) if found.is_flow]
