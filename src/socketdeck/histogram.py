"""Histograms of spans of time: small, mergeable, and made without a logarithm.

A bin is the sign, the exponent and the first 5 bits of the fraction of a time as a 32-bit float
(IEEE 754): each doubling is cut into 32 bins of equal width. A bin stands for its middle, which is
off by at most a 64th (1.6 %) of the true time, from nanoseconds to years. Two histograms are merged
by adding their counts, so that a quantile of a minute is as good as one of a second.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from struct import pack, unpack

Bins = dict[int, int]
"""How many times fell into each bin."""

_SHIFT = 18
"""Of the 23 bits of a fraction, those that are left out."""

_NEGATIVE = 1 << (31 - _SHIFT)


def bins_of(times: Iterable[float]) -> Bins:
    """The histogram of times in seconds; one below zero, as of a clock set back, counts as zero."""
    bits = memoryview(array("f", times)).cast("B").cast("I")
    bins: Bins = dict(Counter([word >> _SHIFT for word in bits]))
    if bins and max(bins) >= _NEGATIVE:
        below = [number for number in bins if number >= _NEGATIVE]
        bins[0] = bins.get(0, 0) + sum(bins.pop(number) for number in below)
    return bins


def add_bins(to: Bins, more: Mapping[int, int]) -> None:
    """Merge a histogram into another."""
    for number, count in more.items():
        to[number] = to.get(number, 0) + count


def quantiles(bins: Mapping[int, int], wanted: Iterable[float]) -> list[float] | None:
    """The quantiles, in rising order, in seconds; `None` where nothing was counted."""
    total = sum(bins.values())
    if not total:
        return None
    found = []
    passed = 0
    numbers = iter(sorted(bins))
    number = next(numbers)
    for quantile in wanted:
        rank = min(total - 1, int(total * quantile))
        while passed + bins[number] <= rank:
            passed += bins[number]
            number = next(numbers)
        found.append(_middle(number))
    return found


def _middle(number: int) -> float:
    if number == 0:
        return 0.0
    (middle,) = unpack("f", pack("I", (number << _SHIFT) | (1 << (_SHIFT - 1))))
    return float(f"{middle:.4g}")  # what is beyond that is noise
