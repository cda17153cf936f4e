"""The store: all that outlives the panel, in one database in the data folder.

    store = Store.open(configuration)              # locks the folder, migrates, recovers
    journal = Journal(first_seq=store.recovery.first_seq)
    history = store.record(journal, view)  # before anything is emitted
    ...
    journal.close()
    history.close()
    store.close(last_seq=journal.last_seq, last_connection_id=...)

What a user said (`definitions`, `sessions`) is on the disk when the call returns. What happened
(`History`) is written by a thread of its own, in batches, within bounds, and is at most about a
second behind.
"""

from __future__ import annotations

import contextlib

from app.configuration import Configuration
from app.store.connection_query import ConnectionQuery
from app.store.connections import ConnectionPage
from app.store.database import Database
from app.store.definitions import Definitions, StoredDefinition, Wanted
from app.store.errors import BadQuery, DataFolderBusy, RevisionMismatch, StoreError
from app.store.events import EventPage
from app.store.exceptions import ExceptionGroup, Exceptions
from app.store.folder import DataFolder, find_panel, unusable
from app.store.gathering import ViewSource, unknown_view
from app.store.history import History, HistoryStatus
from app.store.marks import Marks
from app.store.migrations import upgrade
from app.store.peers import PeerSource, unknown_peer
from app.store.recovery import Recovery, recover
from app.store.series import SeriesStore
from app.store.sessions import SessionRecord, SessionRecords
from app.store.writing import Bounds
from socketdeck.journal import Journal

__all__ = [
    "BadQuery",
    "Bounds",
    "ConnectionPage",
    "ConnectionQuery",
    "DataFolderBusy",
    "Definitions",
    "EventPage",
    "ExceptionGroup",
    "Exceptions",
    "History",
    "HistoryStatus",
    "Marks",
    "Recovery",
    "RevisionMismatch",
    "SeriesStore",
    "SessionRecord",
    "SessionRecords",
    "Store",
    "StoreError",
    "StoredDefinition",
    "Wanted",
    "find_panel",
    "unusable",
]


class Store:
    """The panel's store; made by `open`, ended by `close`."""

    definitions: Definitions
    sessions: SessionRecords
    exceptions: Exceptions
    series: SeriesStore
    marks: Marks
    recovery: Recovery

    def __init__(self, folder: DataFolder, database: Database, bounds: Bounds) -> None:
        self._folder = folder
        self._database = database
        self._bounds = bounds
        self.recovery = recover(database)
        self.definitions = Definitions(database)
        self.sessions = SessionRecords(database)
        self.series = SeriesStore(database)
        self.exceptions = Exceptions(database)
        self.marks = Marks(database, self.recovery.first_seq, self.recovery.first_connection_id)

    @classmethod
    def open(cls, configuration: Configuration) -> Store:
        """Lock the data folder, bring the schema up to date, and make good an unclean end.

        Raises `DataFolderBusy` where another panel runs on it, and `StoreError`.
        """
        with contextlib.ExitStack() as undo:
            folder = DataFolder(configuration.data, configuration.url)
            undo.callback(folder.close)
            database = Database(configuration.database)
            undo.callback(database.close)
            upgrade(database.durable)
            bounds = Bounds(
                events=configuration.history_events,
                event_bytes=configuration.history_bytes,
                connections=configuration.history_connections,
            )
            store = cls(folder, database, bounds)
            undo.pop_all()
        return store

    def record(
        self,
        journal: Journal,
        view: ViewSource = unknown_view,
        peer: PeerSource = unknown_peer,
    ) -> History:
        """Write down what the journal tells from now on; the caller closes what is returned.

        `journal` starts at `recovery.first_seq`, and nothing was emitted yet. `view(number)` gives
        a connection, open or recently closed, as the API shows it (`Connection.as_json`), and
        `peer(number)` who is at its other end.
        """
        return History(self._database, self.marks, journal, view, self._bounds, peer)

    def close(self, *, last_seq: int | None = None, last_connection_id: int | None = None) -> None:
        """End it, after every `History` was closed.

        With the last numbers given it is a clean end, and numbering goes on right above them;
        without, the next start treats it like any other end. `last_connection_id` is the last one
        given to any connection, recorded or not.
        """
        try:
            if last_seq is not None and last_connection_id is not None:
                self.marks.settle(last_seq=last_seq, last_connection_id=last_connection_id)
        finally:
            self._database.close()
            self._folder.close()
