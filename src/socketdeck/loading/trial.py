"""The parent's side of a trial: child processes that import what this one does not dare to yet.

A child (`child.py`) gets its tasks over a socket, a line of JSON each, and answers each with
another. It watches its own time, so that it can say where it stood; a child that does not even do
that is ended from here. What it left unanswered is the fault of the task it was at. Its standard
streams lead nowhere, and its process group, with all that a module may have started, is killed in
any case.

One child does all where it can: most folders are read in half a second. Where a task takes longer,
the others are not held up by it but shared by more children, each taking the next that waits.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, Self

from socketdeck.errors import LoadError
from socketdeck.loading.folder import HandlersFolder

IMPORT_SECONDS = 5.0
"""How long one task may take."""

START_SECONDS = 10.0
"""What the child is given on top to come up: it takes 0.3 s on an idle machine."""

ALONE_SECONDS = 1.0
"""How long one child is alone with all tasks: what it has not come to by then is shared."""

CHILDREN_MAXIMUM = 4
"""Side by side. So many modules can hang at once before others wait for them."""

ANSWER_MAXIMUM_BYTES = 1 << 20
LAST_WORDS_MAXIMUM_CHARACTERS = 16_384

TIMED_OUT = "Timeout ("
"""How `faulthandler` begins what it says when a task's time is over."""

Task = dict[str, Any]
Answer = dict[str, Any]


def attempt(
    folder: HandlersFolder | None, tasks: Sequence[tuple[str, Task]], seconds: float = math.inf
) -> list[Answer | LoadError | None]:
    """Have children do the tasks, each with the name of its subject; what came of each, in order.

    That is its answer, or an error that says what it did to its child, or `None` if it was not
    begun within `seconds`. Blocks for that long, and for at most `IMPORT_SECONDS` and
    `START_SECONDS` after the last was begun.
    """
    outcomes: list[Answer | LoadError | None] = [None] * len(tasks)
    waiting = deque(enumerate(tasks))
    give_up = time.monotonic() + seconds

    def work() -> None:
        with _Helper(folder) as helper:
            while time.monotonic() < give_up:
                try:
                    number, (subject, task) = waiting.popleft()
                except IndexError:
                    return
                outcomes[number] = helper.do(subject, task)

    with ThreadPoolExecutor(CHILDREN_MAXIMUM, "socketdeck-trial") as pool:
        workers = [pool.submit(work)]
        wait(workers, ALONE_SECONDS)
        workers += [pool.submit(work) for _ in range(min(CHILDREN_MAXIMUM - 1, len(waiting)))]
        for worker in workers:
            worker.result()
    return outcomes


def _start() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """A child that can import what this process can and holds nothing of it but a channel."""
    ours, theirs = socket.socketpair()
    with theirs:
        descriptor = theirs.fileno()
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "socketdeck.loading.child", str(descriptor)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[descriptor],
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            )
        except BaseException:
            ours.close()
            raise
        return ours, child


class _Helper:
    """A child, and another after one that came to its end. Owned by one thread, which closes it."""

    def __init__(self, folder: HandlersFolder | None) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._end(self._child)

    def do(self, subject: str, task: Task) -> Answer | LoadError:
        """The answer to one task, or what became of the child that was at it."""
        try:
            child = self._child or self._begin()
        except OSError as error:
            # No fault of the task's, which is tried again when it is next asked for.
            why = f"{subject} cannot be tried in a process of its own: {error.strerror}"
            return {"error": {"message": why, "traceback": None}}
        try:
            answer = self._ask(task)
            if answer is not None:
                return answer
        except TimeoutError:
            self._timed_out = True
        except ConnectionError:
            pass  # the child broke off
        except ValueError:
            self._garbled = True
        return self._what_happened(subject, self._end(child))

    def _begin(self) -> subprocess.Popen[bytes]:
        self._channel, child = _start()
        self._child = child
        folder = self._folder.path if self._folder else None
        self._unsaid = _line({"folder": folder, "seconds": IMPORT_SECONDS})
        self._pending = b""
        self._timed_out = self._garbled = False
        return child

    def _end(self, child: subprocess.Popen[bytes]) -> int:
        """End the child and all that it started; its status, as subprocess has it."""
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        self._child = None
        self._channel.close()
        return child.wait()

    def _what_happened(self, subject: str, status: int) -> LoadError:
        """Why there was no answer; `status` is the child's, as subprocess has it."""
        last_words = self._pending.decode("utf-8", "replace")[:LAST_WORDS_MAXIMUM_CHARACTERS]
        if self._timed_out or last_words.startswith(TIMED_OUT):
            why = (
                f"did not finish within {IMPORT_SECONDS:g} s; a module must neither wait nor loop "
                "when it is imported"
            )
        elif len(self._pending) >= ANSWER_MAXIMUM_BYTES:
            return LoadError(
                f"{subject} describes itself in more than {ANSWER_MAXIMUM_BYTES} bytes"
            )
        elif self._garbled:
            why = "wrote into a file that it did not open; a module must not do so when imported"
        elif status < 0:
            why = f"ended the process that imported it, with signal {_signal_name(-status)}"
        else:
            why = (
                f"ended the process that imported it, with exit status {status}; a module must not "
                "exit when it is imported"
            )
        return LoadError(f"{subject} {why}", last_words or None)

    def _ask(self, task: Task) -> Answer | None:
        """Send it, and take what comes until a whole answer is there; `None` at the child's end."""
        self._channel.settimeout(START_SECONDS)
        self._channel.sendall(self._unsaid + _line(task))
        self._unsaid = b""
        deadline = time.monotonic() + START_SECONDS + IMPORT_SECONDS
        # The last words of a child that could not answer are no JSON object.
        while not (self._pending.startswith(b"{") and b"\n" in self._pending):
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            received = self._channel.recv(65_536)
            if not received or len(self._pending) >= ANSWER_MAXIMUM_BYTES:
                return None
            self._pending += received
        line, _, self._pending = self._pending.partition(b"\n")
        answer: Answer = json.loads(line)
        return answer


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said).encode() + b"\n"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
