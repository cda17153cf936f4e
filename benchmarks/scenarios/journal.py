"""The journal under 200,000 events a second, and under more than it can take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.child import Child
from benchmarks.compare import progress
from benchmarks.measure import Line, at_least, at_most
from benchmarks.plan import Plan
from benchmarks.servers import flood

RATE = 200_000
THREADS = 4
INBOX = 200_000
SMALL_INBOX = 20_000


def _rounds(plan: Plan, title: str, **how: Any) -> list[dict[str, Any]]:
    found = []
    for turn in range(plan.rounds):
        progress(f"journal, {title}: round {turn + 1} of {plan.rounds}")
        with Child(flood.offer, plan.server_core, threads=THREADS, **how) as child:
            found.append(child.hear())
    return found


def _miscounted(found: dict[str, Any]) -> float:
    """How far delivered and told as dropped are from what was offered."""
    miscounted: int = abs(found["offered"] - found["delivered"] - found["dropped"])
    return float(miscounted)


def run(plan: Plan) -> Iterator[Line]:
    """Four threads offer, one reader counts, all on one core."""
    seconds = 1.0 if plan.quick else 3.0
    paced = _rounds(plan, "paced", rate=RATE, seconds=seconds, inbox=INBOX)
    last = paced[-1]
    yield Line(
        "offered, a second",
        [found["offered"] / found["seconds"] for found in paced],
        unit="/s",
        note=f"CPU {last['cpu'] / last['seconds']:.0%} of a core, offering included",
    )
    kept = [found["delivered"] / found["offered"] for found in paced]
    yield Line(
        "kept, of those offered",
        kept,
        target=at_least(0.95),
        drained=min(kept),
        note=f"{last['offered']:,} offered, {last['dropped']:,} dropped, "
        f"folded into {last['events']:,} events",
    )
    yield Line("not accounted for", [*map(_miscounted, paced)], unit="", target=at_most(0))

    beyond = _rounds(plan, "flood", rate=0, seconds=seconds, inbox=SMALL_INBOX)
    last = beyond[-1]
    yield Line(
        "as fast as four threads can, a second",
        [found["offered"] / found["seconds"] for found in beyond],
        unit="/s",
        drained=min(found["delivered"] / found["offered"] for found in beyond),
        note=f"{last['offered']:,} offered, {last['dropped']:,} told as dropped "
        f"(an inbox of {SMALL_INBOX:,})",
    )
    yield Line(
        "of these, not accounted for", [*map(_miscounted, beyond)], unit="", target=at_most(0)
    )
