"""Events offered to a journal by many threads, counted at both ends."""

from __future__ import annotations

import threading
import time

from benchmarks.child import Talk
from benchmarks.servers.drain import Drain
from socketdeck.direction import IN
from socketdeck.event import Origin
from socketdeck.journal import Journal

BURST_SECONDS = 0.005
LENGTH_BYTES = 64


def _offer(journal: Journal, origin: Origin, rate: float, until: float) -> int:
    """Records data events as a tap does, `rate` a second (0: without a pause); how many it was."""
    data = journal.inbox.data
    offered = 0
    began = time.monotonic()
    while (moment := time.monotonic()) < until:
        due = int((moment - began) * rate) - offered if rate else 1000
        for _ in range(due):
            data(origin, IN, LENGTH_BYTES, None)
        offered += due
        if journal.asleep:
            journal.wake()
        if rate:
            time.sleep(BURST_SECONDS)
    return offered


def offer(talk: Talk, *, threads: int, rate: float, seconds: float, inbox: int) -> None:
    """`rate` events a second in all (0: as many as they can), from `threads` threads."""
    journal = Journal(inbox=inbox)
    drain = Drain(journal)
    journal.emit("service.log")  # the drainer's thread exists before the first flood
    drain.catch_up()
    offered = [0] * threads
    barrier = threading.Barrier(threads + 1)

    def run(index: int) -> None:
        barrier.wait()
        until = time.monotonic() + seconds
        offered[index] = _offer(journal, ("flood", index), rate / threads, until)

    workers = [threading.Thread(target=run, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    began, cpu = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.join()
    elapsed = time.perf_counter() - began
    cpu = time.process_time() - cpu
    journal.close()  # settles what was lost, to the last one
    drain.close()
    talk.say(
        offered=sum(offered),
        seconds=elapsed,
        cpu=cpu,
        delivered=drain.messages,
        dropped=drain.dropped,
        events=drain.kinds["connection.data"],
        last_seq=journal.last_seq,
    )
