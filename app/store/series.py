"""Series: the samples of services, many in one blob, and when the panel ran.

A write is one transaction of a few statements whatever the number of services (`Database` says
why). A block holds the samples of one service in one run of the panel: about ten seconds' worth by
the second, a quarter of an hour's by the minute. A block of minutes is written anew while it grows.
What is older than its window is removed, so that a service has about 200 rows however busy it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from app.store.batches import COMPRESSION_LEVEL, pack, unpack
from app.store.breather import Breather
from app.store.database import ROWS_A_STATEMENT, Database, insert_rows, telling
from app.store.tables import panel_runs, series, series_blocks
from socketdeck.histogram import Bins, add_bins

SECOND = 1
MINUTE = 60
BLOCK_SECONDS = 15 * MINUTE
"""What a block of minutes covers."""

KEPT_SECONDS = {SECOND: 15 * 60, MINUTE: 24 * 60 * 60}
"""For how long samples are kept, by their step."""

SPARE_SECONDS = 5 * 60
"""Kept beyond that: where a line begins is told by what was before."""


@dataclass(slots=True)
class Sample:
    """What happened in one step of time: counts, but for `open` and `most`."""

    open: int = 0
    """At the end."""
    most: int = 0
    """The most that were open at the end of any of its seconds."""
    connections: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    messages_in: int = 0
    messages_out: int = 0
    errors: int = 0
    handled: Bins = field(default_factory=dict, kw_only=True)
    """How long requests took (`socketdeck.histogram`)."""

    def add(self, later: Sample) -> None:
        """Take in what happened after it, within the same step."""
        self.open = later.open
        self.most = max(self.most, later.most)
        self.connections += later.connections
        self.bytes_in += later.bytes_in
        self.bytes_out += later.bytes_out
        self.messages_in += later.messages_in
        self.messages_out += later.messages_out
        self.errors += later.errors
        add_bins(self.handled, later.handled)


class Kept(NamedTuple):
    """A sample as it is kept: of which run of the panel, and when its step begins."""

    run: int
    at: int
    sample: Sample


class Run(NamedTuple):
    """A time in which the panel ran, in seconds since the epoch."""

    number: int
    began: float
    ended: float
    restarted: bool
    """Whether a panel began with it; else its machine had been asleep, or it is the first ever."""


@dataclass(frozen=True, slots=True)
class Block:
    """Samples of one service to be written, by the second at which each begins."""

    service: str
    step: int
    first: int
    samples: Mapping[int, Sample]


class SeriesStore:
    """The kept samples and runs. Each call blocks for a transaction; `StoreError` may rise."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- writing: the sampler's thread --------------------------------------------------------

    def begin_run(self, now: float, *, restarted: bool) -> Run:
        """A new run, from `now`; the first ever counts as no restart."""
        with telling("the panel's start was not noted"), self._database.recording.begin() as kept:
            number = kept.execute(select(func.max(panel_runs.c.id))).scalar() or 0
            run = Run(number + 1, now, now, restarted and number > 0)
            insert_rows(
                kept,
                panel_runs,
                [{"id": run.number, "began": now, "ended": now, "restarted": int(run.restarted)}],
            )
        return run

    def write(
        self, run: Run, now: float, blocks: Sequence[Block], since: Mapping[str, float]
    ) -> None:
        """Note that `run` went on until `now`, and keep its blocks.

        `since` has the services that did something for the first time.
        """
        breather = Breather()
        rows = []
        for block in blocks:
            rows.append(_row(run, block))
            breather.breathe()
        with telling("series were not written"), self._database.recording.begin() as kept:
            kept.execute(panel_runs.update().where(panel_runs.c.id == run.number).values(ended=now))
            _delete_blocks(kept, run, [block for block in blocks if block.step == MINUTE])
            insert_rows(kept, series_blocks, rows)
            if since:
                kept.execute(delete(series).where(series.c.service.in_(list(since))))
                insert_rows(
                    kept, series, [{"service": name, "since": at} for name, at in since.items()]
                )

    def prune(self, now: float) -> None:
        """Remove what is older than its window."""
        too_old = [
            and_(series_blocks.c.step == step, series_blocks.c.last < now - kept - SPARE_SECONDS)
            for step, kept in KEPT_SECONDS.items()
        ]
        last_run = select(func.max(panel_runs.c.id)).scalar_subquery()
        with telling("old series were not removed"), self._database.recording.begin() as kept:
            kept.execute(delete(series_blocks).where(or_(*too_old)))
            kept.execute(
                delete(panel_runs).where(
                    panel_runs.c.ended < now - max(KEPT_SECONDS.values()) - SPARE_SECONDS,
                    panel_runs.c.id != last_run,
                )
            )

    # -- reading: any thread ------------------------------------------------------------------

    def since(self) -> dict[str, float]:
        """When each service first did something."""
        with telling("series cannot be read"), self._database.reading.connect() as kept:
            return {row.service: row.since for row in kept.execute(select(series))}

    def runs(self, after: float) -> list[Run]:
        """The runs that lasted beyond `after`, in their order."""
        query = select(panel_runs).where(panel_runs.c.ended >= after).order_by(panel_runs.c.id)
        with telling("series cannot be read"), self._database.reading.connect() as kept:
            rows = kept.execute(query).all()
        return [Run(row.id, row.began, row.ended, bool(row.restarted)) for row in rows]

    def samples(self, service: str, step: int, after: float) -> list[Kept]:
        """A service's samples of a step that begin at `after` or later."""
        query = (
            select(series_blocks.c.run, series_blocks.c.data)
            .where(_of(service, step), series_blocks.c.last >= after)
            .order_by(series_blocks.c.first, series_blocks.c.run)
        )
        with telling("series cannot be read"), self._database.reading.connect() as kept:
            rows = kept.execute(query).all()
        return [found for row in rows for found in _samples(row.run, row.data) if found.at >= after]

    def last_minute(self, service: str, before: float) -> Kept | None:
        """The last of a service's minutes that was over at a time."""
        query = (
            select(series_blocks.c.run, series_blocks.c.data)
            .where(_of(service, MINUTE), series_blocks.c.first < before)
            .order_by(series_blocks.c.first.desc(), series_blocks.c.run.desc())
            .limit(2)  # all of the last one's may be later
        )
        with telling("series cannot be read"), self._database.reading.connect() as kept:
            rows = kept.execute(query).all()
        over = [
            found
            for row in rows
            for found in _samples(row.run, row.data)
            if found.at + MINUTE <= before
        ]
        return max(over, key=lambda found: (found.at, found.run), default=None)


