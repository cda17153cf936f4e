"""`CaptureControl`: how closely a service is watched, from moment to moment.

At a fixed level that is what its definition says. At level `auto` it is `payload` while the service
is quiet or somebody looks at it, and `counters` while it is hot: to record each message of many
thousands a second costs its handlers time, and nobody reads them. What was not recorded is told by
an `events.dropped` with the exact count, at the end and, where that takes long, from time to time.

Where the kernel counts a service's bytes (`watch`), it is asked from here: once a second while any
such connection is open, and when somebody wants to know.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Protocol

from socketdeck.status import CaptureReason, CaptureStatus, EffectiveLevel, moment

if TYPE_CHECKING:
    from socketdeck.definition import Capture
    from socketdeck.journal import Journal
    from socketdeck.tally import Tally
    from socketdeck.timekeeper import Timekeeper

HOT_MESSAGES = 10_000
"""More than this in a second is hot. What recording costs then is a twentieth of a core."""

HEAT_SECONDS = 1.0
"""A rush that is over sooner is recorded whole."""

COOL_MESSAGES = 5_000
COOL_SECONDS = 3
"""It is quiet again where it stayed below for so long."""

TELL_SECONDS = 10.0
RECOUNT_SECONDS = 1.0
RECOUNT_SHARE = 0.05
"""Of the time: what being asked for figures may cost, however often that is."""

SOURCE = "capture"


class Watched(Protocol):
    """What looks: the host that runs the service."""

    def set_level(self, level: str, prefix: int, *, each: bool = False) -> None:
        """Look as closely as that from now on, at `each` message; returns at once."""

    def recount(self) -> bool:
        """Take over what the kernel has counted; whether there is anything that it counts."""


class CaptureControl:
    """The level of one service. Made by it; `attach` a host while it runs, `detach` it after.

    `_lock` guards all fields; the host is told under it, so that the last word is the last.
    """

    __slots__ = (
        "_capture",
        "_checks",
        "_effective",
        "_host",
        "_hot",
        "_journal",
        "_lock",
        "_looked_until",
        "_name",
        "_quiet_for",
        "_recount_not_before",
        "_recounts",
        "_since",
        "_tally",
        "_tell_at",
        "_timekeeper",
        "_told",
    )

    def __init__(
        self,
        name: str,
        capture: Capture,
        *,
        tally: Tally,
        journal: Journal,
        timekeeper: Timekeeper,
    ) -> None:
        self._name = name
        self._tally = tally
        self._journal = journal
        self._timekeeper = timekeeper
        self._lock = threading.RLock()
        self._capture = capture
        self._host: Watched | None = None
        self._hot = False
        self._looked_until = 0.0  # monotonic
        self._quiet_for = 0
        self._told = 0  # how many of the tally's `unseen` are accounted for
        self._tell_at = 0.0  # monotonic
        self._effective = self._wanted()
        self._since = time.time()
        self._checks = self._recounts = False  # whether a timer runs
        self._recount_not_before = 0.0  # monotonic
        tally.notice = self._notice
        self._set_bound()

    # -- what its service says ----------------------------------------------------------------

    @property
    def level(self) -> EffectiveLevel:
        """How closely it is watched at the moment: any level but `auto`."""
        return self._effective

    def status(self) -> CaptureStatus:
        """As the contract shows it."""
        with self._lock:
            return CaptureStatus.model_construct(
                level=self._capture.level,
                effective=self._effective,
                since=moment(self._since),
                why=self._why(),
            )

    def change(self, capture: Capture) -> None:
        """Another definition; acts on live connections at once."""
        with self._lock:
            before, self._capture = self._capture, capture
            self._hot = self._hot and capture.level == "auto"
            self._set_bound()
            if before.level != "auto":
                # What a fixed level left unrecorded was left out by its user's wish.
                self._journal.flush()
                self._told = self._tally.unseen
            self._apply(again=capture != before)
            if before.level == "auto" and capture.level != "auto":
                self._tell()

    def attach(self, host: Watched, level: str, capture: Capture) -> None:
        """A run has begun, looked at as closely as `level` of this `capture` so far."""
        with self._lock:
            self._host = host
            if level != self._effective or capture != self._capture:
                host.set_level(self._effective, self._capture.bytes, each=self._counts_each())
        self.first_opened()

    def detach(self) -> None:
        """The run is over."""
        with self._lock:
            self._host = None
            self._hot = False
            self._apply()
            if self._capture.level == "auto":
                self._tell()

    def look(self, seconds: float) -> None:
        """Somebody looks at it, for so long from now: full detail. Does not block."""
        with self._lock:
            self._looked_until = max(self._looked_until, time.monotonic() + seconds)
            self._apply()

    def first_opened(self) -> None:
        """A connection is open where none was: it may be one that the kernel counts."""
        if self._recounts or self._effective != "counters" or not self._tally.open:
            return
        with self._lock:
            if self._recounts or self._host is None:
                return
            self._recounts = True
        self._timekeeper.later(RECOUNT_SECONDS, self._recount_again)

    def recount(self) -> None:
        """Bring what the kernel counts up to date, unless that was done a moment ago."""
        with self._lock:
            host, now = self._host, time.monotonic()
            if host is None or now < self._recount_not_before:
                return
            host.recount()
            self._recount_not_before = now + (time.monotonic() - now) / RECOUNT_SHARE

    # -- at level auto ------------------------------------------------------------------------

    def _notice(self) -> None:
        """From the tally, under its lock: it is hot, or messages went by unrecorded."""
        if self._effective == "payload" and self._capture.level == "auto":
            self._check_in(HEAT_SECONDS)

    def _check_in(self, seconds: float) -> None:
        """Have it looked at then, unless somebody is to look already."""
        if not self._checks:
            self._checks = True
            self._timekeeper.later(seconds, self._check)

    def _check(self) -> None:
        """Look how hot it is; again in a second, while there is anything to decide or to tell."""
        with self._lock:
            self._checks = False  # what is noticed from here on is looked at anew
            if self._capture.level != "auto":
                return
            rate = self._tally.messages_a_second(time.time())
            if not self._hot:
                self._hot, self._quiet_for = rate > HOT_MESSAGES, 0
            else:
                self._quiet_for = self._quiet_for + 1 if rate < COOL_MESSAGES else 0
                self._hot = self._quiet_for < COOL_SECONDS
            self._apply()
            if self._effective == "payload" or time.monotonic() >= self._tell_at:
                self._tell()
            if self._hot or self._tally.unseen > self._told:
                self._check_in(1.0)

    def _tell(self) -> None:
        """Account for the messages that nobody recorded."""
        self._journal.flush()
        unseen = self._tally.unseen
        count, self._told = unseen - self._told, unseen
        self._tell_at = time.monotonic() + TELL_SECONDS
        if count > 0:
            self._journal.publish_loss(count, SOURCE, service=self._name)

    # -- within -------------------------------------------------------------------------------

    def _wanted(self) -> EffectiveLevel:
        level = self._capture.level
        if level != "auto":
            return level
        return "counters" if self._hot and not self._is_looked_at() else "payload"

    def _why(self) -> CaptureReason:
        if self._capture.level != "auto":
            return "set"
        if self._effective == "counters":
            return "hot"
        return "looked at" if self._hot else "quiet"

    def _apply(self, *, again: bool = False) -> None:
        """Watch it as closely as is wanted now. The lock is held."""
        wanted, before = self._wanted(), self._effective
        if wanted == before and not again:
            return
        if wanted != before:
            self._effective, self._since = wanted, time.time()
        if self._host is not None:
            self._host.set_level(wanted, self._capture.bytes, each=self._counts_each())
        self._tell_at = time.monotonic() + TELL_SECONDS
        if wanted == "counters":
            self.first_opened()

    def _set_bound(self) -> None:
        is_auto = self._capture.level == "auto"
        self._tally.messages_bound = HOT_MESSAGES if is_auto else math.inf

    def _counts_each(self) -> bool:
        """Whether it must be known how many messages went by: the kernel counts bytes alone."""
        return self._capture.level == "auto"

    def _recount_again(self) -> None:
        with self._lock:
            self._recounts = False
            host = self._host
        if host is not None and host.recount():
            self.first_opened()

    def _is_looked_at(self) -> bool:
        return time.monotonic() < self._looked_until
