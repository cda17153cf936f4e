"""Series: what services did by the second and by the minute, and when the panel ran."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "panel_runs",
        sa.Column("id", Number, primary_key=True, autoincrement=False),
        sa.Column("began", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=False),
        sa.Column("restarted", sa.Integer(), nullable=False),
    )
    op.create_table(
        "series",
        sa.Column("service", sa.Text(), primary_key=True),
        sa.Column("since", sa.Float(), nullable=False),
    )
    op.create_table(
        "series_blocks",
        sa.Column("service", sa.Text(), primary_key=True),
        sa.Column("step", sa.Integer(), primary_key=True),
        sa.Column("first", Number, primary_key=True),
        sa.Column("run", Number, primary_key=True),
        sa.Column("last", Number, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("series_blocks_last", "series_blocks", ["step", "last"])


def downgrade() -> None:
    for table in ("series_blocks", "series", "panel_runs"):
        op.drop_table(table)
