"""A sampler whose clock is the test's, on a store of its own, with services that never start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.configuration import Configuration
from app.sampling import Columns, Sampler, Window
from app.store import Store
from socketdeck import Service, Supervisor

NOON = 1_800_000_000
"""At the beginning of a minute, and of a quarter of an hour."""


class Deck:
    """Services and what is sampled of them; `at` is the time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.at = float(NOON)
        self.slept = 0.0
        self._begin()

    def _begin(self) -> None:
        self.store = Store.open(
            Configuration.from_environment({"SOCKETDECK_DATA": str(self._folder)})
        )
        self.sampler = Sampler(
            self.store.series, clock=lambda: self.at, monotonic=lambda: self.at - self.slept
        )
        self.supervisor = Supervisor(stirred=self.sampler.stirred)
        self.services: dict[str, Service] = {}

    def service(self, name: str = "echo") -> Service:
        if name not in self.services:
            self.services[name] = self.supervisor.add(
                name=name, address=f"unix:///tmp/{name}-{id(self)}.sock", handler="echo"
            )
        return self.services[name]

    def did(self, name: str = "echo", *times: float, **more: int) -> None:
        """Something happened: totals grew by so much, and requests took so long."""
        tally = self.service(name).tally
        for field, grown in more.items():
            setattr(tally, field, getattr(tally, field) + grown)
        for seconds in times:
            tally.handled(seconds)
        tally.stir()

    def opened(self, count: int, name: str = "echo") -> None:
        """So many connections are open from now on."""
        tally = self.service(name).tally
        tally.open.clear()
        tally.open.update(dict.fromkeys(range(count)))  # type: ignore[arg-type]
        tally.stir()

    def turn(self, seconds: int = 1) -> None:
        """Let so many seconds pass, and sample once after them."""
        self.at += seconds
        self.sampler.turn(self.at + 0.1)

    def sleep(self, seconds: float) -> None:
        """The machine is asleep."""
        self.at += seconds
        self.slept += seconds

    def end(self, *, cleanly: bool = True) -> None:
        """End the panel; not cleanly is as if it were killed."""
        if cleanly:
            self.sampler.close()
        for service in self.services.values():
            service.tally.open.clear()
        self.supervisor.shutdown()
        self.store.close()

    def restart(self, *, cleanly: bool = True, after: float = 0.0) -> None:
        self.end(cleanly=cleanly)
        self.at += after
        self._begin()

    def series(self, window: Window = "1m", name: str = "echo") -> Columns:
        return self.sampler.series(name, window)


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Deck]:
    made = Deck(tmp_path)
    yield made
    made.end()
