"""Every command of every page does what the page says; see `reader`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, Page, commands
from tests.docs.reader import Reader, pattern, target_of_make_run

CLIENTS = ("bash", "curl", "nc")

RUN = [page for page in PAGES if any(block.kind == "console" for block in page.blocks)]


@pytest.mark.parametrize("read", RUN, ids=lambda read: read.name)
def test_it_is_as_the_page_says(read: Page, tmp_path: Path) -> None:
    typed = " ".join(
        command.text
        for block in read.blocks
        if block.kind == "console"
        for command in commands(block)
    )
    words = {"bash", *re.findall(r"\w+", typed)}
    lacking = [client for client in CLIENTS if client in words and not shutil.which(client)]
    if lacking:
        pytest.skip(f"this machine has no {', '.join(lacking)}")
    with Reader(read, tmp_path) as reader:
        reader.read()


def test_what_stands_for_make_run_is_what_it_ends_in() -> None:
    assert target_of_make_run() == "exec .venv/bin/python -m app"


def test_dots_stand_for_any_text_or_for_any_lines() -> None:
    assert pattern("a ... c\n").fullmatch("a b c\n")
    assert not pattern("a ... c\n").fullmatch("a b\nc\n")
    assert pattern("a\n...\nc\n").fullmatch("a\nb\nb\nc\n")
    assert pattern("a\n...\n").fullmatch("a\n")
    assert not pattern("").fullmatch("a\n")
