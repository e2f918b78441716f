"""The exchange's sequencer: a followed change becomes a position in each log whose view it changes.

All of it runs in the follower's transaction, under one lock for the whole exchange: two sources may
touch the same log (an enterprise leaves, its visits leave with it), and a log's positions are dense.
A log is touched only when what its audience was last served differs from what it would be served now.
"""

from collections import deque
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.domain.datasets import BY_KIND, DATASETS, Audience, Dataset
from gateway.domain.projection import field_tree, project
from gateway.models import Copy
from gateway.operations import logs
from services.shared.auth.revocations import apply_client
from services.shared.changes import canonical_bytes
from services.shared.follow import Change

SWEEP = 500

_TREES = {
    (dataset.name, audience): field_tree(fields)
    for dataset in DATASETS.values()
    for audience, fields in dataset.audiences.items()
}

Key = tuple[str, UUID]
"""Kind and id."""


async def apply_change(source: str, session: AsyncSession, change: Change) -> None:
    """Bring one followed change into the copies and into every log it changes.

    Args:
        source: The service it comes from.
        session: The follower's transaction.
        change: By version; what is older than the copy changes nothing.
    """
    if change.kind == "client":
        await apply_client(session, "gateway", change.state)
        return
    dataset = BY_KIND.get((source, change.kind))
    if dataset is None:
        return
    await logs.lock_exchange(session)
    if await _store_copy(session, dataset, change):
        await _serve(session, (change.kind, change.id))


async def mark_stale(source: str, session: AsyncSession) -> None:
    """Begin a bootstrap of a source: what it does not confirm is gone there."""
    await logs.lock_exchange(session)
    await session.execute(update(Copy).where(Copy.source == source).values(stale=True))


async def sweep_stale(session: AsyncSession) -> int:
    """Let leave what the last bootstrap of its source did not confirm; how many it were, at most `SWEEP`.

    A bootstrap is one transaction, so what is seen as stale from outside was left out by a whole one.
    """
    await logs.lock_exchange(session)
    stale = select(Copy.kind, Copy.id).where(Copy.stale).order_by(Copy.id).limit(SWEEP)
    found = (await session.execute(stale)).all()
    for kind, entity in found:
        await session.execute(
            update(Copy).where(Copy.kind == kind, Copy.id == entity).values(deleted=True, stale=False)
        )
        await _serve(session, (kind, entity))
        await session.execute(delete(Copy).where(Copy.kind == kind, Copy.id == entity))
    return len(found)


async def _store_copy(session: AsyncSession, dataset: Dataset, change: Change) -> bool:
    """Keep the state; whether it was newer than the copy."""
    plain = change.state.model_dump(mode="json")
    row = {
        "source": dataset.source,
        "version": change.version,
        "deleted": change.deleted,
        "demo": bool(plain.get("is_demo", False)),
        "stale": False,
        "parents": [UUID(plain[name]) for name in dataset.parents if plain.get(name)],
        "state": canonical_bytes(plain),
    }
    statement = (
        insert(Copy)
        .values(id=change.id, kind=change.kind, in_scope=False, **row)
        .on_conflict_do_update(
            index_elements=["id", "kind"],
            set_=row,
            where=(Copy.version < change.version) | Copy.stale,
        )
    )
    result: Any = await session.execute(statement)
    return bool(result.rowcount)


async def _serve(session: AsyncSession, first: Key) -> None:
    """Serve an entity's state, and those whose scope depends on it when its own scope changed."""
    waiting = deque([first])
    while waiting:
        kind, entity = waiting.popleft()
        copy = await _read_copy(session, kind, entity)
        dataset = BY_KIND[copy.source, kind]
        if copy.may_leave != copy.in_scope:
            await session.execute(
                update(Copy).where(Copy.kind == kind, Copy.id == entity).values(in_scope=copy.may_leave)
            )
            waiting.extend(await _children(session, entity))
        state = msgspec.json.decode(copy.state) if copy.may_leave else None
        views = {audience: _view(dataset, state, audience) for audience in dataset.audiences}
        await logs.append(session, dataset, entity, views)


_READ_COPY = text(
    "SELECT c.source, c.state, c.in_scope, NOT c.deleted AND NOT c.demo AND (SELECT count(DISTINCT p.id) ="
    " (SELECT count(DISTINCT parent) FROM unnest(c.parents) AS parent) FROM gateway.copies AS p"
    " WHERE p.id = ANY(c.parents) AND p.in_scope) AS may_leave"
    " FROM gateway.copies AS c WHERE c.kind = :kind AND c.id = :id"
)


async def _read_copy(session: AsyncSession, kind: str, entity: UUID) -> Any:
    return (await session.execute(_READ_COPY, {"kind": kind, "id": entity})).one()


async def _children(session: AsyncSession, entity: UUID) -> list[Key]:
    statement = select(Copy.kind, Copy.id).where(Copy.parents.contains([entity])).order_by(Copy.id)
    return [(kind, child) for kind, child in (await session.execute(statement)).all()]


def _view(dataset: Dataset, state: dict[str, Any] | None, audience: Audience) -> bytes | None:
    """Return the bytes an audience is served; None when the entity is not in its scope."""
    return None if state is None else canonical_bytes(project(state, _TREES[dataset.name, audience]))
