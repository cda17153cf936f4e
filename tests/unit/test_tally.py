"""The totals of a service: rates by the second, percentiles, and waiting for the last to end."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from socketdeck.tally import BUCKETS_KEPT, HANDLING_KEPT, TIMES_SAMPLED, Tally

DEADLINE_SECONDS = 10.0


def test_rates_are_means_over_full_seconds() -> None:
    tally = Tally()
    for second in range(100, 170):
        bucket = tally.bucket(second + 0.5)
        bucket[1] += 2
        bucket[2] += 100
        bucket[5] += 1
    rates = tally.rates(170.2)
    for window in ("1s", "10s", "60s"):
        assert rates[window].connections == 2
        assert rates[window].bytes_in == 100
        assert rates[window].bytes_out == 0
        assert rates[window].messages_out == 1
    assert tally.rates(180.2)["1s"].connections == 0
    assert tally.rates(180.2)["10s"].connections == 0
    assert tally.rates(180.2)["60s"].connections == pytest.approx(2 * 50 / 60)
    assert tally.rates(400)["60s"].connections == 0


def test_handling_times_are_percentiles() -> None:
    tally = Tally()
    assert tally.handling().p50 is None
    for number in range(100):
        tally.handled(number / 100)
    handling = tally.handling()
    assert (handling.p50, handling.p95, handling.p99) == (0.5, 0.95, 0.99)
    for _ in range(HANDLING_KEPT):
        tally.handled(7.0)
    assert tally.handling().p50 == 7.0


def test_what_is_kept_is_bounded() -> None:
    tally = Tally()
    for second in range(10 * BUCKETS_KEPT):
        tally.bucket(second)[1] += 1
    for _ in range(10 * HANDLING_KEPT):
        tally.handled(0.0)
    assert len(tally._buckets) <= 2 * BUCKETS_KEPT
    assert len(tally._handling) <= 2 * HANDLING_KEPT


def test_who_waits_for_the_last_connection_is_told() -> None:
    tally, one, two = Tally(), Any, Any
    assert tally.wait_idle(lambda: 0.0), "none is open"
    tally.open = {1: one, 2: two}  # type: ignore[dict-item]
    assert not tally.wait_idle(time.monotonic), "two are, and there is no time"
    idle: list[bool] = []
    waiting = threading.Thread(
        target=lambda: idle.append(tally.wait_idle(lambda: time.monotonic() + DEADLINE_SECONDS))
    )
    waiting.start()
    for number in (1, 2):
        with tally.lock:
            del tally.open[number]
        tally.tell_idle()
    waiting.join(DEADLINE_SECONDS)
    assert idle == [True]


def test_the_deadline_of_one_who_waits_can_be_brought_forward() -> None:
    tally, began = Tally(), threading.Event()
    tally.open = {1: Any}  # type: ignore[dict-item]
    until = [threading.TIMEOUT_MAX]
    idle: list[bool] = []

    def deadline() -> float:
        began.set()
        return until[0]

    waiting = threading.Thread(target=lambda: idle.append(tally.wait_idle(deadline)))
    waiting.start()
    assert began.wait(DEADLINE_SECONDS)
    until[0] = 0.0
    tally.tell_idle()
    waiting.join(DEADLINE_SECONDS)
    assert idle == [False]


def test_the_first_change_after_a_sample_is_told_once() -> None:
    tally, told = Tally(), []
    tally.bucket(100.0)
    tally.sample_with(lambda: told.append("stirred"))
    tally.bucket(100.5)
    tally.handled(0.5)
    tally.stir()
    assert told == ["stirred"]
    totals, times = tally.take_sample()
    assert times == [0.5]
    assert totals.connections == 0
    assert tally.take_sample()[1] == []
    tally.handled(0.25)
    assert told == ["stirred", "stirred"]
    tally.sample_with(None)
    tally.take_sample()
    tally.handled(0.25)
    assert told == ["stirred", "stirred"]


def test_times_that_nobody_takes_are_bounded() -> None:
    tally = Tally()
    tally.sample_with(lambda: None)
    for number in range(TIMES_SAMPLED + 5):
        tally.handled(number)
    _, times = tally.take_sample()
    assert len(times) == TIMES_SAMPLED
    assert times[0] == 5
