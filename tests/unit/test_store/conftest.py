"""A panel's store as tests use it: with a journal that feeds it, to be ended in several ways."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.configuration import Configuration
from app.store import ConnectionPage, ConnectionQuery, History, Store
from app.store.connection_rows import as_ended
from socketdeck.errors import UnknownConnection
from socketdeck.journal import Journal
from socketdeck.status import moment_text

START = 1_800_000_000.0


def a_view(number: int, **changes: Any) -> dict[str, Any]:
    """The view of an open connection, as the API shows it."""
    opened_at = START + number
    view: dict[str, Any] = {
        "id": number,
        "service": "echo",
        "transport": "tcp",
        "state": "open",
        "peer": f"127.0.0.1:{40_000 + number}",
        "local": "127.0.0.1:7",
        "opened_at": moment_text(opened_at),
        "closed_at": None,
        "duration": 0.5,
        "last_activity": moment_text(opened_at),
        "idle": 0.5,
        "bytes": {"in": 10 * number, "out": number},
        "messages": {"in": 1, "out": 1},
        "close_reason": None,
        "error": None,
        "tls": None,
        "peer_credentials": None,
        "kernel": None,
        "pid": 4242,
        "thread": "echo-1",
        "waited": None,
        "generation": 1,
        "faults": [],
    }
    return {**view, **changes}


class Panel:
    """A store with a journal and a history, and the connections that its engine would know."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        environment = {"SOCKETDECK_DATA": str(folder)}
        environment |= {
            f"SOCKETDECK_{name.upper()}": str(value) for name, value in settings.items()
        }
        self.folder = folder
        self.configuration = Configuration.from_environment(environment)
        self.store: Store
        self.journal: Journal
        self.history: History
        self.running = False
        self.start()

    def start(self) -> None:
        self.views: dict[int, dict[str, Any]] = {}
        self.store = Store.open(self.configuration)
        self.journal = Journal(first_seq=self.store.recovery.first_seq)
        self.history = self.store.record(self.journal, lambda number: self.view(number))
        self.running = True

    def view(self, number: int) -> Mapping[str, Any]:
        if number not in self.views:
            raise UnknownConnection(f"there is no connection {number}")
        return self.views[number]

    def stop(self, *, clean: bool = True) -> None:
        """End it; not `clean` is as if it were killed once all was written."""
        if not self.running:
            return
        self.running = False
        self.journal.close()
        self.history.close()
        last_id = max(self.views, default=self.store.recovery.first_connection_id - 1)
        if clean:
            self.store.close(last_seq=self.journal.last_seq, last_connection_id=last_id)
        else:
            self.store.close()

    def restart(self, *, clean: bool = True) -> None:
        self.stop(clean=clean)
        self.start()

    # -- what happens -------------------------------------------------------------------------

    def emit(self, kind: str = "service.log", service: str = "echo", **data: Any) -> None:
        self.journal.emit(kind, service, data.pop("connection", None), **data)

    def open(self, number: int, **changes: Any) -> dict[str, Any]:
        self.views[number] = view = a_view(number, **changes)
        self.journal.emit(
            "connection.opened", view["service"], number, peer=view["peer"], local=view["local"]
        )
        return view

    def data(self, number: int, payload: bytes = b"hi", direction: str = "in") -> None:
        self.journal.emit(
            "connection.data",
            self.views[number]["service"],
            number,
            direction=direction,
            length=len(payload),
            data=payload,
            truncated=False,
        )

    def close(self, number: int, reason: str = "client_closed", after: float = 1.0) -> None:
        view = self.views[number]
        ended = as_ended(view, reason, START + number + after)
        self.views[number] = ended
        self.journal.emit(
            "connection.closed",
            view["service"],
            number,
            reason=reason,
            duration=after,
            bytes=view["bytes"],
            messages=view["messages"],
        )

    def connect(self, number: int, **changes: Any) -> None:
        self.open(number, **changes)
        self.close(number)

    def flush(self) -> None:
        assert self.history.flush(), self.history.status()

    # -- what is asked ------------------------------------------------------------------------

    def closed(self, **parameters: Any) -> ConnectionPage:
        query = ConnectionQuery.parse(state="closed", **parameters)
        return self.history.connections(query)

    def seqs(self, **parameters: Any) -> list[int]:
        return [event.seq for event in self.history.events(**parameters).items]

    def sql(self, statement: str) -> list[Any]:
        """What another program would read in the database's file."""
        connection = sqlite3.connect(self.folder / "socketdeck.db")
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[Panel]:
    running = Panel(tmp_path / "data")
    yield running
    running.stop()


@pytest.fixture
def make_panel(tmp_path: Path) -> Iterator[Any]:
    made: list[Panel] = []

    def make(folder: Path | None = None, **settings: Any) -> Panel:
        made.append(Panel(folder or tmp_path / f"data{len(made)}", **settings))
        return made[-1]

    yield make
    for running in made:
        running.stop()
