"""Appending to the exchange's logs: dense positions, one chain each, and the head with its proof."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.domain import contents
from gateway.domain.datasets import DATASETS, Audience, Dataset
from services.shared.changes import GENESIS, Entry, canonical_bytes, next_digest
from services.shared.changes.lives import IDENTITY
from services.shared.ids import new_id

SCHEMA_VERSION = 1
CHANNEL = "gateway_exchange"
"""Notified once a transaction: the exchange is a sequencer, and one for the whole platform."""

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('gateway.exchange', 0))")
_RENEW = text(
    "UPDATE gateway.exchange_logs SET feed_id = gen_random_uuid(), cluster = here.id"  # noqa: S608 - constants
    f" FROM (SELECT {IDENTITY} AS id) AS here WHERE cluster <> here.id"
)
_START = text(
    "INSERT INTO gateway.exchange_logs (dataset, audience, feed_id, cluster, pos, digest, recorded_at,"  # noqa: S608 - constants
    " entities, contents, cut_pos, cut_digest)"
    f" VALUES (:dataset, :audience, :feed_id, {IDENTITY}, 0, :genesis,"
    " date_trunc('milliseconds', clock_timestamp()), 0, :empty, 0, :genesis)"
    " ON CONFLICT DO NOTHING"
)
_LOGS = text(
    f"SELECT l.audience, l.cluster <> {IDENTITY} AS elsewhere, l.pos, l.digest, l.entities, l.contents,"  # noqa: S608 - a constant
    " greatest(l.recorded_at, date_trunc('milliseconds', clock_timestamp())) AS moment,"
    " h.version, h.state, coalesce(h.deleted, true) AS absent FROM gateway.exchange_logs AS l"
    " LEFT JOIN gateway.exchange_heads AS h"
    " ON h.dataset = l.dataset AND h.audience = l.audience AND h.id = :id"
    " WHERE l.dataset = :dataset ORDER BY l.audience"
)
_APPEND = text(
    "WITH change AS (INSERT INTO gateway.exchange_changes (dataset, audience, pos, kind, id, version,"  # noqa: S608 - constants
    " schema_version, deleted, recorded_at, state, digest) VALUES (:dataset, :audience, :pos, :kind, :id,"
    " :version, :schema_version, :deleted, :recorded_at, :state, :digest) RETURNING *),"
    " head AS (INSERT INTO gateway.exchange_heads AS h (dataset, audience, id, kind, version,"
    " schema_version, deleted, pos, recorded_at, state) SELECT dataset, audience, id, kind, version,"
    " schema_version, deleted, pos, recorded_at, state FROM change ON CONFLICT (dataset, audience, id)"
    " DO UPDATE SET version = excluded.version, schema_version = excluded.schema_version,"
    " deleted = excluded.deleted, pos = excluded.pos, recorded_at = excluded.recorded_at,"
    " state = excluded.state)"
    " UPDATE gateway.exchange_logs AS l SET pos = c.pos, digest = c.digest, recorded_at = c.recorded_at,"
    " entities = :entities, contents = :contents FROM change AS c"
    " WHERE l.dataset = c.dataset AND l.audience = c.audience"
    f" RETURNING pg_notify('{CHANNEL}', '')"
)


async def lock_exchange(session: AsyncSession) -> None:
    """Hold the whole exchange until the transaction ends: sources touch each other's logs."""
    await session.execute(_LOCK)


async def start_logs(session: AsyncSession) -> None:
    """Make the log of every declared dataset and audience; a database restored elsewhere starts new lives."""
    await lock_exchange(session)
    for dataset in DATASETS.values():
        for audience in dataset.audiences:
            await session.execute(
                _START,
                {
                    "dataset": dataset.name,
                    "audience": audience.value,
                    "feed_id": new_id(),
                    "genesis": GENESIS,
                    "empty": contents.EMPTY,
                },
            )
    await session.execute(_RENEW)


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
    found = (await session.execute(_LOGS, {"dataset": dataset.name, "id": entity})).all()
    if any(log.elsewhere for log in found):
        await session.execute(_RENEW)
    for log in found:
        view = views[Audience(log.audience)]
        served = None if log.absent else log.state
        if view != served:
            await session.execute(_APPEND, _row(dataset, entity, log, served, view))


def _row(
    dataset: Dataset, entity: UUID, log: Any, served: bytes | None, view: bytes | None
) -> dict[str, Any]:
    """Return the new position; an entity that left carries only its id."""
    state = canonical_bytes({"id": str(entity)}) if view is None else view
    entry = Entry(
        pos=log.pos + 1,
        kind=dataset.kind,
        id=entity,
        version=(log.version or 0) + 1,
        schema_version=SCHEMA_VERSION,
        deleted=view is None,
        recorded_at=log.moment,
        state=state,
    )
    return {
        "dataset": dataset.name,
        "audience": log.audience,
        "pos": entry.pos,
        "kind": entry.kind,
        "id": entity,
        "version": entry.version,
        "schema_version": entry.schema_version,
        "deleted": entry.deleted,
        "recorded_at": entry.recorded_at,
        "state": state,
        "digest": next_digest(log.digest, entry),
        "entities": log.entities + (view is not None) - (served is not None),
        "contents": contents.replace(log.contents, served, view),
    }
