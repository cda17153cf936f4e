"""Lines of source: of Python's files alone, as they were loaded, whatever names are given."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import pytest

from socketdeck.source import LINE_CHARACTERS, SOURCE_BYTES, STACK_BYTES, lines_at

NOW = time.time() + 86_400


def test_lines_without_their_indentation(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_bytes(b"first\n    second\r\n\n\xff last")
    places = [(str(file), line, "f") for line in (1, 2, 3, 4, 5, 0, -1, 10**30)]
    assert lines_at(places, NOW) == ["first", "second", None, "\ufffd last", *[None] * 4]


def test_a_file_written_to_since_then_is_not_told_of(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text("first\n")
    assert lines_at([(str(file), 1, "f")], file.stat().st_mtime - 1) == [None]


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text("x" * 10_000)
    assert lines_at([(str(file), 1, "f")], NOW) == ["x" * LINE_CHARACTERS]


def test_of_a_huge_file_the_beginning_is_read(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_bytes(b"first\n" + b"\n" * SOURCE_BYTES + b"last\n")
    last = SOURCE_BYTES + 2
    assert lines_at([(str(file), 1, "f"), (str(file), last, "f")], NOW) == ["first", None]


def test_many_names_of_a_large_file_are_read_only_so_far(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    line = b"x" * 63 + b"\n"
    last = SOURCE_BYTES // len(line)
    file.write_bytes(line * last)
    names = [tmp_path / f"name{number}.py" for number in range(20)]
    for name in names:
        name.symlink_to(file)
    told = lines_at([(str(name), last, "f") for name in names], NOW)
    whole = STACK_BYTES // SOURCE_BYTES
    assert told == ["x" * 63] * whole + [None] * (20 - whole)
    tracemalloc.start()
    try:
        lines_at([(str(name), last, "f") for name in names[:2]], NOW)
        assert tracemalloc.get_traced_memory()[1] < SOURCE_BYTES // 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["", "<string>", "\0.py", "\udcff.py", "no/such.py", "/etc/passwd", "/dev/zero", "."]
)
def test_what_is_no_source(name: str) -> None:
    assert lines_at([(name, 1, "f")], NOW) == [None]


def test_a_pipe_or_folder_by_such_a_name_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    places = [(str(tmp_path / name), 1, "f") for name in ("pipe.py", "folder.py")]
    assert lines_at(places, NOW) == [None, None]
