"""The sessions that outlive a panel: who is signed in, by digests alone.

What is kept cannot be used to sign in: of the cookie and of the token only SHA-256 is here.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select

from app.store.database import Database, telling
from app.store.tables import sessions


class SessionRecord(NamedTuple):
    """A session: the digests of its cookie and of its token; times in seconds since the epoch."""

    key: str
    token: str
    started_at: float
    seen_at: float


class SessionRecords:
    """The kept sessions. Every method blocks for a transaction; `StoreError` may rise."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[SessionRecord]:
        """All of them."""
        with telling("sessions cannot be read"), self._database.reading.connect() as connection:
            rows = connection.execute(select(sessions)).all()
        return [SessionRecord(row.key, row.token, row.started_at, row.seen_at) for row in rows]

    def add(self, record: SessionRecord) -> None:
        """Keep a new one."""
        with (
            telling("the session was not saved"),
            self._database.durable.begin() as connection,
        ):
            connection.execute(sessions.insert().values(record._asdict()))

    def seen(self, key: str, at: float) -> None:
        """Note that one is in use."""
        statement = sessions.update().where(sessions.c.key == key).values(seen_at=at)
        with telling("the session was not saved"), self._database.durable.begin() as connection:
            connection.execute(statement)

    def remove(self, key: str) -> None:
        """Forget one."""
        statement = sessions.delete().where(sessions.c.key == key)
        with telling("the session was not ended"), self._database.durable.begin() as connection:
            connection.execute(statement)
