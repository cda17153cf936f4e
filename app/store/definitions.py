"""The definitions of services, and of each what was last asked of it.

What a call was told is on the disk when the call returns: a panel that is killed at any moment, or
loses power, comes back with it. Any thread may call; each call is one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import Connection, Row, select

from app.store.database import Database, telling
from app.store.errors import RevisionMismatch
from app.store.marks import read_marks, write_marks
from app.store.series import forget_series
from app.store.tables import services

Wanted = Literal["running", "stopped"]

REVISION = "revision"
SEEDED = "seeded"


class StoredDefinition(NamedTuple):
    """A definition as it is kept.

    `wanted` is what was last asked of the service. `revision` is new with every save and never
    given twice, to another service of the same name neither: it serves as ETag.
    """

    name: str
    definition: dict[str, Any]
    wanted: Wanted
    revision: int


class Definitions:
    """The kept definitions, by name. Each call blocks for a transaction; `StoreError` may rise."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[StoredDefinition]:
        """All of them, by name."""
        with telling("definitions cannot be read"), self._database.reading.connect() as connection:
            rows = connection.execute(select(services).order_by(services.c.name)).all()
        return [_stored(row) for row in rows]

    def get(self, name: str) -> StoredDefinition | None:
        """One, or `None`."""
        query = select(services).where(services.c.name == name)
        with telling("definitions cannot be read"), self._database.reading.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _stored(row)

    def save(
        self, definition: Mapping[str, Any], *, expected: int | None = None
    ) -> StoredDefinition:
        """Keep a definition (of JSON's types, with a `name`) in place of any of that name.

        What is wanted of the service stays; a new one starts as `stopped`. With `expected` the kept
        one must have that revision, else `RevisionMismatch` and nothing changes.
        """
        name = str(definition["name"])
        with (
            telling(f"the definition of {name} was not saved"),
            self._database.durable.begin() as connection,
        ):
            return _save(connection, definition, expected)

    def want(self, name: str, wanted: Wanted) -> None:
        """Note what was asked of a service, for `autostart`; nothing for one that is not kept."""
        statement = services.update().where(services.c.name == name).values(wanted=wanted)
        with (
            telling(f"what is wanted of {name} was not saved"),
            self._database.durable.begin() as connection,
        ):
            connection.execute(statement)

    def delete(self, name: str) -> bool:
        """Forget one, with what was kept of its past; whether there was one."""
        with (
            telling(f"the definition of {name} was not deleted"),
            self._database.durable.begin() as connection,
        ):
            gone = connection.execute(services.delete().where(services.c.name == name))
            forget_series(connection, name)
        return gone.rowcount > 0

    def seed(self, definitions: Iterable[Mapping[str, Any]]) -> bool:
        """Keep the definitions that a fresh panel starts with; once in a database's life, so that
        one the user deleted stays deleted. Returns whether it was now.
        """
        with (
            telling("the first definitions were not saved"),
            self._database.durable.begin() as connection,
        ):
            if SEEDED in read_marks(connection):
                return False
            for definition in definitions:
                _save(connection, definition, None)
            write_marks(connection, {SEEDED: 1})
        return True


def _save(
    connection: Connection, definition: Mapping[str, Any], expected: int | None
) -> StoredDefinition:
    name = str(definition["name"])
    kept = connection.execute(select(services).where(services.c.name == name)).one_or_none()
    if expected is not None and (kept is None or kept.revision != expected):
        raise RevisionMismatch(
            f"the definition of {name} was changed meanwhile; read it again, then change that"
        )
    revision = read_marks(connection).get(REVISION, 0) + 1
    write_marks(connection, {REVISION: revision})
    wanted = "stopped" if kept is None else kept.wanted
    connection.execute(services.delete().where(services.c.name == name))
    connection.execute(
        services.insert().values(
            name=name, definition=json.dumps(definition), wanted=wanted, revision=revision
        )
    )
    return StoredDefinition(name, dict(definition), cast(Wanted, wanted), revision)


def _stored(row: Row[Any]) -> StoredDefinition:
    return StoredDefinition(row.name, json.loads(row.definition), row.wanted, row.revision)
