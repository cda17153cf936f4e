"""The first schema: services, history, marks and sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "marks",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", Number, nullable=False),
    )
    op.create_table(
        "services",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("revision", Number, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "event_batches",
        sa.Column("first_seq", Number, primary_key=True, autoincrement=False),
        sa.Column("last_seq", Number, nullable=False),
        sa.Column("first_time", sa.Float(), nullable=False),
        sa.Column("last_time", sa.Float(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("services", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("connections", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("event_batches_last_seq", "event_batches", ["last_seq"], unique=True)
    op.create_table(
        "closed_connections",
        sa.Column("id", Number, primary_key=True, autoincrement=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("peer", sa.Text()),
        sa.Column("peer_ip", sa.Text()),
        sa.Column("local", sa.Text()),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float(), nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.Column("last_activity", sa.Float(), nullable=False),
        sa.Column("bytes_in", Number, nullable=False),
        sa.Column("bytes_out", Number, nullable=False),
        sa.Column("messages_in", Number, nullable=False),
        sa.Column("messages_out", Number, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seq", Number, nullable=False),
        sa.Column("last_seq", Number, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("view", sa.LargeBinary(), nullable=False),
    )
    op.create_index("closed_connections_closed_at", "closed_connections", ["closed_at"])
    op.create_index("closed_connections_service", "closed_connections", ["service", "id"])
    op.create_table(
        "open_connections",
        sa.Column("id", Number, primary_key=True, autoincrement=False),
        sa.Column("first_seq", Number, nullable=False),
        sa.Column("view", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    for table in (
        "open_connections",
        "closed_connections",
        "event_batches",
        "sessions",
        "services",
        "marks",
    ):
        op.drop_table(table)
