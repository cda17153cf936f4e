"""Questions to a child process, and their answers: `Asking`, the panel's side of them.

A question is an order that has a number, and says until when it holds; what comes of it is a note
with that number, in its place among all else that the child tells. Whoever asks waits for it,
within bounds: a handler may hold the interpreter, or be stopped, and the child run its user's code.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from socketdeck import stack
from socketdeck.connections import Connection
from socketdeck.errors import IllegalTransition, Unreachable
from socketdeck.stack import Standing

ANSWER_SECONDS = 2.0
HOLDS_SECONDS = 1.5
"""For so long a child may begin with what it is asked: it is known that it did, or did not."""

REFUSAL_CHARACTERS = 300
NUMBER_MAXIMUM = (1 << 31) - 1


class Asking:
    """The questions that one child has been asked. `post` sends an order, false where it cannot.

    `_waiting` is written to by those who ask, each to its own number; the host's reading thread
    finds the number there and appends the answer. All are single operations.
    """

    def __init__(self, post: Callable[..., bool]) -> None:
        self._post = post
        self._numbers = itertools.count(1)
        self._waiting: dict[int, list[dict[str, Any]]] = {}

    def ask(self, connection: Connection, what: str, data: bytes = b"") -> dict[str, Any]:
        """What the child answers; blocks, for `ANSWER_SECONDS` at most.

        `IllegalTransition` where the connection is closed or ends meanwhile. `Unreachable` where
        nobody answers, or the child says why it cannot do as it is asked.
        """
        number = next(self._numbers)
        answers = self._waiting[number] = []
        began = time.monotonic()
        key = connection.worker_key
        try:
            if not self._post("ask", number, began + HOLDS_SECONDS, what, key, data):
                raise Unreachable("its process takes no more orders at the moment; try again")
            connection.tally.wait_idle(
                lambda: began + ANSWER_SECONDS, lambda: not answers and connection.is_open
            )
        finally:
            del self._waiting[number]
        if not answers:
            if not connection.is_open:
                raise IllegalTransition(f"connection {connection.id} is closed")
            raise Unreachable(
                f"its process did not answer within {ANSWER_SECONDS:g} s: a handler may hold the "
                "interpreter, or the process be stopped"
            )
        answer = answers[0]
        refused = answer.get("refused")
        if refused is not None:
            raise Unreachable(
                stack.shortened(str(refused)[:REFUSAL_CHARACTERS], REFUSAL_CHARACTERS)
            )
        return answer

    def take(self, answer: Any) -> None:
        """An answer came; `TypeError` where it is none. One that nobody waits for is let go."""
        number = answer["question"]
        if not isinstance(number, int):
            raise TypeError("an answer bears the number of a question")
        answers = self._waiting.get(number)
        if answers is not None:
            answers.append(answer)


def standing_of(answer: dict[str, Any], since: float) -> Standing:
    """The stack that an answer tells; `Unreachable` where it tells none."""
    state, pid, thread = answer.get("state"), answer.get("pid"), answer.get("thread")
    if not (
        state in (stack.HANDLING, stack.WAITING, stack.BETWEEN)
        and (pid is None or _is_number(pid))
        and isinstance(thread, str | None)
    ):
        raise Unreachable("its process answered with what is no stack")
    return Standing(
        state, pid, thread, _places_of(answer.get("places")), bool(answer.get("cut")), since
    )


def _places_of(told: Any) -> list[tuple[str, int, str]]:
    if not isinstance(told, list) or len(told) > stack.FRAMES or not all(map(_is_place, told)):
        raise Unreachable("its process answered with what is no stack")
    return [
        (
            stack.shortened(file, stack.FILE_CHARACTERS),
            line,
            stack.shortened(function, stack.FUNCTION_CHARACTERS),
        )
        for file, line, function in told
    ]


def sent_of(answer: dict[str, Any], asked: int) -> int:
    """How many bytes of `asked` were sent, by an answer; `Unreachable` where it does not tell."""
    sent = answer.get("sent")
    if sent.__class__ is not int or not 0 <= sent <= asked:
        raise Unreachable("its process answered with what is no length")
    return int(sent)


def _is_place(place: Any) -> bool:
    if not isinstance(place, list) or len(place) != 3:
        return False
    file, line, function = place
    return isinstance(file, str) and _is_number(line) and isinstance(function, str)


def _is_number(told: Any) -> bool:
    return told.__class__ is int and 0 <= told <= NUMBER_MAXIMUM
