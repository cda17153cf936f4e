"""Closings at a pace: what becomes of one that cannot begin."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from app.closings import AT_ONCE, Closings
from app.problems import Refused


def test_one_that_has_no_thread_is_refused_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    closings = Closings()
    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", fail)
        for _ in range(AT_ONCE + 1):
            with pytest.raises(Refused, match="no thread to be had") as told:
                closings.start([], lambda _: True, how="drain", pace=1.0)
            assert told.value.status == 503
    assert closings.list() == []
    assert closings.start([], lambda _: True, how="drain", pace=1.0).count == 0
