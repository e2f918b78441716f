"""The follower's one table, as metadata; `services.shared.changes.ddl.create_follow` creates it."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid, func


def follow_tables(metadata: MetaData) -> Table:
    """Declare `follow_cursors` in a service's metadata: one row per source that is followed."""
    return Table(
        "follow_cursors",
        metadata,
        Column("source", Text, primary_key=True),
        Column("feed_id", Uuid, nullable=False),
        Column("pos", BigInteger, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("copy_version", Integer, nullable=False),
        Column("recorded_at", DateTime(timezone=True)),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
