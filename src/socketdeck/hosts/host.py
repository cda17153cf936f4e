"""What a service asks of the place in which its server runs: a `Host`, made for one `Run`.

A host is started once and stopped once. Its service alone calls it, one call at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from socketdeck.connections import ConnectionTable
from socketdeck.definition import ServiceDefinition
from socketdeck.listener import Listener
from socketdeck.tally import Tally


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a service: what is wanted, on which socket, and who keeps count."""

    definition: ServiceDefinition
    level: str
    """How closely it is watched to begin with: any level but `auto`."""
    listener: Listener
    table: ConnectionTable
    tally: Tally
    generation: int
    folder: Path | None
    requests: int | None
    """How many requests to handle before it ends by itself; `None`: no end."""
    timeout: float | None
    """Seconds without a request after which it ends by itself; `None`: no end."""
    ended: Callable[[BaseException | None], None]
    """Called once, from a thread of the host, when it ends by itself: with what ended it, if not
    the last of `requests`."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A thread or child that a stop could not end, and where it stands."""

    name: str
    stack: str


class Host(Protocol):
    """What a service asks of the place in which its server runs."""

    @property
    def pids(self) -> list[int]:
        """The processes that serve."""

    @property
    def threads(self) -> int:
        """How many threads or children are in a handler."""

    @property
    def queue(self) -> int:
        """How many requests wait in a pool's own queue."""

    @property
    def requests_handled(self) -> int:
        """How many requests this run has taken, where `requests` bounds them."""

    def start(self) -> None:
        """Serve; returns once it does. What hinders it is raised, and nothing is left running."""

    def set_level(self, level: str, prefix: int, *, each: bool = False) -> None:
        """Look as closely as that from now on, at live connections too; returns at once.

        `each`: at level `counters`, each message is to be counted, and not by the kernel.
        """

    def recount(self) -> bool:
        """Take over what the kernel has counted; whether there is anything that it counts."""

    def stop_accepting(self) -> None:
        """Take no more requests; returns at once."""

    def wait_idle(self, deadline: Callable[[], float]) -> bool:
        """Block until nothing is handled, or the deadline (monotonic) passed; whether it is so."""

    def close_connections(self, reason: str) -> None:
        """End what is open; returns at once."""

    def close(self, deadline: float) -> list[Leftover]:
        """Give all back; blocks for that, until the deadline (monotonic) at most.

        Returns what could not be ended.
        """
