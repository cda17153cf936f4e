"""Runs the load generator: which load on which server, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from benchmarks.build import program


class LoadFailed(Exception):
    """The load generator ended without a result."""


@dataclass(frozen=True)
class Load:
    """What one server is asked for; see the keys of a target in loadgen.c.

    `rate` in requests a second, 0 for as fast as replies come; `limit` in requests, 0 for
    as many as the window holds; `size` in bytes.
    """

    kind: Literal["tcp", "short", "udp"] = "tcp"
    connections: int = 1
    size: int = 64
    rate: float = 0
    limit: int = 0

    def on(self, port: int, pids: Sequence[int] = ()) -> str:
        keys = [f"kind={self.kind}", f"connections={self.connections}", f"size={self.size}"]
        keys += [f"rate={self.rate}", f"limit={self.limit}", f"port={port}"]
        return ",".join(keys + [f"pid={pid}" for pid in pids])


@dataclass(frozen=True)
class Outcome:
    """What one server did in one window.

    `seconds`, `requests`, `cpu` (seconds of the processes named) and the latencies are of
    the window; the other counts are of the whole run, warm-up and last replies included.
    """

    seconds: float
    requests: int
    cpu: float
    started: int
    completed: int
    lost: int
    stale: int
    mismatched: int
    errors: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    gone: int
    first_gone: float
    last_gone: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU a request, in microseconds."""
        return 1e6 * self.cpu / self.requests

    def joined(self, other: Outcome) -> Outcome:
        """This window and another on the same server as one; latencies stay this one's.

        A mean of two tails would be longer than either is as a rule, as a few are very long.
        """
        return replace(
            self, **{name: getattr(self, name) + getattr(other, name) for name in _ADDED}
        )

    @property
    def faults(self) -> int:
        """Requests that were not answered, or wrongly."""
        return self.lost + self.mismatched + self.errors


_ADDED = ["seconds", "requests", "cpu", "started", "completed"]
_ADDED += ["lost", "stale", "mismatched", "errors"]


@dataclass(frozen=True)
class Drive:
    """One run: an outcome for each target, and who else was busy.

    `busy` is the generator's own share of a core; `others` how many cores were busy with neither
    it nor the targets' processes, which says how far a measurement can be trusted.
    """

    outcomes: list[Outcome]
    busy: float
    others: float


def _command(core: int | None, arguments: Sequence[str]) -> list[str]:
    pin = ["--core", str(core)] if core is not None else []
    return [str(program("loadgen")), *pin, *arguments]


def drive(
    targets: Sequence[str],
    *,
    seconds: float,
    warmup: float,
    core: int | None = None,
    even: int = 0,
) -> Drive:
    """Loads every target at once over the same window; blocks until it is over.

    With `even` none gets more than so many requests ahead of another.
    Raises LoadFailed, and CannotBuild where the generator cannot be made.
    """
    arguments = ["--seconds", str(seconds), "--warmup", str(warmup), "--even", str(even)]
    for target in targets:
        arguments += ["--target", target]
    began, busy_before = time.monotonic(), _machine_busy()
    done = subprocess.run(
        _command(core, arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LoadFailed(done.stderr.strip() or f"loadgen ended with {done.returncode}")
    result = json.loads(done.stdout)
    elapsed = time.monotonic() - began
    outcomes = [Outcome(**target) for target in result["targets"]]
    busy = result["cpu"] / elapsed
    ours = busy + sum(outcome.cpu / outcome.seconds for outcome in outcomes)
    return Drive(outcomes, busy, max(0.0, (_machine_busy() - busy_before) / elapsed - ours))


def _machine_busy() -> float:
    """CPU seconds that this machine has spent on anything, or that were taken from it (proc(5))."""
    user, nice, system, _idle, _wait, irq, softirq, stolen = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    ticks = user + nice + system + irq + softirq + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


class Holder:
    """Connections held open by a process of their own, each served once.

    Returns from the constructor when all were served; `closed` waits until the server has
    closed all of them. Closing the holder drops what is left.
    """

    def __init__(self, target: str, *, seconds: float, core: int | None = None) -> None:
        arguments = ["--hold", "--seconds", str(seconds), "--target", target]
        self._process = subprocess.Popen(
            _command(core, arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        first = self._hear()
        if "held" not in first:
            self.close()
            errors = first["targets"][0]["errors"]
            raise LoadFailed(f"not every connection was served within {seconds:g} s: {errors=}")
        self.seconds: float = first["seconds"]

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LoadFailed(f"loadgen ended with {self._process.wait()}")
        message: dict[str, Any] = json.loads(line)
        return message

    def closed(self) -> Outcome:
        """Blocks until every connection was closed by the server, or the time is up."""
        return Outcome(**self._hear()["targets"][0])

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
