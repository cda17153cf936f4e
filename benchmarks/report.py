"""The table on the terminal and the file with every sample."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Line
from benchmarks.plan import RESULTS, Plan

COLUMNS = f"{'':50} {'median':>9} {'min':>9} {'max':>9} {'target':>9}  {'':11} {'drained':>7}"


def heading(title: str) -> str:
    return f"\n{title}\n{COLUMNS}"


def _figure(value: float, unit: str) -> str:
    digits = 2 if unit == "x" else 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 3
    text = f"{value:,.{digits}f}"
    if digits == 3:
        text = text.rstrip("0").rstrip(".")
    return text if unit == "x" else f"{text} {unit}"


def row(line: Line) -> str:
    """One line of the table: figures in the line's unit, ratios without."""
    median, least, most = (
        _figure(value, line.unit) for value in (line.median, min(line.samples), max(line.samples))
    )
    target = f"{line.target.sign} {line.target.value:g}" if line.target else ""
    drained = "" if line.drained is None else f"{line.drained:.1%}"
    figures = f"{line.what:50} {median:>9} {least:>9} {most:>9} {target:>9}"
    return f"{figures}  {line.verdict:11} {drained:>7}  {line.note}".rstrip()


def summary(results: Iterable[tuple[str, Line]]) -> str:
    """How many targets were met, and by name those that were not."""
    judged = [(name, line) for name, line in results if line.target is not None]
    short = [(name, line) for name, line in judged if line.verdict != "pass"]
    text = f"\n{len(judged) - len(short)} of {len(judged)} targets met"
    for name, line in short:
        text += f"\n  falls short: {name}: {row(line)}"
    return text


OTHERS_CORES_AT_MOST = 0.1


def trust(results: Iterable[tuple[str, Line]]) -> str:
    """A warning where the machine was busy with something else; empty where it was not."""
    others = [line.others for _, line in results if line.others is not None]
    if not others or statistics.median(others) <= OTHERS_CORES_AT_MOST:
        return ""
    return (
        f"While measuring, {statistics.median(others):.1f} of {len(os.sched_getaffinity(0))} cores "
        "were busy with something else; measure again when the machine is quiet."
    )


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
    }


def save(
    plan: Plan, results: Iterable[tuple[str, Line]], failures: dict[str, str], began: datetime
) -> Path:
    """Writes every sample to a file of its own in the results folder; returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{began:%Y%m%dT%H%M%S}{'-quick' if plan.quick else ''}.json"
    document = {
        "began": began.isoformat(),
        "ended": datetime.now(UTC).isoformat(),
        "machine": machine(),
        "plan": vars(plan),
        "lines": [{"scenario": name, **line.as_json()} for name, line in results],
        "did_not_run": failures,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path
