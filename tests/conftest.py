"""What the tests of the panel share; see `panels`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.panels import LiveClient, Rest, RunningPanel


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[RunningPanel]:
    """A panel with an empty data folder, on a port of the kernel's choice."""
    running = RunningPanel(tmp_path / "data")
    yield running
    running.close()


@pytest.fixture
def client(panel: RunningPanel) -> Iterator[Rest]:
    """A REST client of it, that presents the token."""
    rest = panel.rest()
    yield rest
    rest.session.close()


@pytest.fixture
def live(panel: RunningPanel) -> Iterator[Callable[..., LiveClient]]:
    """Makes clients of the live link."""
    made: list[LiveClient] = []

    def make(**options: str) -> LiveClient:
        made.append(LiveClient(panel.url, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()
