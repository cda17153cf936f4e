"""Exceptions: what handlers raised, those that are one in one row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "exceptions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("traceback", sa.Text()),
        sa.Column("count", Number, nullable=False),
        sa.Column("first_seen", sa.Float(), nullable=False),
        sa.Column("last_seen", sa.Float(), nullable=False),
        sa.Column("last_bytes", sa.LargeBinary()),
        sa.Column("last_bytes_note", sa.Text()),
        sa.Column("connections", sa.Text(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
    )
    op.create_index("exceptions_service", "exceptions", ["service"])
    op.create_index("exceptions_last_seen", "exceptions", ["last_seen"])


def downgrade() -> None:
    op.drop_table("exceptions")
