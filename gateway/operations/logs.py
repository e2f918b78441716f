"""Appending to the exchange's logs: dense positions, one chain each, and the head with its proof."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.domain import contents
from gateway.domain.datasets import DATASETS, Audience, Dataset
from services.shared.changes import GENESIS, Entry, canonical_bytes, next_digest
from services.shared.changes.lives import IDENTITY
from services.shared.ids import new_id

CHANNEL = "gateway_exchange"
"""Notified once a transaction: the exchange is a sequencer, and one for the whole platform."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('gateway.exchange', 0))"
_RENEW = (
    "UPDATE gateway.exchange_logs SET feed_id = gen_random_uuid(), cluster = here.id"  # noqa: S608 - constants
    f" FROM (SELECT {IDENTITY} AS id) AS here WHERE cluster <> here.id"
)
_START = (
    "INSERT INTO gateway.exchange_logs (dataset, audience, feed_id, cluster, pos, digest, recorded_at,"  # noqa: S608 - constants
    " entities, contents, cut_pos, cut_digest)"
    f" VALUES ($1, $2, $3, {IDENTITY}, 0, $4::bytea,"
    " date_trunc('milliseconds', clock_timestamp()), 0, $5, 0, $4::bytea)"
    " ON CONFLICT DO NOTHING"
)
_LOGS = (
    f"SELECT l.audience, l.cluster <> {IDENTITY} AS elsewhere, l.pos, l.digest, l.entities, l.contents,"  # noqa: S608 - a constant
    " greatest(l.recorded_at, date_trunc('milliseconds', clock_timestamp())) AS moment,"
    " h.version, h.state, coalesce(h.deleted, true) AS absent FROM gateway.exchange_logs AS l"
    " LEFT JOIN gateway.exchange_heads AS h"
    " ON h.dataset = l.dataset AND h.audience = l.audience AND h.id = $2"
    " WHERE l.dataset = $1 ORDER BY l.audience"
)
_APPEND = (
    "WITH change AS (INSERT INTO gateway.exchange_changes (dataset, audience, pos, kind, id, version,"  # noqa: S608 - constants
    " schema_version, deleted, recorded_at, state, digest) VALUES ($1, $2, $3, $4, $5,"
    " $6, $7, $8, $9, $10, $11) RETURNING *),"
    " head AS (INSERT INTO gateway.exchange_heads AS h (dataset, audience, id, kind, version,"
    " schema_version, deleted, pos, recorded_at, state) SELECT dataset, audience, id, kind, version,"
    " schema_version, deleted, pos, recorded_at, state FROM change ON CONFLICT (dataset, audience, id)"
    " DO UPDATE SET version = excluded.version, schema_version = excluded.schema_version,"
    " deleted = excluded.deleted, pos = excluded.pos, recorded_at = excluded.recorded_at,"
    " state = excluded.state)"
    " UPDATE gateway.exchange_logs AS l SET pos = c.pos, digest = c.digest, recorded_at = c.recorded_at,"
    " entities = $12, contents = $13 FROM change AS c"
    " WHERE l.dataset = c.dataset AND l.audience = c.audience"
    f" RETURNING pg_notify('{CHANNEL}', '')"
)


async def driver(session: AsyncSession) -> Any:
    """Return the asyncpg connection under a session's open transaction: this is a hot path."""
    if "driver" not in session.info:
        raw = await (await session.connection()).get_raw_connection()
        session.info["driver"] = raw.driver_connection
    return session.info["driver"]


async def lock_exchange(session: AsyncSession) -> None:
    """Hold the whole exchange until the transaction ends: sources touch each other's logs."""
    if "exchange_locked" not in session.info:
        await (await driver(session)).execute(_LOCK)
        session.info["exchange_locked"] = True


async def start_logs(session: AsyncSession) -> None:
    """Make the log of every declared dataset and audience; a database restored elsewhere starts new lives."""
    await lock_exchange(session)
    connection = await driver(session)
    for dataset in DATASETS.values():
        for audience in dataset.audiences:
            given = (dataset.name, audience.value, new_id(), GENESIS, contents.EMPTY)
            await connection.execute(_START, *given)
    await connection.execute(_RENEW)


async def append(
    session: AsyncSession, dataset: Dataset, entity: UUID, views: Mapping[Audience, bytes | None]
) -> None:
    """Give each audience whose view of an entity changed one position; the caller holds the exchange's lock.

    Args:
        session: The follower's transaction.
        dataset: The dataset of the entity.
        entity: Its id.
        views: The canonical bytes each audience may see; None when the entity is not in its scope.
    """
    connection = await driver(session)
    found = await connection.fetch(_LOGS, dataset.name, entity)
    if any(log["elsewhere"] for log in found):
        await connection.execute(_RENEW)
    for log in found:
        view = views[Audience(log["audience"])]
        served = None if log["absent"] else log["state"]
        if view != served:
            await connection.execute(_APPEND, *_row(dataset, entity, log, served, view))


def _row(
    dataset: Dataset, entity: UUID, log: Any, served: bytes | None, view: bytes | None
) -> tuple[Any, ...]:
    """Return the new position in the order of `_APPEND`; an entity that left carries only its id."""
    entry = Entry(
        pos=log["pos"] + 1,
        kind=dataset.kind,
        id=entity,
        version=(log["version"] or 0) + 1,
        schema_version=dataset.schema_version,
        deleted=view is None,
        recorded_at=log["moment"],
        state=canonical_bytes({"id": str(entity)}) if view is None else view,
    )
    return (
        *(dataset.name, log["audience"], entry.pos, entry.kind, entity),
        *(entry.version, entry.schema_version, entry.deleted, entry.recorded_at, entry.state),
        next_digest(log["digest"], entry),
        log["entities"] + (view is not None) - (served is not None),
        contents.replace(log["contents"], served, view),
    )
