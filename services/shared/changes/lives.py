"""Which life of the feed this is: a restored or promoted database starts a new `feed_id`.

What a restore may have lost had positions that will be given again with other contents; a follower that
saw them must notice. So the feed remembers the cluster, database and timeline it was written on.
"""

# ruff: noqa: S608 - the schema is a constant of the service, values are parameters

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.shared.changes.chain import GENESIS
from services.shared.ids import new_id

IDENTITY = (
    "(SELECT system_identifier FROM pg_control_system())::text"
    " || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())"
    " || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
)


@dataclass(frozen=True, slots=True)
class Life:
    """The current life of a feed and its head."""

    generation: int
    feed_id: UUID
    pos: int
    digest: bytes
    recorded_at: datetime
    now: datetime


async def current_life(connection: Any, schema: str) -> Life:
    """Return the current life, starting a new one when this is another database than the last was written on.

    The caller holds the sequencer's lock.
    """
    row = await connection.fetchrow(
        f"SELECT here.cluster AS here, here.now, m.* FROM (SELECT {IDENTITY} AS cluster,"
        " date_trunc('milliseconds', clock_timestamp()) AS now) AS here LEFT JOIN LATERAL"
        f" (SELECT * FROM {schema}.feed_meta ORDER BY generation DESC LIMIT 1) AS m ON true"
    )
    if row["generation"] is not None and row["cluster"] == row["here"]:
        return _life(row, row["now"])
    started = await connection.fetchrow(
        f"INSERT INTO {schema}.feed_meta"
        " (feed_id, cluster, started_after, head_pos, head_digest, head_recorded_at)"
        " VALUES ($1, $2, $3, $3, $4, $5) RETURNING *",
        new_id(),
        row["here"],
        row["head_pos"] or 0,
        row["head_digest"] or GENESIS,
        row["head_recorded_at"] or row["now"],
    )
    return _life(started, row["now"])


def _life(row: "asyncpg.Record", now: datetime) -> Life:
    return Life(
        row["generation"], row["feed_id"], row["head_pos"], row["head_digest"], row["head_recorded_at"], now
    )
