"""A whole panel for a scenario: `python -m app` on a port and a data folder of its own."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from benchmarks.plan import ROOT

START_SECONDS = 30.0
STOP_SECONDS = 20.0
CALL_SECONDS = 30.0


class PanelFailed(Exception):
    """The panel did not come up, or refused a call."""


class RunningPanel:
    """Started by the constructor, which blocks until it answers; ended by `close`."""

    def __init__(self, **more: str) -> None:
        """`more` are further settings, by their names without `SOCKETDECK_`."""
        self.token = secrets.token_urlsafe(24)
        self._data = tempfile.TemporaryDirectory(prefix="socketdeck-bench-")
        settings = {"HOST": "127.0.0.1", "PORT": "0", "DATA": self._data.name, "TOKEN": self.token}
        settings |= more
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SOCKETDECK_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=ROOT.parent,
            env=inherited
            | {f"SOCKETDECK_{name}": value for name, value in settings.items()}
            | {"PYTHONPATH": os.pathsep.join([str(ROOT.parent), str(ROOT.parent / "src")])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            self.url = self._read_url()
        except BaseException:
            self.close()
            raise
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands before loopback
        self._session.headers["Authorization"] = f"Bearer {self.token}"
        self._reader = threading.Thread(target=self._read_on, name="panel-output", daemon=True)
        self._reader.start()

    def _read_url(self) -> str:
        """The address in the line that the panel prints once it is served."""
        assert self._process.stdout is not None
        overdue = threading.Timer(START_SECONDS, self._process.kill)
        overdue.start()
        said = []
        try:
            for line in self._process.stdout:
                said.append(line)
                if found := re.search(r"http://[^/\s]+:[1-9][0-9]*", line):
                    return found[0]
        finally:
            overdue.cancel()
        raise PanelFailed("the panel did not start:\n" + "".join(said[-12:]))

    def _read_on(self) -> None:
        """What it prints later is nobody's, but must not fill the pipe."""
        assert self._process.stdout is not None
        for _ in self._process.stdout:
            pass

    def call(self, method: str, path: str, json: Any = None) -> Any:
        """One REST call below /api/v1; the answer's JSON. Raises PanelFailed."""
        answer = self._session.request(
            method, f"{self.url}/api/v1{path}", json=json, timeout=CALL_SECONDS
        )
        if not answer.ok:
            raise PanelFailed(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def cpu_seconds(self) -> float:
        """What it and its worker have taken of the processor so far."""
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        """What they have in memory that is theirs alone (proc_pid_smaps(5))."""
        kib = 0
        for pid in self._pids():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kib += sum(int(size) for size in re.findall(r"^Private_\w+:\s+(\d+)", rollup, re.M))
        return kib / 1024

    def _pids(self) -> list[int]:
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def close(self) -> None:
        """Ends it as Ctrl-C does; one that does not end is killed."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._data.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
