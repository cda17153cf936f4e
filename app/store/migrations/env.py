"""What alembic runs to migrate: on the connection it was given, or for `alembic revision`."""

from __future__ import annotations

from alembic import context

from app.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column: the table is made anew
)
with context.begin_transaction():
    context.run_migrations()
