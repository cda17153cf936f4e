"""The tables. A change here needs a migration beside it; a test holds the two together.

Numbers that the engine gives (`seq`, connection ids) are the keys: on SQLite they are the row's own
number, so that newest first is a walk through the table without an index. Times are seconds since
the epoch.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

Number = BigInteger().with_variant(Integer(), "sqlite")

marks = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Number, nullable=False),
)

services = Table(
    "services",
    metadata,
    Column("name", Text, primary_key=True),
    Column("definition", Text, nullable=False),  # JSON
    Column("wanted", Text, nullable=False),
    Column("revision", Number, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("key", Text, primary_key=True),  # SHA-256 of what the cookie holds
    Column("token", Text, nullable=False),  # SHA-256 of the token signed in with
    Column("started_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)

event_batches = Table(
    "event_batches",
    metadata,
    Column("first_seq", Number, primary_key=True, autoincrement=False),
    Column("last_seq", Number, nullable=False),
    Column("first_time", Float, nullable=False),  # the least, and the greatest
    Column("last_time", Float, nullable=False),
    Column("events", Integer, nullable=False),
    Column("size", Integer, nullable=False),  # bytes on disk, about
    Column("services", Text, nullable=False),  # ",a,b,": those that occur, likewise below
    Column("kinds", Text, nullable=False),
    Column("connections", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("event_batches_last_seq", "last_seq", unique=True),
)

closed_connections = Table(
    "closed_connections",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("service", Text, nullable=False),
    Column("peer", Text),
    Column("peer_ip", Text),  # 32 hexadecimal digits: as text they sort as addresses do
    Column("local", Text),
    Column("opened_at", Float, nullable=False),
    Column("closed_at", Float, nullable=False),
    Column("duration", Float, nullable=False),
    Column("last_activity", Float, nullable=False),
    Column("bytes_in", Number, nullable=False),
    Column("bytes_out", Number, nullable=False),
    Column("messages_in", Number, nullable=False),
    Column("messages_out", Number, nullable=False),
    Column("reason", Text, nullable=False),
    Column("first_seq", Number, nullable=False),  # of its first event, and its last
    Column("last_seq", Number, nullable=False),
    Column("size", Integer, nullable=False),
    Column("view", LargeBinary, nullable=False),  # all of it, as the API shows it
    Index("closed_connections_closed_at", "closed_at"),
    Index("closed_connections_service", "service", "id"),
)

open_connections = Table(
    "open_connections",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("first_seq", Number, nullable=False),
    Column("view", LargeBinary, nullable=False),
)

panel_runs = Table(
    "panel_runs",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("began", Float, nullable=False),
    Column("ended", Float, nullable=False),  # when it was last known to run
    Column("restarted", Integer, nullable=False),  # 0: it had only been asleep, or is the first
)

series = Table(
    "series",
    metadata,
    Column("service", Text, primary_key=True),
    Column("since", Float, nullable=False),  # when the service first did anything
)

series_blocks = Table(
    "series_blocks",
    metadata,
    Column("service", Text, primary_key=True),
    Column("step", Integer, primary_key=True),  # seconds
    Column("first", Number, primary_key=True),  # the second at which the block begins
    Column("run", Number, primary_key=True),  # of the panel: blocks of two runs may overlap
    Column("last", Number, nullable=False),  # the second at which its last sample begins
    Column("data", LargeBinary, nullable=False),
    Index("series_blocks_last", "step", "last"),
)

exceptions = Table(
    "exceptions",
    metadata,
    Column("id", Text, primary_key=True),  # what is the same for all that are one
    Column("service", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("message", Text, nullable=False),  # the newest one's, as is the traceback
    Column("traceback", Text),
    Column("count", Number, nullable=False),
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("last_bytes", LargeBinary),
    Column("last_bytes_note", Text),
    Column("connections", Text, nullable=False),  # JSON: [id, peer] of the newest, newest first
    Column("steps", Text, nullable=False),  # JSON: [half-hour since the epoch, count], rising
    Index("exceptions_service", "service"),
    Index("exceptions_last_seen", "last_seen"),
)
