"""How long to measure, how often, and on which cores."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
CACHE = ROOT / ".cache"
RESULTS = ROOT / "results"
HANDLERS = ROOT / "handlers"


@dataclass(frozen=True)
class Plan:
    """Bounds of one run of the benchmarks; durations in seconds."""

    quick: bool
    rounds: int
    seconds: float
    warmup: float
    server_core: int
    load_core: int

    @classmethod
    def standard(cls, *, quick: bool) -> Plan:
        """Five rounds long enough to settle, or two short ones to see that it works.

        Servers have one core and the load another, so that neither steals from what is
        measured. On a machine with one core they share it and rates mean little.
        """
        cores = sorted(os.sched_getaffinity(0))
        return cls(
            quick=quick,
            rounds=2 if quick else 5,
            seconds=0.25 if quick else 0.6,
            warmup=0.1 if quick else 0.15,
            server_core=cores[0],
            load_core=cores[-1],
        )