def forget_series(kept: Connection, service: str) -> None:
    """Remove all that is kept of a service, within the caller's transaction."""
    kept.execute(delete(series_blocks).where(series_blocks.c.service == service))
    kept.execute(delete(series).where(series.c.service == service))


def _of(service: str, step: int) -> ColumnElement[bool]:
    return and_(series_blocks.c.service == service, series_blocks.c.step == step)


def _row(run: Run, block: Block) -> dict[str, object]:
    samples = [
        [
            at,
            one.open,
            one.most,
            one.connections,
            one.bytes_in,
            one.bytes_out,
            one.messages_in,
            one.messages_out,
            one.errors,
            one.handled,
        ]
        for at, one in sorted(block.samples.items())
    ]
    return {
        "service": block.service,
        "step": block.step,
        "first": block.first,
        "run": run.number,
        "last": samples[-1][0],
        "data": zlib.compress(pack(samples), COMPRESSION_LEVEL),
    }


def _samples(run: int, data: bytes) -> Iterable[Kept]:
    for at, *counts, handled in unpack(zlib.decompress(data)):
        yield Kept(run, at, Sample(*counts, handled=handled))


def _delete_blocks(kept: Connection, run: Run, blocks: Sequence[Block]) -> None:
    """Remove what was written of growing blocks before."""
    by_first: dict[int, list[str]] = {}
    for block in blocks:
        by_first.setdefault(block.first, []).append(block.service)
    for first, services in by_first.items():
        for start in range(0, len(services), ROWS_A_STATEMENT):
            some = services[start : start + ROWS_A_STATEMENT]
            kept.execute(
                delete(series_blocks).where(
                    series_blocks.c.service.in_(some),
                    series_blocks.c.step == MINUTE,
                    series_blocks.c.first == first,
                    series_blocks.c.run == run.number,
                )
            )
