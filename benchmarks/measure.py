"""What a benchmark says: lines of samples, each beside its target where it has one."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Target:
    """The bound a median is held against; reported, never asserted."""

    sign: Literal["<=", ">="]
    value: float

    def met_by(self, value: float) -> bool:
        return value <= self.value if self.sign == "<=" else value >= self.value


def at_most(value: float) -> Target:
    return Target("<=", value)


def at_least(value: float) -> Target:
    return Target(">=", value)


@dataclass(frozen=True)
class Line:
    """One measured quantity: a sample for each round, in `unit` ("x" is a ratio).

    `drained` is the share, 0 to 1, of what the rounds recorded that a reader of the journal
    received; None where nothing is recorded. A cost with a low share is no cost at all: work
    was left undone. `others` is how many cores were busy with something else meanwhile.
    """

    what: str
    samples: Sequence[float]
    unit: str = "x"
    target: Target | None = None
    drained: float | None = None
    note: str = ""
    others: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        return "pass" if self.target.met_by(self.median) else "falls short"

    def as_json(self) -> dict[str, Any]:
        """The line as it stands in the results file, with every sample."""
        target = self.target and f"{self.target.sign} {self.target.value:g}"
        return {
            "what": self.what,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.samples),
            "max": max(self.samples),
            "samples": list(self.samples),
            "target": target,
            "verdict": self.verdict or None,
            "drained": self.drained,
            "note": self.note,
            "others": self.others,
        }
