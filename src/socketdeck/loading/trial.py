"""The parent's side of a trial: a child process that imports what this one does not dare to yet.

The child (`child.py`) gets its tasks over a socket as one line of JSON and answers each with
another. It watches its own time, so that it can say where it stood; a child that does not even do
that is ended from here. What it left unanswered is the fault of the task it was at. Its standard
streams lead nowhere, and its process group, with all that a module may have started, is killed in
any case.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from socketdeck.errors import LoadError
from socketdeck.loading.folder import HandlersFolder

IMPORT_SECONDS = 5.0
"""How long one task may take."""

START_SECONDS = 10.0
"""What the child is given on top to come up: it takes 0.3 s on an idle machine."""

ANSWER_MAXIMUM_BYTES = 1 << 20
LAST_WORDS_MAXIMUM_CHARACTERS = 16_384

TIMED_OUT = "Timeout ("
"""How `faulthandler` begins what it says when a task's time is over."""

Task = dict[str, Any]
Answer = dict[str, Any]


def attempt(
    folder: HandlersFolder | None, tasks: Sequence[tuple[str, Task]]
) -> tuple[list[Answer], LoadError | None]:
    """Have a child do the tasks, each with the name of its subject.

    The answers stand in the order of the tasks. Where there are fewer, the error says what the
    first without an answer did to the child. Blocks for that long, at most `IMPORT_SECONDS` and
    `START_SECONDS` a task.
    """
    try:
        ours, child = _start()
    except OSError as error:
        subject = tasks[0][0]
        return [], LoadError(f"{subject} cannot be tried in a process of its own: {error.strerror}")
    with ours:
        conversation = _Conversation(ours)
        try:
            conversation.hold(folder, [task for _, task in tasks])
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            status = child.wait()
    answers = conversation.answers
    if len(answers) == len(tasks):
        return answers, None
    return answers, conversation.what_happened(tasks[len(answers)][0], status)


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


class _Conversation:
    """What is said over the channel. Owned by the thread that asked."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._pending = b""
        self._timed_out = False
        self._garbled = False
        self.answers: list[Answer] = []

    def hold(self, folder: HandlersFolder | None, tasks: list[Task]) -> None:
        """Send the tasks and take the answers, until all are there or the child is at its end."""
        job = {
            "folder": folder.path if folder else None,
            "tasks": tasks,
            "seconds": IMPORT_SECONDS,
        }
        try:
            self._channel.settimeout(START_SECONDS)
            self._channel.sendall(json.dumps(job).encode() + b"\n")
            while len(self.answers) < len(tasks) and self._read_answer():
                pass
        except TimeoutError:
            self._timed_out = True
        except ConnectionError:
            pass  # the child broke off
        except ValueError:
            self._garbled = True

    def what_happened(self, subject: str, status: int) -> LoadError:
        """Why there was no further answer; `status` is the child's, as subprocess has it."""
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

    def _read_answer(self) -> bool:
        """Take what comes until a whole answer is there; `False` at the end."""
        deadline = time.monotonic() + START_SECONDS + IMPORT_SECONDS
        # The last words of a child that could not answer are no JSON object.
        while not (self._pending.startswith(b"{") and b"\n" in self._pending):
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            received = self._channel.recv(65_536)
            if not received or len(self._pending) >= ANSWER_MAXIMUM_BYTES:
                return False
            self._pending += received
        line, _, self._pending = self._pending.partition(b"\n")
        self.answers.append(json.loads(line))
        return True


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
