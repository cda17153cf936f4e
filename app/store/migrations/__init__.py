"""The database's schema, step by step; `upgrade` brings a database to the newest."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from app.store.database import telling
from app.store.errors import StoreError

HEAD = "0003"
"""The newest revision. Known here so that a start with nothing to do need not load alembic."""


def upgrade(engine: Engine) -> None:
    """Bring the schema to `HEAD`, all in one transaction; nothing happens where it is there."""
    with telling(f"the database {engine.url.database} cannot be used"):
        if current_revision(engine) == HEAD:
            return
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        settings = Config()
        settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        try:
            with engine.begin() as connection:
                settings.attributes["connection"] = connection
                command.upgrade(settings, HEAD)
        except CommandError as error:
            raise StoreError(
                f"the database {engine.url.database} was written by a newer panel; "
                f"run that one, or name another in SOCKETDECK_DATA ({error})"
            ) from error


def current_revision(engine: Engine) -> str | None:
    """The revision that a database is at, `None` where it has no schema yet."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        try:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except SQLAlchemyError as error:
            raise StoreError(f"the database's schema cannot be read: {error}") from error
