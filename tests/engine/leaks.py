"""What a test may leave behind: nothing. `Belongings` is what the process has at one moment."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

LEAVE_SECONDS = 5.0


@dataclass
class Belongings:
    """Threads, descriptors (number and what it leads to), children and socket files."""

    threads: set[threading.Thread] = field(default_factory=set)
    descriptors: dict[int, str] = field(default_factory=dict)
    children: set[int] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    @classmethod
    def now(cls, folder: Path) -> Self:
        """What there is; of socket files those under `folder`."""
        # A list first: reading the folder opens a descriptor that is gone when it is looked at.
        descriptors = {}
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):
                descriptors[int(number)] = os.readlink(f"/proc/self/fd/{number}")
        return cls(
            set(threading.enumerate()),
            descriptors,
            {child.pid for child in psutil.Process().children(recursive=True)},
            {str(path) for path in folder.rglob("*") if path.is_socket()},
        )

    def leaked(self, folder: Path) -> list[str]:
        """What there is now that was not then, as sentences; what is on its way out is let go."""
        deadline = time.monotonic() + LEAVE_SECONDS
        now = type(self).now(folder)
        for thread in now.threads - self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for child in now.children - self.children:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                psutil.Process(child).wait(max(0.0, deadline - time.monotonic()))
        now = type(self).now(folder)
        if now.descriptors.keys() - self.descriptors.keys():
            gc.collect()
            now = type(self).now(folder)
        found = [f"thread {thread.name}" for thread in now.threads - self.threads]
        found += [
            f"descriptor {number} ({leads_to})"
            for number, leads_to in now.descriptors.items()
            if self.descriptors.get(number) != leads_to
        ]
        found += [f"child {pid}" for pid in now.children - self.children]
        found += [f"socket file {path}" for path in now.files - self.files]
        return found
