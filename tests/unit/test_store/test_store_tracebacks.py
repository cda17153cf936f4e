"""Tracebacks: which are one, and where in them one should look."""

from __future__ import annotations

import sys
import traceback as tracebacks
from collections.abc import Callable
from typing import Any

import pytest

from app.store.tracebacks import cause_of, fingerprint, place_of, read_traceback
from socketdeck.catalogue import echo
from socketdeck.failure import TRACEBACK_CHARACTERS, failure_of


def raised(call: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    try:
        call(*arguments)
    except BaseException as error:
        return failure_of(error)
    raise AssertionError("nothing was raised")


def mark(failure: dict[str, Any], service: str = "shop") -> str:
    return fingerprint(service, failure["type"], failure["message"], failure["traceback"])


def look_up(key: Any) -> Any:
    return {}[key]


def look_up_elsewhere(key: Any) -> Any:
    return {}[key]


def wrap(key: Any, kind: type[Exception] = ValueError) -> None:
    try:
        look_up(key)
    except KeyError as error:
        raise kind(f"no {key}") from error


def stumble(key: Any) -> None:
    try:
        look_up(key)
    except KeyError:
        look_up_elsewhere(f"again {key}")


def several(*keys: Any) -> None:
    found = []
    for key in keys:
        try:
            look_up(key)
        except KeyError as error:
            found.append(error)
    raise ExceptionGroup(f"{keys}", found)


def deep(depth: int, key: Any) -> None:
    if depth:
        deeper(depth - 1, key)
    look_up(key)


def deeper(depth: int, key: Any) -> None:
    deep(depth, key)


@pytest.mark.parametrize("call", [look_up, wrap, stumble])
@pytest.mark.parametrize(
    "key", [18, "a: b", "line\nbreak", "x" * 100_000, "x\n" * 50_000, "\ud800", ""]
)
def test_what_was_said_does_not_matter(call: Any, key: Any) -> None:
    assert mark(raised(call, 17)) == mark(raised(call, key))


def test_the_place_the_type_the_chain_and_the_service_do() -> None:
    def from_here() -> None:
        look_up(17)

    failures = [
        raised(look_up, 17),
        raised(look_up_elsewhere, 17),
        raised(from_here),
        raised(wrap, 17),
        raised(wrap, 17, RuntimeError),
        raised(stumble, 17),
        raised(several, 17),
        raised(several, 17, 18),
    ]
    marks = {mark(failure) for failure in failures}
    marks.add(mark(failures[0], "another"))
    assert len(marks) == len(failures) + 1
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in marks)


def test_a_cause_of_another_type_is_another_failure() -> None:
    one = raised(wrap, 17)
    other = {**one, "traceback": one["traceback"].replace("KeyError: 17", "IndexError: 17")}
    assert mark(one) != mark(other)


@pytest.mark.parametrize("depth", [0, 3])
def test_exceptions_in_a_group_are_read_as_well(depth: int) -> None:
    failure = raised(several, 1, 2)
    links = read_traceback(failure["traceback"])
    assert [link.type for link in links] == ["ExceptionGroup", "KeyError", "KeyError"]
    assert [link.frames[-1].function for link in links] == ["several", "look_up", "look_up"]
    assert mark(failure) == mark(raised(several, depth, "x"))


def test_a_long_one_is_the_same_whatever_it_said() -> None:
    failures = [raised(deep, 100, key) for key in (17, "x" * 50, "y" * 731)]
    assert all("characters left out" in failure["traceback"] for failure in failures)
    assert len({mark(failure) for failure in failures}) == 1
    assert failures[0]["traceback"] != failures[1]["traceback"]
    assert len(failures[0]["traceback"]) < TRACEBACK_CHARACTERS + 100


def test_without_a_traceback_numbers_do_not_matter() -> None:
    said = "the child process {} was ended by SIGKILL in its handler"
    one, other = (fingerprint("a", "ChildEnded", said.format(pid), None) for pid in (4711, 9))
    assert one == other
    assert one != fingerprint("a", "ChildEnded", "it left with status 1", None)


def test_a_message_that_looks_like_a_traceback_changes_no_place() -> None:
    fake = (
        'x\nTraceback (most recent call last):\n  File "/fake.py", line 1, in fake\n    no\nNo: no'
    )
    failure = raised(look_up_raising, fake)
    (link, *_) = read_traceback(failure["traceback"])
    assert link.frames[-1].function == "look_up_raising"


def look_up_raising(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize(
    "text", ["", "\n", "nonsense", "  | \n +", 'File "', "\x00\ud800\u202e" * 99]
)
def test_nonsense_is_read_as_nothing(text: str) -> None:
    assert read_traceback(text) == []
    assert place_of(text) is None
    assert fingerprint("a", "b", "c", text)


def test_the_place_is_the_innermost_of_ones_own_code() -> None:
    import json

    def parse() -> None:
        json.loads("{")

    found = place_of(raised(parse)["traceback"])
    assert found is not None
    frame, own = found
    assert (frame.file, frame.function, frame.code) == (__file__, "parse", 'json.loads("{")')
    assert own


def test_of_a_chain_it_is_in_what_was_raised_last() -> None:
    found = place_of(raised(wrap, 17)["traceback"])
    assert found is not None
    assert found[0].function == "wrap"
    assert found[0].code == 'raise kind(f"no {key}") from error'


def test_a_chain_has_a_beginning() -> None:
    chained, alone, many = raised(wrap, 17), raised(look_up, 17), raised(several, 1, 2)
    found = cause_of(chained["traceback"], chained["type"])
    assert found is not None
    assert (found[0], found[1].function, found[1].code) == ("KeyError", "look_up", "return {}[key]")
    assert cause_of(alone["traceback"], alone["type"]) is None
    assert cause_of(many["traceback"], many["type"]) is None


def test_in_a_catalogue_handler_it_is_the_handlers_line() -> None:
    lines = [
        f'  File "{sys.modules["socketserver"].__file__}", line 1, in process_request\n',
        f'  File "{echo.__file__}", line 30, in handle\n    self.request.sendall(data)\n',
        f'  File "{sys.modules["socketdeck.tap"].__file__}", line 9, in sendall\n',
    ]
    text = f"Traceback (most recent call last):\n{''.join(lines)}OSError: no\n"
    found = place_of(text)
    assert found is not None
    assert (found[0].file, found[1]) == (echo.__file__, True)


def test_where_all_of_it_is_a_librarys_it_is_simply_the_innermost() -> None:
    text = "".join(
        [
            "Traceback (most recent call last):\n",
            f'  File "{tracebacks.__file__}", line 1, in outer\n',
            f'  File "{tracebacks.__file__}", line 2, in inner\n',
            "OSError\n",
        ]
    )
    found = place_of(text)
    assert found is not None
    assert (found[0].function, found[1]) == ("inner", False)
