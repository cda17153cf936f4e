"""Whom the worker waits for, and how long: connections in the order in which their time is up."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Waiter = TypeVar("Waiter", bound=Hashable)


class Patience(Generic[Waiter]):
    """Those that are given `seconds` each, from when they are added.

    As all are given the same time, their order of coming is the order of their deadlines. Single
    operations may be called from any thread.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadlines: dict[Waiter, float] = {}

    def __len__(self) -> int:
        return len(self._deadlines)

    def __contains__(self, waiter: Waiter) -> bool:
        return waiter in self._deadlines

    def __iter__(self) -> Iterator[Waiter]:
        """All of them, those that came first first."""
        return iter(list(self._deadlines))

    def add(self, waiter: Waiter, now: float) -> None:
        """Wait for one."""
        self._deadlines[waiter] = now + self.seconds

    def discard(self, waiter: Waiter) -> bool:
        """Wait no more; whether it was waited for."""
        return self._deadlines.pop(waiter, None) is not None

    def take_due(self, now: float) -> list[Waiter]:
        """Those whose time is up, who are waited for no more."""
        due = []
        for waiter, deadline in list(self._deadlines.items()):
            if deadline > now:
                break
            if self.discard(waiter):
                due.append(waiter)
        return due

    def next_deadline(self) -> float:
        """When the next one's time is up; infinite where there is none."""
        return next(iter(list(self._deadlines.values())), float("inf"))
