"""Histograms of times: how good they are, and that merging makes them no worse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from socketdeck.histogram import Bins, add_bins, bins_of, quantiles

QUANTILES = (0.5, 0.95, 0.99)
TIMES = st.lists(st.floats(1e-9, 1e6), min_size=1, max_size=300)


def exactly(times: list[float], quantile: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * quantile))]


@given(TIMES)
def test_a_quantile_is_off_by_a_64th_at_most(times: list[float]) -> None:
    found = quantiles(bins_of(times), QUANTILES)
    assert found is not None
    for quantile, value in zip(QUANTILES, found, strict=True):
        true = exactly(times, quantile)
        assert abs(value - true) <= true * (1 / 64 + 1e-3)


@given(TIMES, TIMES)
def test_two_that_are_merged_are_one_of_both(one: list[float], other: list[float]) -> None:
    merged: Bins = bins_of(one)
    add_bins(merged, bins_of(other))
    assert merged == bins_of(one + other)
    assert sum(merged.values()) == len(one) + len(other)


def test_nothing_has_no_quantiles() -> None:
    assert quantiles(bins_of([]), QUANTILES) is None


def test_no_time_and_less_count_as_none() -> None:
    assert quantiles(bins_of([0.0, -1.0, -1e-9]), QUANTILES) == [0.0, 0.0, 0.0]
    assert sum(bins_of([0.0, -1.0, 2.0]).values()) == 3


def test_a_day_of_one_pace_is_few_bins() -> None:
    assert len(bins_of([0.001 + number * 1e-7 for number in range(10_000)])) <= 40
