"""Fifty starts and stops of every transport in every way of serving leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import socketdeck.exchange
from socketdeck import Journal, Supervisor

from .leaks import Belongings

CYCLES = 50
CHILD_CYCLES = 3
"""In a child process a cycle takes the time of an interpreter's start."""


def cycle(deck: Supervisor, tmp_path: Path, scheme: str, cycles: int, **fields: Any) -> None:
    inet = scheme in ("tcp", "udp")
    where = f"{scheme}://127.0.0.1:0" if inet else f"{scheme}://{tmp_path}/s"
    deck.add(name="echo", address=where, handler="echo", drain_timeout=0, **fields)
    service = deck.get("echo")
    for number in range(1, cycles + 1):
        service.start()
        assert service.exchange(b"hello").data == b"hello"
        service.stop()
        assert service.state == "stopped"
        if number == 1:
            after_one = Belongings.now(tmp_path)
    assert after_one.leaked(tmp_path) == []
    status = service.status()
    assert status.generation == cycles
    assert status.connections.total == sum(status.closed.values()) == cycles
    assert (status.bytes.in_, status.bytes.out) == (5 * cycles, 5 * cycles)
    assert status.errors == 0


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """One who has an answer does not wait for more."""
    monkeypatch.setattr(socketdeck.exchange, "QUIET_SECONDS", 0.001)


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("scheme", ["tcp", "udp", "unix", "unixgram"])
def test_cycles_leave_nothing(
    deck: Supervisor, tmp_path: Path, scheme: str, concurrency: str
) -> None:
    cycle(deck, tmp_path, scheme, CYCLES, concurrency=concurrency)


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("scheme", ["tcp", "udp", "unix", "unixgram"])
def test_cycles_in_a_child_process_leave_nothing(
    deck: Supervisor, tmp_path: Path, scheme: str, concurrency: str
) -> None:
    cycle(deck, tmp_path, scheme, CHILD_CYCLES, concurrency=concurrency, host="process")


@pytest.mark.parametrize("scheme", ["tcp", "udp", "unix", "unixgram"])
def test_cycles_of_forking_leave_nothing(deck: Supervisor, tmp_path: Path, scheme: str) -> None:
    cycle(deck, tmp_path, scheme, CHILD_CYCLES, concurrency="forking")


def test_supervisors_leave_nothing(tmp_path: Path, journal: Journal) -> None:
    for _ in range(10):
        with Supervisor(journal=journal) as deck:
            for scheme in ("tcp", "udp"):
                service = deck.add(name=scheme, address=f"{scheme}://127.0.0.1:0", handler="echo")
                service.start()
                assert service.exchange(b"hello").data == b"hello"
