"""Times in a filter: at a moment, from one to another, at a time of the day, or a while ago.

A moment is as long as it is written precisely: `2026-07-12` is that day, `2026-07-12T12:05Z` that
minute. A range goes from the beginning of its first to the end of its last. All in UTC unless an
offset says otherwise; a time without a date is that of any day.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
"""Times here are in microseconds since the epoch, which is how events show theirs."""

MINUTE = 60 * SECOND
MARGIN = 2
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AGO_UNITS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": DAY}

_AGO = re.compile(r"-([0-9]{1,9})([smhd])")
_CLOCK = r"(?P<minute>[0-9]{2}:[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
_TIME = re.compile(_CLOCK)
_MOMENT = re.compile(
    rf"(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})"
    rf"(?:[Tt ]{_CLOCK}(?P<offset>[Zz]|[+-][0-9]{{2}}:[0-9]{{2}})?)?"
)
_SIGN = re.compile(r"[<>]=?|")
HOW = "write 2026-07-12T12:05:00Z, 2026-07-12, 12:05, or -15m.. for the last quarter of an hour"


@dataclass(frozen=True, slots=True)
class Moment:
    """From `start` on, `span` long: since the epoch, of the day, or before now."""

    kind: str
    """`date`, `day` or `ago`."""
    start: int
    span: int

    @classmethod
    def parse(cls, text: str) -> Moment:
        """Read one; `ValueError` says what may be written."""
        if ago := _AGO.fullmatch(text):
            return cls("ago", int(ago[1]) * AGO_UNITS[ago[2]], 0)
        if clock := _TIME.fullmatch(text):
            start, span = _clock(clock)
            return cls("day", start, span)
        found = _MOMENT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:40]!r} is no time; {HOW}")
        try:
            date = _micros(datetime.strptime(found["day"], "%Y-%m-%d").replace(tzinfo=UTC))
            start, span = _clock(found) if found["minute"] else (0, DAY)
            start += date - _offset(found["offset"])
            EPOCH + timedelta(microseconds=start)
        except (ValueError, OverflowError):
            raise ValueError(f"there is no time {text[:40]!r}") from None
        return cls("date", start, span)

    def __str__(self) -> str:
        if self.kind == "ago":
            return _ago_text(self.start)
        shown = EPOCH + timedelta(microseconds=self.start)
        clock = _clock_text(shown, self.span)
        if self.kind == "day":
            return clock
        date = shown.date().isoformat()
        return date if self.span == DAY else f"{date}T{clock}Z"


@dataclass(frozen=True, slots=True)
class Moments:
    """The times that a value of the field `time` means."""

    sign: str
    """`""`, `>`, `>=`, `<`, `<=`, or `..`."""
    low: Moment | None
    high: Moment | None

    @classmethod
    def parse(cls, text: str) -> Moments:
        """Read one; `ValueError` says what is wrong."""
        first, dots, last = text.partition("..")
        if dots:
            low, high = (Moment.parse(end) if end else None for end in (first, last))
            if low is None and high is None:
                raise ValueError("a range has a time at one end, or at both")
            kinds = {end.kind for end in (low, high) if end is not None}
            if "day" in kinds and kinds != {"day"}:
                raise ValueError("both ends of a range have a date, or neither")
            return cls._range(low, high)
        sign = _SIGN.match(text)
        assert sign is not None
        moment = Moment.parse(text[sign.end() :])
        if moment.kind == "ago" and not sign[0]:
            raise ValueError(f"{text}.. is the time since then, >{text} too")
        return cls(sign[0], moment, None)

    @classmethod
    def _range(cls, low: Moment | None, high: Moment | None) -> Moments:
        if high is None:
            return cls(">=", low, None)
        if low is None:
            return cls("<=", high, None)
        is_upside_down = low.start >= high.start + high.span
        if low.kind == "ago":
            is_upside_down = low.start < high.start
        # From the evening to the morning a time of day is in order.
        if low.kind == high.kind != "day" and is_upside_down:
            raise ValueError("this range ends before it begins")
        return cls("..", low, high)

    def matches(self, value: float) -> bool:
        """Whether an event's time, in seconds since the epoch, is meant."""
        micros = round(value * SECOND)
        assert self.low is not None
        if self.low.kind == "day":
            return self._matches_of_day(micros % DAY)
        low, high = self._bounds()
        return (low is None or micros >= low) and (high is None or micros < high)

    def around(self) -> tuple[float | None, float | None]:
        """Seconds since the epoch, from and to, outside of which no time is meant.

        A little wide, as microseconds since then are on the edge of what a float tells apart.
        """
        if self.low is None or self.low.kind == "day":
            return None, None
        low, high = self._bounds()
        return (
            None if low is None else (low - MARGIN) / SECOND,
            None if high is None else (high + MARGIN) / SECOND,
        )

    def __str__(self) -> str:
        if self.sign == "..":
            return f"{self.low}..{self.high}"
        return f"{self.sign}{self.low}"

    def _bounds(self) -> tuple[int | None, int | None]:
        """The first microsecond that is meant, and the first one after."""
        now = _now()
        start, end = _extent(self.low, now)
        match self.sign:
            case "..":
                return start, _extent(self.high, now)[1]
            case ">":
                return end, None
            case ">=":
                return start, None
            case "<":
                return None, start
            case "<=":
                return None, end
        return start, end

    def _matches_of_day(self, micros: int) -> bool:
        low, high = self._bounds()
        if low is not None and high is not None and low >= high:  # over midnight
            return micros >= low or micros < high
        return (low is None or micros >= low) and (high is None or micros < high)


def parse_moment(text: str) -> float:
    """A time with its date, in seconds since the epoch: its beginning, as precisely as it is said.

    `ValueError` says what may be written.
    """
    try:
        moment = Moment.parse(text)
    except ValueError:
        moment = None
    if moment is None or moment.kind != "date":
        raise ValueError("should be a time like 2026-07-12T12:05:00Z")
    return moment.start / SECOND


def _extent(moment: Moment | None, now: int) -> tuple[int, int]:
    assert moment is not None
    start = now - moment.start if moment.kind == "ago" else moment.start
    return start, start + moment.span


def _now() -> int:
    return round(time.time() * SECOND)


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _clock(found: re.Match[str]) -> tuple[int, int]:
    """A time of the day, and how precisely it is written."""
    hour, minute = map(int, found["minute"].split(":"))
    second = int(found["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"there is no time {found[0][:40]!r}")
    start = (hour * 60 + minute) * MINUTE + second * SECOND
    if found["second"] is None:
        return start, MINUTE
    fraction = (found["fraction"] or "")[:6]
    return start + int(fraction.ljust(6, "0")), 10 ** (6 - len(fraction))


def _offset(text: str | None) -> int:
    if text is None or text in "Zz":
        return 0
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError
    return (hours * 60 + minutes) * (MINUTE if text[0] == "+" else -MINUTE)


def _clock_text(shown: datetime, span: int) -> str:
    if span >= MINUTE:
        return f"{shown:%H:%M}"
    digits = 7 - len(str(span))
    fraction = f"{shown.microsecond:06d}"[:digits]
    return f"{shown:%H:%M:%S}" + (f".{fraction}" if fraction else "")


def _ago_text(micros: int) -> str:
    unit, size = next(
        (unit, size) for unit, size in reversed(AGO_UNITS.items()) if micros % size == 0
    )
    return f"-{micros // size}{unit}"
