"""`Panel`: everything behind the web pages, started in one order and closed in the other.

The order of the start: the store (which locks the data folder and makes good an unclean end), the
journal, the sampler, the supervisor, history (before anything is emitted), the definitions, the
live link, and last the services that are to run. The end goes the other way: nobody is told
anything any more once the journal is closed, and the store is closed last, with the numbers at
which the next start goes on.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from app.configuration import Configuration
from app.connections import Connections
from app.readymade import ready_made
from app.registry import Registry
from app.sampling import Sampler
from app.store import Store, unusable
from socketdeck import Journal, Supervisor
from socketdeck.loading import prepare_folder

STARTS_AT_ONCE = 16
"""Services that a starting panel starts at the same time: each may wait 10 s for its address."""

DRAIN_SECONDS = 10.0
"""The longest that the end of a panel waits for open connections."""

log = logging.getLogger(__name__)


class Closeable(Protocol):
    """What is closed with the panel."""

    def close(self) -> None: ...


class Panel:
    """The engine, the store and what stands between. Its maker closes it.

    Made while no other thread runs, as a handler's module may be tried in a child process.
    """

    def __init__(self, configuration: Configuration) -> None:
        """Open the store and bring back the definitions; nothing is started yet.

        Raises `StoreError` where the database or one of the folders cannot be used.
        """
        self.configuration = configuration
        with contextlib.ExitStack() as undo:
            self.store = Store.open(configuration)
            undo.callback(self.store.close)
            try:
                prepare_folder(configuration.handlers)
            except OSError as error:
                raise unusable("handlers", configuration.handlers, error) from error
            recovery = self.store.recovery
            self.journal = Journal(first_seq=recovery.first_seq)
            undo.callback(self.journal.close)
            self.sampler = Sampler(self.store.series)
            undo.callback(self.sampler.close)
            self.supervisor = Supervisor(
                handlers_folder=configuration.handlers,
                journal=self.journal,
                first_connection_id=recovery.first_connection_id,
                stirred=self.sampler.stirred,
            )
            undo.callback(self.supervisor.shutdown)
            self.history = self.store.record(
                self.journal, self._connection_view, self._connection_peer
            )
            undo.callback(self.history.close)
            self.registry = Registry(
                self.supervisor, self.store.definitions, self.sampler, configuration.handlers
            )
            self.connections = Connections(self.supervisor, self.history)
            self.store.definitions.seed(ready_made())
            self._to_start = self.registry.bring_back()
            self.sampler.start()
            undo.pop_all()
        self.live: Closeable | None = None
        """The live link, which stands on the panel and ends with it."""
        self._starters = ThreadPoolExecutor(STARTS_AT_ONCE, "socketdeck-autostart")
        self._closing = threading.Lock()
        self._closed = False

    def autostart(self) -> None:
        """Start, in the background, the services that ran when the last panel ended."""
        for name in self._to_start:
            self._starters.submit(self.registry.autostart, name)
        self._starters.shutdown(wait=False)

    def waits_for(self) -> tuple[int, float]:
        """How many open connections `close` would wait for, and for how many seconds at most."""
        count, longest = 0, 0.0
        for service in self.supervisor.services():
            drain = min(DRAIN_SECONDS, service.definition.drain_timeout)
            if drain > 0 and service.definition.listens_on.is_stream and service.tally.open:
                count += len(service.tally.open)
                longest = max(longest, drain)
        return count, longest

    def hasten(self) -> None:
        """Close now the connections for whose end `close` is waiting; from any thread."""
        for service in self.supervisor.services():
            if service.state == "draining":
                threading.Thread(
                    target=service.stop, args=(0.0,), name=f"{service.name}-hasten", daemon=True
                ).start()

    def close(self, drain: float = DRAIN_SECONDS) -> list[str]:
        """Stop every service, write down what is left to write, and give back the data folder.

        Blocks, for the services' drain at most `drain` seconds. Returns a sentence for each service
        that left something behind. May be called twice.
        """
        with self._closing:
            if self._closed:
                return []
            self._closed = True
            self._starters.shutdown(wait=False, cancel_futures=True)
            self.connections.close()
            if self.live is not None:
                self.live.close()
            complaints = self.supervisor.shutdown(drain)
            self.journal.close()
            self.sampler.close()
            self.history.close()
            self.store.close(
                last_seq=self.journal.last_seq,
                last_connection_id=self.supervisor.connections.next_id() - 1,
            )
            return complaints

    def _connection_view(self, number: int) -> Mapping[str, Any]:
        return self.supervisor.connection(number).as_json(ask_kernel=False)

    def _connection_peer(self, number: int) -> str | None:
        return self.supervisor.connection(number).peer
