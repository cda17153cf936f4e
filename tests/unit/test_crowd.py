"""The switch interval follows the crowd, and is what it was when the crowd has gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from socketdeck import crowd


@pytest.fixture(autouse=True)
def usual() -> Iterator[float]:
    before = sys.getswitchinterval()
    yield before
    sys.setswitchinterval(before)


def test_a_crowd_is_patient_and_a_few_are_not(usual: float) -> None:
    for connections in range(1, 10 * crowd.CROWD + 1):
        crowd.mind(connections)
    assert sys.getswitchinterval() == pytest.approx(10 * crowd.CROWD * crowd.SECONDS_EACH)
    for connections in reversed(range(10 * crowd.CROWD)):
        crowd.mind(connections)
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_a_few_change_nothing(usual: float) -> None:
    for connections in range(crowd.CROWD):
        crowd.mind(connections)
    assert sys.getswitchinterval() == usual
