"""`Inbox`: what was recorded and not taken yet, oldest first, bounded.

Any thread records, without a lock; one at a time takes. When it is full the oldest records go, and
it is known to the last one how many. This is what `native.c` does as well, where it was built.

Each record takes its number at birth: the `deque` drops its oldest in silence, and the highest
number seen, plus one, less what was taken, tells nevertheless what was lost. A record whose number
is taken but that is not appended yet would look lost for a moment; so a loss is told once it has
stood for `LOSS_STANDS_SECONDS`.
"""

from __future__ import annotations

import itertools
from collections import deque
from time import monotonic, time

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

    Record = tuple[float, Any, Any, int, Any, int]
    """Time (s since the epoch), origin, kind or direction, length, data or payload, and count.

    The length and count are of data, the count being above 1 where several were folded.
    """

LOSS_STANDS_SECONDS = 1.0


class Inbox:
    """Records in the order of their birth, at most `capacity` of them.

    Of more than `fold_above` that are taken at a time, all data of one origin and direction are
    one, where its first stood: with the summed length, the count, and the first one's payload. (In
    C such data are folded as soon as so much is in the inbox, and take no room in it.)

    `append((number(), time, origin, kind or direction, length, data or payload))` is what `record`
    and `data` do; taps write it out.
    """

    __slots__ = (
        "_drained",
        "_fold_above",
        "_highest",
        "_missing",
        "_records",
        "_told",
        "append",
        "number",
    )

    def __init__(self, capacity: int, fold_above: int) -> None:
        self._records: deque[tuple[int, float, Any, Any, int, Any]] = deque(maxlen=capacity)
        self.number = itertools.count().__next__
        self.append = self._records.append
        self._fold_above = fold_above
        self._highest = -1
        self._drained = 0
        self._told = 0
        self._missing: deque[tuple[float, int]] = deque()

    def __len__(self) -> int:
        return len(self._records)

    def record(self, origin: Any, kind: str, data: Any) -> None:
        """An event happened just now."""
        self.append((self.number(), time(), origin, kind, 0, data))

    def data(self, origin: Any, direction: int, length: int, payload: bytes | None) -> None:
        """Data went by just now."""
        self.append((self.number(), time(), origin, direction, length, payload))

    def take(self, limit: int, /) -> tuple[int, list[Record]]:
        """Take up to `limit` records out: how many messages and events it was, and they."""
        records = self._records
        count = min(len(records), limit)
        taken = [records.popleft() for _ in range(count)]
        if taken:
            taken.sort(key=_number_of)
            self._drained += count
            self._highest = max(self._highest, taken[-1][0])
        if count > self._fold_above:
            return count, _folded(taken)
        return count, [(*record[1:], 1) for record in taken]

    @property
    def missing(self) -> bool:
        """Whether some may be lost that are not told of yet."""
        return bool(self._missing)

    def take_lost(self, *, last: bool = False) -> int:
        """How many more are known to be lost; `last`: nobody records any more."""
        missing = self._highest + 1 - self._drained - self._told
        if not missing and not self._missing:
            return 0
        now = monotonic()
        self._missing.append((now, missing))
        if not last and now - self._missing[0][0] < LOSS_STANDS_SECONDS:
            return 0
        lost = missing if last else max(0, min(count for _, count in self._missing))
        self._missing.clear()
        self._told += lost
        return lost


def _number_of(record: tuple[Any, ...]) -> int:
    return record[0]  # type: ignore[no-any-return]


def _folded(records: list[tuple[int, float, Any, Any, int, Any]]) -> list[Record]:
    order: list[Any] = []
    folds: dict[tuple[Any, Any], list[Any]] = {}
    for _, when, origin, what, size, payload in records:
        if what.__class__ is str:
            order.append((when, origin, what, size, payload, 1))
            continue
        fold = folds.get((origin, what))
        if fold is None:
            folds[origin, what] = fold = [when, origin, what, size, payload, 1]
            order.append(fold)
        else:
            fold[3] += size
            fold[5] += 1
    return [tuple(item) for item in order]
