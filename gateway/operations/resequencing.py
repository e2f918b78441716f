"""The exchange's sequencer: a followed change becomes a position in each log whose view it changes.

All of it runs in the follower's transaction, under one lock for the whole exchange: two sources may
touch the same log (an enterprise leaves, its visits leave with it), and a log's positions are dense.
A log is touched only when what its audience was last served differs from what it would be served now.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.domain.datasets import BY_KIND, DATASETS, PARENT_KINDS, Audience, Dataset
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

_MAY = (
    "AND (SELECT count(DISTINCT p.id) FROM gateway.copies AS p WHERE p.id = ANY({0}) AND p.in_scope)"
    " = (SELECT count(DISTINCT parent) FROM unnest({0}) AS parent)"
)
_STORE = (
    "INSERT INTO gateway.copies AS c"  # noqa: S608 - constants
    " (id, kind, source, version, deleted, demo, parents, state, stale, in_scope)"
    f" SELECT $1, $2, $3, $4, $5, $6, $7, $8, false, NOT $5 AND NOT $6 {_MAY.format('$7::uuid[]')}"
    " ON CONFLICT (id, kind) DO UPDATE SET version = excluded.version, deleted = excluded.deleted,"
    " demo = excluded.demo, parents = excluded.parents, state = excluded.state, stale = false,"
    " in_scope = excluded.in_scope WHERE c.version < excluded.version OR c.stale"
    " RETURNING in_scope AS now, coalesce("
    "(SELECT before.in_scope FROM gateway.copies AS before"
    " WHERE before.id = $1 AND before.kind = $2), false) AS was"
)
"""A RETURNING subquery sees the rows as they were before the statement."""
_LOOK = (
    "UPDATE gateway.copies AS c SET in_scope = NOT c.deleted AND NOT c.demo"  # noqa: S608 - constants
    f" {_MAY.format('c.parents')} WHERE c.id = $1 AND c.kind = $2 RETURNING c.state, c.in_scope AS now,"
    " (SELECT before.in_scope FROM gateway.copies AS before WHERE before.id = $1 AND before.kind = $2) AS was"
)
_CHILDREN = "SELECT source, kind, id FROM gateway.copies WHERE parents @> ARRAY[$1::uuid] ORDER BY id"
_STALE = "SELECT source, kind, id, in_scope FROM gateway.copies WHERE stale ORDER BY id LIMIT $1"
_FORGET = "DELETE FROM gateway.copies WHERE id = $1 AND kind = $2"

Key = tuple[str, UUID]
"""Kind and id."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What may leave of an entity now (None: nothing), and whether that it may has just changed."""

    state: dict[str, Any] | None
    moved: bool


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
    seen = await _store_copy(session, dataset, change)
    if seen is not None:
        await _serve(session, source, (change.kind, change.id), seen)


async def mark_stale(source: str, session: AsyncSession) -> None:
    """Begin a bootstrap of a source: what it does not confirm is gone there."""
    await logs.lock_exchange(session)
    await session.execute(update(Copy).where(Copy.source == source).values(stale=True))


async def sweep_stale(session: AsyncSession) -> int:
    """Let leave what the last bootstrap of its source did not confirm; how many it were, at most `SWEEP`.

    A bootstrap is one transaction, so what is seen as stale from outside was left out by a whole one.
    """
    await logs.lock_exchange(session)
    connection = await logs.driver(session)
    found = await connection.fetch(_STALE, SWEEP)
    for row in found:
        await connection.execute(_FORGET, row["id"], row["kind"])
        gone = Seen(None, moved=row["in_scope"])
        await _serve(session, row["source"], (row["kind"], row["id"]), gone)
    return len(found)


async def _store_copy(session: AsyncSession, dataset: Dataset, change: Change) -> Seen | None:
    """Keep a state; None when it was no newer than the copy."""
    plain = change.state.model_dump(mode="json")
    row = await (await logs.driver(session)).fetchrow(
        _STORE,
        change.id,
        change.kind,
        dataset.source,
        change.version,
        change.deleted,
        bool(plain.get("is_demo", False)),
        [UUID(plain[name]) for name in dataset.parents if plain.get(name)],
        msgspec.json.encode(plain),
    )
    return None if row is None else Seen(plain if row["now"] else None, moved=row["now"] != row["was"])


async def _look_again(session: AsyncSession, key: Key) -> Seen:
    """Return what is known of an entity after something it depends on changed."""
    kind, entity = key
    row = await (await logs.driver(session)).fetchrow(_LOOK, entity, kind)
    state = msgspec.json.decode(row["state"]) if row["now"] else None
    return Seen(state, moved=row["now"] != row["was"])


async def _serve(session: AsyncSession, source: str, first: Key, seen: Seen) -> None:
    """Serve an entity's state, and those whose scope depends on it when its own scope changed."""
    waiting: deque[tuple[str, Key]] = deque([(source, first)])
    while waiting:
        source, key = waiting.popleft()
        kind, entity = key
        if key != first:
            seen = await _look_again(session, key)
        if seen.moved and kind in PARENT_KINDS:
            waiting.extend(await _children(session, entity))
        dataset = BY_KIND[source, kind]
        views = {audience: _view(dataset, seen.state, audience) for audience in dataset.audiences}
        await logs.append(session, dataset, entity, views)


async def _children(session: AsyncSession, entity: UUID) -> list[tuple[str, Key]]:
    found = await (await logs.driver(session)).fetch(_CHILDREN, entity)
    return [(row["source"], (row["kind"], row["id"])) for row in found]


def _view(dataset: Dataset, state: dict[str, Any] | None, audience: Audience) -> bytes | None:
    """Return the bytes an audience is served; None when the entity is not in its scope."""
    return None if state is None else canonical_bytes(project(state, _TREES[dataset.name, audience]))
