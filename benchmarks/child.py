"""A child process that runs one function and talks with its parent in JSON lines.

Each measured server has a process of its own, started by exec, so that nothing of the
harness is in its memory, on its core or under its interpreter lock.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self

from benchmarks.plan import ROOT

P = ParamSpec("P")

HEAR_SECONDS = 120.0
CLOSE_SECONDS = 20.0


class ChildFailed(Exception):
    """A child ended, or said nothing in time; the message ends with its last error output."""


class Talk:
    """The child's end: `say` a message, `hear` the next (None when the parent is done)."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = os.fdopen(incoming, encoding="utf-8")
        self._outgoing = os.fdopen(outgoing, "w", encoding="utf-8")

    def fileno(self) -> int:
        """For a select: readable when the parent has spoken or is done."""
        return self._incoming.fileno()

    def say(self, **message: Any) -> None:
        self._outgoing.write(json.dumps(message) + "\n")
        self._outgoing.flush()

    def hear(self) -> dict[str, Any] | None:
        line = self._incoming.readline()
        return json.loads(line) if line else None


class Child:
    """The parent's end of a process that runs `function(talk, **arguments)`.

    `core` pins it, once it has imported what it needs. The child should end once `Talk.hear` says
    None, which closing brings about; one that does not within 20 s is killed. What it
    prints on stderr is kept and shown only if it fails.
    """

    def __init__(
        self,
        function: Callable[Concatenate[Talk, P], None],
        core: int | None = None,
        *args: P.args,
        **arguments: P.kwargs,
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open until `close`
        inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        path = os.pathsep.join([str(ROOT.parent), str(ROOT.parent / "src"), *inherited])
        name = f"{function.__module__}:{function.__qualname__}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.child", name, json.dumps(arguments), str(core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | {"PYTHONPATH": path},
        )
        self._name = name
        self._heard = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def hear(self, timeout: float = HEAR_SECONDS) -> dict[str, Any]:
        """The child's next message; blocks until it comes. Raises ChildFailed."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + timeout
        while b"\n" not in self._heard:
            ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(descriptor, 1 << 16) if ready else b""
            if not chunk:
                raise ChildFailed(self._explain("ended" if ready else f"was silent {timeout:g} s"))
            self._heard += chunk
        line, self._heard = self._heard.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def ask(self, question: str, **more: Any) -> dict[str, Any]:
        """Sends a message and blocks for the answer. Raises ChildFailed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"ask": question, **more}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ChildFailed(self._explain("ended")) from error
        return self.hear()

    def _explain(self, what: str) -> str:
        self._errors.seek(0)
        tail = self._errors.read().decode(errors="replace").strip().splitlines()[-12:]
        return "\n".join([f"{self._name} {what}", *tail])

    def close(self) -> None:
        """Tells the child to end and waits for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it may have ended already
            self._process.stdin.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def main() -> None:
    """Runs the function named on the command line."""
    module, _, name = sys.argv[1].partition(":")
    # The pipes move out of the way of handlers that print or read standard input.
    talk = Talk(os.dup(0), os.dup(1))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    function = getattr(importlib.import_module(module), name)
    if sys.argv[3] != "None":
        os.sched_setaffinity(0, {int(sys.argv[3])})
    function(talk, **json.loads(sys.argv[2]))


if __name__ == "__main__":
    main()
