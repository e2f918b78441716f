"""The tables of a feed, as metadata; `ddl.py` creates the same in a migration.

- `outbox`: what business transactions committed and the sequencer has not moved yet.
- `changes`: the feed, one row per position, partitioned by position.
- `heads`: the newest state of every entity, for snapshots.
- `feed_meta`: one row per life of the feed (`feed_id`); the newest is the current one and carries the head.
- `feed_checkpoints`: one signed row per cut, kept for ever.
"""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
)


@dataclass(frozen=True, slots=True)
class FeedTables:
    """The five tables of one feed."""

    outbox: Table
    changes: Table
    heads: Table
    feed_meta: Table
    feed_checkpoints: Table


def _state() -> list[Column[object]]:
    return [
        Column("kind", Text, nullable=False),
        Column("id", Uuid, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("schema_version", SmallInteger, nullable=False),
        Column("deleted", Boolean, nullable=False),
        Column("state", LargeBinary, nullable=False),
    ]


def feed_tables(metadata: MetaData) -> FeedTables:
    """Declare the feed's tables in a service's metadata."""
    outbox = Table(
        "outbox", metadata, Column("seq", BigInteger, Identity(always=True), primary_key=True), *_state()
    )
    changes = Table(
        "changes",
        metadata,
        Column("pos", BigInteger, primary_key=True, autoincrement=False),
        *_state(),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("digest", LargeBinary, nullable=False),
        postgresql_partition_by="RANGE (pos)",
    )
    heads = Table(
        "heads",
        metadata,
        Column("kind", Text, primary_key=True),
        Column("id", Uuid, primary_key=True),
        *_state()[2:],
        Column("pos", BigInteger, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
    )
    return FeedTables(outbox, changes, heads, _feed_meta(metadata), _feed_checkpoints(metadata))


def _feed_meta(metadata: MetaData) -> Table:
    return Table(
        "feed_meta",
        metadata,
        Column("generation", Integer, Identity(always=True), primary_key=True),
        Column("feed_id", Uuid, nullable=False, unique=True),
        Column("cluster", Text, nullable=False),
        Column("started_after", BigInteger, nullable=False),
        Column("started_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("head_pos", BigInteger, nullable=False),
        Column("head_digest", LargeBinary, nullable=False),
        Column("head_recorded_at", DateTime(timezone=True), nullable=False),
    )


def _feed_checkpoints(metadata: MetaData) -> Table:
    return Table(
        "feed_checkpoints",
        metadata,
        Column("pos", BigInteger, primary_key=True, autoincrement=False),
        Column("feed_id", Uuid, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("cut_at", DateTime(timezone=True), nullable=False),
        Column("signature", Text, nullable=False),
    )
