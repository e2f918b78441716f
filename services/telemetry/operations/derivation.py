"""Drawing vehicles' visits anew where their fixes, bindings or areas have changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.events.telemetry import VisitState as PublishedVisit
from services.telemetry.domain.crossings import AreaIndex
from services.telemetry.domain.recomputation import (
    FOR_EVER_MS,
    Difference,
    Recomputed,
    Work,
    compare,
    recompute,
    relevant,
    resumed_visits,
)
from services.telemetry.domain.visits import START, Visit, VisitConfig, VisitState
from services.telemetry.models import feed
from services.telemetry.queries import derivation as queries

BATCH_VEHICLES = 50
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('telemetry.derive', 0))")
_TAKE = text(
    "DELETE FROM telemetry.pending_derivations WHERE vehicle_id = any(:vehicles)"
    " RETURNING vehicle_id, since, until"
)
_FORGET = text("DELETE FROM telemetry.derivation_states WHERE vehicle_id = :vehicle AND time = any(:times)")
_KEEP = text(
    "INSERT INTO telemetry.derivation_states (vehicle_id, time, state) VALUES (:vehicle, :time, :state)"
)
_UPSERT = text("""
    INSERT INTO telemetry.visits
        (id, vehicle_id, enterprise_id, area_id, entered_at, left_at, status, supersedes, version)
    VALUES (:id, :vehicle, :enterprise, :area, :entered, :left, :status, :supersedes, 1)
    ON CONFLICT (id) DO UPDATE SET left_at = excluded.left_at, status = excluded.status,
        supersedes = coalesce(excluded.supersedes, visits.supersedes), version = visits.version + 1
    RETURNING id, vehicle_id, enterprise_id, area_id, entered_at, left_at, status, supersedes, version
""")
_RETRACT = text("""
    UPDATE telemetry.visits SET status = 'retracted', version = version + 1 WHERE id = any(:ids)
    RETURNING id, vehicle_id, enterprise_id, area_id, entered_at, left_at, status, supersedes, version
""")


class Areas:
    """The areas as derivation uses them, read again only when one has changed."""

    def __init__(self) -> None:
        self._key: tuple[int, int] | None = None
        self._index = AreaIndex([])

    async def current(self, session: AsyncSession) -> AreaIndex:
        """Give the areas as this transaction sees them."""
        key = await queries.get_areas_key(session)
        if key != self._key:
            self._index, self._key = AreaIndex(await queries.find_area_versions(session)), key
        return self._index


async def derive_pending(session: AsyncSession, areas: Areas, config: VisitConfig) -> int:
    """Derive anew the vehicles that have waited longest; give how many.

    The work list, the visits, what is published of them and the checkpoints change in one transaction, so a
    kill at any instant leaves either all of it or none. One process derives at a time.
    """
    if not await session.scalar(_LOCK):
        return 0
    vehicles = await queries.find_pending_vehicles(session, BATCH_VEHICLES)
    if not vehicles:
        return 0
    index = await areas.current(session)
    works, starts = await _take(session, vehicles)
    fixes = await queries.find_fixes(session, [work.vehicle_id for work in works], starts)
    first = min(
        (queries.from_ms(work.state.last.time_ms) if work.state.last else queries.LONG_AGO) for work in works
    )
    resumed = [visit.id for work in works for visit in resumed_visits(work.vehicle_id, work.state)]
    stored = await queries.find_visits(session, vehicles, first, resumed)
    owners = await queries.find_owners(session, vehicles)
    for work in works:
        result = recompute(work, fixes[work.vehicle_id], index, config)
        difference = compare(result.visits, relevant(work, result, stored[work.vehicle_id]))
        if work.vehicle_id in owners:
            await _write_visits(session, difference, owners[work.vehicle_id])
        await _write_checkpoints(session, work, result)
    return len(works)


async def _take(session: AsyncSession, vehicles: Sequence[UUID]) -> tuple[list[Work], list[datetime]]:
    """Take the vehicles off the work list; give from which state and instant each is derived."""
    since: dict[UUID, datetime] = {}
    until: dict[UUID, int] = {}
    for row in await session.execute(_TAKE, {"vehicles": vehicles}):
        vehicle = row.vehicle_id
        since[vehicle] = min(since.get(vehicle, row.since), row.since)
        until_ms = FOR_EVER_MS if row.until is None else queries.to_ms(row.until)
        until[vehicle] = max(until.get(vehicle, 0), until_ms)
    names = sorted(since)
    checkpoints = await queries.find_checkpoints(session, names, [since[name] for name in names])
    starts = [checkpoints[name][0] if name in checkpoints else queries.LONG_AGO for name in names]
    later = await queries.find_later_checkpoints(session, names, starts)
    works = [
        Work(
            name,
            VisitState.decode(checkpoints[name][1]) if name in checkpoints else START,
            later[name],
            until[name],
        )
        for name in names
    ]
    return works, starts


async def _write_visits(session: AsyncSession, difference: Difference, enterprise_id: UUID) -> None:
    rows: list[Any] = []
    if difference.retractions:
        rows += (await session.execute(_RETRACT, {"ids": difference.retractions})).all()
    for visit, supersedes in difference.upserts:
        rows.append((await session.execute(_UPSERT, _values(visit, supersedes, enterprise_id))).one())
    for row in rows:
        state = PublishedVisit.model_validate(row)
        await feed.record(session, kind="visit", entity_id=row.id, version=row.version, state=state)


def _values(visit: Visit, supersedes: UUID | None, enterprise_id: UUID) -> dict[str, Any]:
    return {
        "id": visit.id,
        "vehicle": visit.vehicle_id,
        "enterprise": enterprise_id,
        "area": visit.area_id,
        "entered": queries.from_ms(visit.entered_ms),
        "left": None if visit.left_ms is None else queries.from_ms(visit.left_ms),
        "status": "open" if visit.left_ms is None else "closed",
        "supersedes": supersedes,
    }


async def _write_checkpoints(session: AsyncSession, work: Work, result: Recomputed) -> None:
    """Replace the checkpoints of the hours walked that differ; those beyond the stored state stay."""
    changed = {at: state for at, state in result.checkpoints.items() if work.later.get(at) != state}
    walked = [at for at in work.later if at <= result.met_ms]
    stale = [at for at in walked if result.checkpoints.get(at) != work.later[at]]
    if stale:
        values = {"vehicle": work.vehicle_id, "times": [queries.from_ms(at) for at in stale]}
        await session.execute(_FORGET, values)
    if changed:
        rows = [
            {"vehicle": work.vehicle_id, "time": queries.from_ms(at), "state": state}
            for at, state in changed.items()
        ]
        await session.execute(_KEEP, rows)
