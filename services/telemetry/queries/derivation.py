"""What derivation reads: pending work, checkpoints, fixes by binding, areas, stored visits."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.crossings import AreaVersion, TrackFix
from services.telemetry.domain.recomputation import Stored

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_PENDING = text(
    "SELECT vehicle_id FROM telemetry.pending_derivations GROUP BY vehicle_id ORDER BY min(id) LIMIT :limit"
)
_CHECKPOINTS = text("""
    SELECT DISTINCT ON (w.vehicle_id) w.vehicle_id, s.time, s.state
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:since AS timestamptz[])) AS w(vehicle_id, since)
    JOIN telemetry.derivation_states s ON s.vehicle_id = w.vehicle_id AND s.time <= w.since
    ORDER BY w.vehicle_id, s.time DESC
""")
_LATER = text("""
    SELECT w.vehicle_id, s.time, s.state
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:since AS timestamptz[])) AS w(vehicle_id, since)
    JOIN telemetry.derivation_states s ON s.vehicle_id = w.vehicle_id AND s.time > w.since
""")
_FIXES = text("""
    SELECT w.vehicle_id, p.time, p.lon, p.lat, p.content_hash, b.enterprise_id
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:since AS timestamptz[])) AS w(vehicle_id, since)
    JOIN telemetry.terminal_bindings b ON b.vehicle_id = w.vehicle_id AND b.is_primary
    JOIN telemetry.positions p ON p.terminal_key = b.terminal_key AND p.time >= w.since
        AND p.time >= b.valid_from AND (b.valid_to IS NULL OR p.time < b.valid_to)
    ORDER BY w.vehicle_id, p.time, p.content_hash
""")
_OWNERS = text("""
    SELECT DISTINCT ON (vehicle_id) vehicle_id, enterprise_id FROM telemetry.terminal_bindings
    WHERE vehicle_id = any(:vehicles) ORDER BY vehicle_id, valid_from DESC
""")
_VISITS = text("""
    SELECT id, vehicle_id, area_id, entered_at, left_at FROM telemetry.visits
    WHERE vehicle_id = any(:vehicles) AND status <> 'retracted'
      AND (entered_at >= :since OR left_at IS NULL OR id = any(:resumed))
""")
_AREAS_KEY = text("SELECT count(*), coalesce(sum(version), 0) FROM telemetry.areas")
_AREAS = text(
    "SELECT area_id, valid_from, valid_to, ST_AsBinary(geometry) AS shape FROM telemetry.area_versions"
)


def to_ms(at: datetime) -> int:
    """Give the milliseconds of the epoch of an instant."""
    return (at - EPOCH) // _MILLISECOND


def from_ms(time_ms: int) -> datetime:
    """Give the instant of milliseconds of the epoch."""
    return EPOCH + timedelta(milliseconds=time_ms)


async def find_pending_vehicles(session: AsyncSession, limit: int) -> list[UUID]:
    """Give the vehicles that have waited longest."""
    return list(await session.scalars(_PENDING, {"limit": limit}))


async def find_checkpoints(
    session: AsyncSession, vehicles: Sequence[UUID], since: Sequence[datetime]
) -> dict[UUID, tuple[datetime, bytes]]:
    """Give each vehicle's last checkpoint at or before its instant."""
    rows = await session.execute(_CHECKPOINTS, {"vehicles": vehicles, "since": since})
    return {row.vehicle_id: (row.time, row.state) for row in rows}


async def find_later_checkpoints(
    session: AsyncSession, vehicles: Sequence[UUID], since: Sequence[datetime]
) -> dict[UUID, dict[int, bytes]]:
    """Give each vehicle's checkpoints after its instant."""
    found: dict[UUID, dict[int, bytes]] = {vehicle: {} for vehicle in vehicles}
    for row in await session.execute(_LATER, {"vehicles": vehicles, "since": since}):
        found[row.vehicle_id][to_ms(row.time)] = row.state
    return found


async def find_fixes(
    session: AsyncSession, vehicles: Sequence[UUID], since: Sequence[datetime]
) -> dict[UUID, list[TrackFix]]:
    """Give each vehicle's fixes from its instant on, by the primary binding at their time, in order."""
    found: dict[UUID, list[TrackFix]] = {vehicle: [] for vehicle in vehicles}
    result = await session.stream(_FIXES, {"vehicles": vehicles, "since": since})
    async for rows in result.partitions(5000):
        for row in rows:
            found[row[0]].append(TrackFix(to_ms(row[1]), row[2], row[3], row[4]))
    return found


async def find_owners(session: AsyncSession, vehicles: Sequence[UUID]) -> dict[UUID, UUID]:
    """Give the enterprise each vehicle's terminals were fitted for."""
    return {
        row.vehicle_id: row.enterprise_id for row in await session.execute(_OWNERS, {"vehicles": vehicles})
    }


async def find_visits(
    session: AsyncSession, vehicles: Sequence[UUID], since: datetime, resumed: Sequence[UUID]
) -> dict[UUID, list[Stored]]:
    """Give the visits not retracted that began since an instant, are open, or are ``resumed``."""
    found: dict[UUID, list[Stored]] = {vehicle: [] for vehicle in vehicles}
    for row in await session.execute(_VISITS, {"vehicles": vehicles, "since": since, "resumed": resumed}):
        left_ms = None if row.left_at is None else to_ms(row.left_at)
        found[row.vehicle_id].append(Stored(row.id, row.area_id, to_ms(row.entered_at), left_ms))
    return found


async def get_areas_key(session: AsyncSession) -> tuple[int, int]:
    """Give what changes whenever any area does: their number and the sum of their versions."""
    row: Any = (await session.execute(_AREAS_KEY)).one()
    return int(row[0]), int(row[1])


async def find_area_versions(session: AsyncSession) -> list[AreaVersion]:
    """Give every shape of every area."""
    return [
        AreaVersion(
            row.area_id,
            to_ms(row.valid_from),
            None if row.valid_to is None else to_ms(row.valid_to),
            shapely.from_wkb(bytes(row.shape)),
        )
        for row in await session.execute(_AREAS)
    ]
