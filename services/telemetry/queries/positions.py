"""Reading positions: what every such query has in common, and the delta for the services to the right.

GeoJSON is made in SQL, ownership is a `where` in it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal, Role
from services.shared.geo import Bbox
from services.telemetry.domain.states import ReadingRules

LOAD = "(ARRAY['empty', 'partial', 'full'])[p.load_state + 1]"
INSTANT = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
# By age and speed; one that says no speed is taken to stand.
STATE = """CASE WHEN p.time < :silent_before THEN 'silent'
    WHEN coalesce(p.speed_kmh, 0) >= :moving_kmh THEN 'moving' ELSE 'standing' END"""
PROPERTIES = f"""'terminal_id', t.id, 'terminal_number', t.terminal_number, 'kind', t.kind,
    'enterprise_id', t.enterprise_id, 'vehicle_id', b.vehicle_id, 'plate_number', v.plate_number,
    'plate_color', v.plate_color, 'state', {STATE},
    'time', {INSTANT.format("p.time")}, 'received_at', {INSTANT.format("p.received_at")},
    'speed_kmh', p.speed_kmh, 'heading_deg', p.heading_deg, 'altitude_m', p.altitude_m,
    'mileage_km', p.mileage_km, 'soc_pct', p.soc_pct, 'cargo_temp_c', p.cargo_temp_c,
    'load_state', {LOAD}"""
FEATURE = f"""json_build_object('type', 'Feature', 'id', t.id,
    'geometry', json_build_object('type', 'Point', 'coordinates', json_build_array(p.lon, p.lat)),
    'properties', json_build_object({PROPERTIES}))"""
# A position counts for the vehicle the terminal is fitted to now, if it was fitted at the fix's time already.
BOUND_NOW = """telemetry.terminal_bindings b ON b.terminal_key = p.terminal_key AND b.is_primary
        AND b.valid_from <= p.time AND (b.valid_to IS NULL OR b.valid_to > now())"""
LATEST = f"""telemetry.latest_positions p
    JOIN telemetry.terminals t ON t.terminal_key = p.terminal_key AND t.status <> 'revoked'
    LEFT JOIN {BOUND_NOW}
    LEFT JOIN telemetry.vehicles v ON v.id = b.vehicle_id"""
OWN = "(CAST(:enterprise AS uuid) IS NULL OR t.enterprise_id = :enterprise)"
IN_BOX = """(CAST(:west AS float8) IS NULL OR
    p.lon BETWEEN :west AND :east AND p.lat BETWEEN CAST(:south AS float8) AND :north)"""
_CHANGES = text(f"""
SELECT p.revision, p.terminal_key, b.vehicle_id, b.enterprise_id, b.terminal_id, p.time, p.lon, p.lat,
    p.speed_kmh, p.heading_deg, p.soc_pct, p.cargo_temp_c, {LOAD} AS load_state, p.received_at
FROM telemetry.latest_positions p LEFT JOIN {BOUND_NOW}
WHERE (p.revision, p.terminal_key) > (:revision, :terminal_key)
ORDER BY p.revision, p.terminal_key LIMIT :limit
""")  # noqa: S608  built of constants

Firms = dict[UUID, int]
"""How many of each firm's terminals an answer shows."""


def edges(box: Bbox | None) -> dict[str, float | None]:
    """Give the parameters of `IN_BOX`."""
    return dict.fromkeys(Bbox._fields) if box is None else box._asdict()


def firms_of(found: Any) -> Firms:
    """Give the counts by firm that a query has made as {firm: count}."""
    return {UUID(firm): count for firm, count in (found or {}).items()}


async def find_latest_changes(
    session: AsyncSession, revision: int, terminal_key: int, limit: int
) -> list[Any]:
    """Give the latest positions changed after (revision, terminal key); unbound ones have no vehicle."""
    values = {"revision": revision, "terminal_key": terminal_key, "limit": limit}
    return list((await session.execute(_CHANGES, values)).all())


def held_to(who: Principal) -> UUID | None:
    """Give the enterprise a reader is held to; an enterprise role without one is held to nothing there is."""
    return (who.enterprise_id or UUID(int=0)) if who.role is Role.enterprise else None


def thresholds(now: datetime, rules: ReadingRules) -> dict[str, Any]:
    """Give the parameters of `STATE`."""
    return {"silent_before": now - rules.silent_after, "moving_kmh": rules.moving_kmh}
