"""`Record`: what is known of one service between two writes, and how its totals become samples."""

from __future__ import annotations

from dataclasses import replace

from app.store.series import BLOCK_SECONDS, MINUTE, SECOND, Block, Kept, Sample
from socketdeck import Service
from socketdeck.histogram import Bins
from socketdeck.tally import NOTHING, Totals

UNWRITTEN_SECONDS = 15 * 60
"""What waits for a database that cannot be written to."""


class Record:
    """One service's newest samples. Guarded by the sampler's lock."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.totals = NOTHING
        self.seconds: dict[int, Sample] = {}
        """Those that are not written yet."""
        self.minutes: dict[int, Sample] = {}
        """Those of the blocks that are not finished, or not written."""
        self.changed = False
        """Whether there is something to write."""

    def take(self, at: int, seconds: int, totals: Totals, handled: Bins) -> None:
        """Note what happened in the `seconds` that end with the second `at`.

        They are one, unless the sampler was kept from its work: then each gets its share.
        """
        before, self.totals = self.totals, totals
        grown = [now - then for now, then in zip(totals[1:], before[1:], strict=True)]
        if totals.open == before.open and not any(grown) and not handled:
            return
        for number in range(seconds):
            shares = [
                count * (number + 1) // seconds - count * number // seconds for count in grown
            ]
            is_last = number == seconds - 1
            level = totals.open if is_last else before.open
            sample = Sample(level, level, *shares, handled=handled if is_last else {})
            self._note(at - seconds + 1 + number, sample, before.open)
        self.changed = True

    def blocks(self) -> list[Block]:
        """What is to be written; the samples in it are the record's own."""
        name = self.service.name
        blocks = []
        if self.seconds:
            blocks.append(Block(name, SECOND, min(self.seconds), self.seconds))
        by_block: dict[int, dict[int, Sample]] = {}
        for at, sample in self.minutes.items():
            by_block.setdefault(_block_of(at), {})[at] = sample
        blocks += [Block(name, MINUTE, first, minutes) for first, minutes in by_block.items()]
        return blocks

    def written(self) -> None:
        """All of it is on the disk: only a block that may still grow is held any longer."""
        last = _block_of(max(self.minutes, default=0))
        self.seconds = {}
        self.minutes = {at: sample for at, sample in self.minutes.items() if at >= last}
        self.changed = False

    def leave_run(self) -> None:
        """Another run begins, and all of this one is on the disk: nothing of it is held."""
        self.minutes = {}

    def held(self, step: int, run: int) -> list[Kept]:
        """Copies of the samples of a step that are not, or not all, on the disk."""
        samples = self.seconds if step == SECOND else self.minutes
        return [
            Kept(run, at, replace(sample, handled=dict(sample.handled)))
            for at, sample in samples.items()
        ]

    def _note(self, at: int, sample: Sample, level_before: int) -> None:
        known = self.seconds.get(at)
        if known is None:
            self.seconds[at] = sample
            if len(self.seconds) > UNWRITTEN_SECONDS:
                del self.seconds[min(self.seconds)]
        else:
            known.add(sample)
        minute = at - at % MINUTE
        known = self.minutes.get(minute)
        if known is None:
            known = self.minutes[minute] = Sample(level_before, level_before)
        known.add(sample)


def _block_of(minute: int) -> int:
    return minute - minute % BLOCK_SECONDS
