"""A busy service in a process that writes history, as the panel's does, or that does not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from benchmarks.child import Talk
from benchmarks.servers.drain import Drain
from benchmarks.servers.managed import wait_until_open
from socketdeck import Address, Supervisor
from socketdeck.collector import leave_out_what_is_loaded

if TYPE_CHECKING:
    from app.panel import Panel
    from app.store import History

PAGE_EVENTS = 500


def serve(talk: Talk, *, history: bool) -> None:
    """An echo with all the defaults of a definition; a reader of the journal either way.

    A question is answered with the bytes that were drained by the reader and, where there is
    history, the bytes that stand in it.
    """
    with ExitStack() as stack:
        panel = stack.enter_context(_panel()) if history else None
        deck = panel.supervisor if panel else stack.enter_context(Supervisor())
        drain = Drain(deck.journal)
        service = deck.add(name="measured", address="tcp://127.0.0.1:0", handler="echo")
        service.start()
        address = service.status().address
        assert address is not None
        leave_out_what_is_loaded()  # as the panel does
        talk.say(port=Address.parse(address).port)
        while talk.hear() is not None:
            wait_until_open(service, 0)
            drain.catch_up()
            stored = _stored_bytes(panel.history) if panel else 0
            talk.say(drained_bytes=drain.bytes, stored_bytes=stored)
        drain.close()


@contextmanager
def _panel() -> Iterator[Panel]:
    """The panel's engine and store, without its pages, on a data folder that is thrown away."""
    # Only the process that runs one pays for loading it, so that the other is the engine alone.
    from app.configuration import Configuration
    from app.panel import Panel

    with tempfile.TemporaryDirectory(prefix="socketdeck-bench-") as data:
        panel = Panel(Configuration.from_environment({"SOCKETDECK_DATA": data}))
        try:
            yield panel
        finally:
            panel.close()


def _stored_bytes(history: History) -> int:
    """What the `connection.data` events in the history say was moved."""
    history.flush(timeout=30)
    total = 0
    cursor: str | None = None
    while True:
        page = history.events(kind="connection.data", cursor=cursor, limit=PAGE_EVENTS)
        for event in page.items:
            total += event.data["length"]
        cursor = page.next_cursor
        if cursor is None:
            return total
