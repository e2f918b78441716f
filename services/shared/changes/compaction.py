"""Cutting a feed: only whole oldest partitions, and a signed checkpoint stays for ever at each cut."""

# ruff: noqa: S608 - the schema is a constant of the service, values are parameters

from datetime import datetime, timedelta
from typing import Any

from services.shared.auth.tokens import load_key
from services.shared.changes.feed import Feed
from services.shared.changes.lives import current_life
from services.shared.changes.sequencer import lock_name
from services.shared.changes.verification import sign_checkpoint
from services.shared.db import Database

AUDIT_KEEP = timedelta(days=3 * 366)
"""Audit partitions stay at least three years (design.md, two streams, point 5)."""


async def compact(
    feed: Feed, database: Database, service_key: str, now: datetime, keep: timedelta = AUDIT_KEEP
) -> list[int]:
    """Cut every whole oldest partition whose last change is older than `keep`; a daily job of the worker.

    Followers that stand before a cut are told 410 and start again from the snapshot.

    Args:
        feed: The feed.
        database: Of the worker role.
        service_key: Ed25519 private JWK that signs the checkpoints.
        now: The present instant.
        keep: Age a partition must have to be cut.

    Returns:
        The positions cut at, oldest first.
    """
    pool = await database.pool()
    cuts: list[int] = []
    async with pool.acquire() as connection:
        while (cut := await _cut_oldest(connection, feed, service_key, now - keep)) is not None:
            cuts.append(cut)
    return cuts


async def _cut_oldest(connection: Any, feed: Feed, service_key: str, before: datetime) -> int | None:
    """Cut one partition in one transaction, holding the sequencer off; the position cut at."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '2s'")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock_name(feed))
        row = await connection.fetchrow(
            f"SELECT pos, digest FROM {feed.schema}.changes WHERE recorded_at < $1 AND pos = (SELECT"
            " ((min(pos) - 1) / size + 1) * size FROM"
            f" {feed.schema}.changes, {feed.schema}.changes_partition_rows() AS size GROUP BY size)",
            before,
        )
        if row is None:
            return None
        life = await current_life(connection, feed.schema)
        pos, digest = row["pos"], row["digest"]
        signature = sign_checkpoint(feed.schema, life.feed_id, pos, digest, load_key(service_key))
        await connection.execute(
            f"INSERT INTO {feed.schema}.feed_checkpoints (pos, feed_id, digest, cut_at, signature)"
            " VALUES ($1, $2, $3, $4, $5)",
            pos,
            life.feed_id,
            digest,
            life.now,
            signature,
        )
        await connection.execute(f"SELECT {feed.schema}.drop_changes_partition($1)", pos)
        return int(pos)
