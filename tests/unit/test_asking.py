"""What a child process answers is checked: it runs its user's code."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from socketdeck.connections import Connection, ConnectionTable
from socketdeck.errors import IllegalTransition, Unreachable
from socketdeck.hosts import asking
from socketdeck.hosts.asking import Asking, sent_of, standing_of
from socketdeck.hosts.errands import GRACE_SECONDS, NOTES, Errands
from socketdeck.journal import Journal
from socketdeck.stack import FILE_CHARACTERS, FRAMES, FUNCTION_CHARACTERS
from socketdeck.tally import Tally

SOUND: dict[str, Any] = {
    "question": 1,
    "state": "handling",
    "pid": 1,
    "thread": "MainThread",
    "places": [["a.py", 1, "handle"]],
    "cut": False,
}
PLACE = ["a.py", 1, "handle"]


@pytest.fixture
def connection() -> Connection:
    """One that a child serves, under the number 7."""
    journal = Journal()
    table = ConnectionTable(journal)
    made = Connection(table, Tally(), "service", "tcp", 1, ("127.0.0.1", 1), None, 256)
    made.worker_key = 7
    return made


def answered(answer: Any) -> Asking:
    """A child that answers every question so, before it could be waited for."""

    def post(name: str, number: int, deadline: float, what: str, key: int, data: bytes) -> bool:
        assert (name, key) == ("ask", 7)
        made.take({**answer, "question": number})
        return True

    made = Asking(post)
    return made


def test_an_answer_is_that_of_its_question(connection: Connection) -> None:
    child = answered({"sent": 3})
    assert child.ask(connection, "send", b"abc") == {"sent": 3, "question": 1}
    assert child.ask(connection, "send", b"abc") == {"sent": 3, "question": 2}


def test_a_refusal_is_told_shortened(connection: Connection) -> None:
    with pytest.raises(Unreachable) as refused:
        answered({"refused": "no" * 1_000}).ask(connection, "send", b"abc")
    assert str(refused.value) == "no" * 150


def test_a_refusal_may_be_no_text_at_all(connection: Connection) -> None:
    with pytest.raises(Unreachable, match="'why'"):
        answered({"refused": {"why": "\udcff"}}).ask(connection, "send", b"abc")


def test_an_answer_without_a_number_is_none() -> None:
    child = Asking(lambda *order: True)
    wrong: list[Any] = [{}, {"question": None}, {"question": "1"}, [], None]
    for garbled in wrong:
        with pytest.raises((KeyError, TypeError)):
            child.take(garbled)


def test_an_answer_that_nobody_waits_for_is_let_go(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.0)
    child = Asking(lambda *order: True)
    for late in (-1, 0, 1, 10**30):
        child.take({"question": late})
    with pytest.raises(Unreachable, match="did not answer"):
        child.ask(connection, "stack")
    child.take({"question": 1})


def test_an_order_that_cannot_be_given(connection: Connection) -> None:
    with pytest.raises(Unreachable, match="no more orders"):
        Asking(lambda *order: False).ask(connection, "stack")


def test_a_connection_that_ends_meanwhile(connection: Connection) -> None:
    def post(*order: Any) -> bool:
        connection.closed_at = time.time()
        return True

    with pytest.raises(IllegalTransition, match="is closed"):
        Asking(post).ask(connection, "stack")


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "closed"},
        {"state": ["handling"]},
        {"state": None},
        {"pid": "1"},
        {"pid": True},
        {"pid": 10**30},
        {"thread": 1},
        {"places": None},
        {"places": {}},
        {"places": "aaa"},
        {"places": [PLACE] * (FRAMES + 1)},
        {"places": [None]},
        {"places": ["abc"]},
        {"places": [["a.py", 1]]},
        {"places": [["a.py", "1", "handle"]]},
        {"places": [["a.py", 1.5, "handle"]]},
        {"places": [["a.py", True, "handle"]]},
        {"places": [["a.py", -1, "handle"]]},
        {"places": [["a.py", 10**30, "handle"]]},
        {"places": [[None, 1, "handle"]]},
        {"places": [["a.py", 1, ["handle"]]]},
    ],
)
def test_what_is_no_stack(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unreachable, match="no stack"):
        standing_of({**SOUND, **wrong}, 0.0)


def test_a_stack_is_taken_and_its_names_shortened() -> None:
    assert standing_of(SOUND, 0.0).places == [("a.py", 1, "handle")]
    long = standing_of({**SOUND, "places": [["/" * 10_000, 17, "\udcff" * 10_000]]}, 0.0)
    ((file, line, function),) = long.places
    assert len(file) == FILE_CHARACTERS
    assert line == 17
    assert function == "\\udcff" * FUNCTION_CHARACTERS


@pytest.mark.parametrize("wrong", [None, "3", 3.0, True, -1, 4, [3]])
def test_what_is_no_length(wrong: Any) -> None:
    with pytest.raises(Unreachable, match="no length"):
        sent_of({"sent": wrong}, 3)


def test_a_note_is_its_childs_and_is_read_once() -> None:
    notes = Errands()
    until = time.monotonic() + 60
    assert notes.leave(os.getpid(), 7, 1, until, "stack", b"")
    assert notes.leave(os.getpid(), 7, 2, until, "send", b"hello")
    assert notes.take(os.getpid() + 1, 7) == []
    assert notes.take(os.getpid(), 7) == [(1, "stack", b""), (2, "send", b"hello")]
    assert notes.take(os.getpid(), 7) == []
    notes.close()


def test_a_note_for_another_connection_or_too_late_is_not_obeyed() -> None:
    notes = Errands()
    assert notes.leave(1, 8, 1, time.monotonic() + 60, "send", b"hello")
    assert notes.leave(1, 7, 2, time.monotonic() - 1, "send", b"hello")
    assert notes.take(1, 7) == []
    notes.close()


def test_there_is_room_for_so_many_notes_and_again_once_they_are_over() -> None:
    notes = Errands()
    for number in range(NOTES):
        assert notes.leave(1, 7, number, time.monotonic() + 60, "stack", b"")
    assert not notes.leave(1, 7, NOTES, time.monotonic() + 60, "stack", b"")
    assert len(notes.take(1, 7)) == NOTES
    over = time.monotonic() - GRACE_SECONDS - 1
    for number in range(NOTES + 1):
        assert notes.leave(1, 7, number, over, "stack", b"")
    notes.close()


@pytest.mark.parametrize("size", [0, 100, 1_000])
def test_where_its_descriptor_is_another_files_there_are_no_notes_and_that_is_left_alone(
    tmp_path: Path, size: int
) -> None:
    notes = Errands()
    assert notes.leave(1, 7, 1, time.monotonic() + 60, "stack", b"")
    other = tmp_path / "other"
    held = (1).to_bytes(4, "little") * (size // 4)
    other.write_bytes(held)
    opened = os.open(other, os.O_RDWR)
    os.dup2(opened, notes._file)
    os.close(opened)
    assert notes.take(1, 7) == []
    assert other.read_bytes() == held
    notes.close()
    assert notes.take(1, 7) == []
