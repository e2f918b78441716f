"""Reading positions: GeoJSON is made in SQL, ownership is a `where` in it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal, Role

_LOAD = "(ARRAY['empty', 'partial', 'full'])[p.load_state + 1]"
_INSTANT = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
_PROPERTIES = f"""json_build_object(
    'terminal_id', t.id, 'terminal_number', t.terminal_number, 'enterprise_id', t.enterprise_id,
    'vehicle_id', b.vehicle_id, 'plate_number', v.plate_number, 'plate_color', v.plate_color,
    'time', {_INSTANT.format("p.time")}, 'received_at', {_INSTANT.format("p.received_at")},
    'speed_kmh', p.speed_kmh, 'heading_deg', p.heading_deg, 'altitude_m', p.altitude_m,
    'mileage_km', p.mileage_km, 'soc_pct', p.soc_pct, 'cargo_temp_c', p.cargo_temp_c,
    'load_state', {_LOAD})"""
# A position counts for the vehicle the terminal is fitted to now, if it was fitted at the fix's time already.
_BOUND_NOW = """telemetry.terminal_bindings b ON b.terminal_key = p.terminal_key AND b.is_primary
        AND b.valid_from <= p.time AND (b.valid_to IS NULL OR b.valid_to > now())"""
_LATEST = text(f"""
WITH page AS (
    SELECT p.terminal_key, json_build_object('type', 'Feature', 'id', t.id,
        'geometry', json_build_object('type', 'Point', 'coordinates', json_build_array(p.lon, p.lat)),
        'properties', {_PROPERTIES}) AS feature
    FROM telemetry.latest_positions p
    JOIN telemetry.terminals t USING (terminal_key)
    LEFT JOIN {_BOUND_NOW}
    LEFT JOIN telemetry.vehicles v ON v.id = b.vehicle_id
    WHERE p.terminal_key > :after
      AND (CAST(:enterprise AS uuid) IS NULL OR t.enterprise_id = :enterprise)
      AND (CAST(:vehicle AS uuid) IS NULL OR b.vehicle_id = :vehicle)
      AND (CAST(:west AS float8) IS NULL OR
           p.lon BETWEEN :west AND :east AND p.lat BETWEEN CAST(:south AS float8) AND :north)
    ORDER BY p.terminal_key LIMIT :limit)
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(feature), '[]'),
    'next_cursor', CASE WHEN count(*) = :limit THEN max(terminal_key)::text END)::text FROM page
""")  # noqa: S608  built of constants
_TRACK = text(f"""
WITH fixes AS (
    SELECT DISTINCT ON (p.time) p.time, p.lon, p.lat, p.speed_kmh
    FROM telemetry.terminal_bindings b
    JOIN telemetry.positions p ON p.terminal_key = b.terminal_key AND p.time >= b.valid_from
        AND (b.valid_to IS NULL OR p.time < b.valid_to) AND p.time >= :start AND p.time < :end
    WHERE b.vehicle_id = :vehicle AND b.is_primary AND b.valid_from < :end
      AND (b.valid_to IS NULL OR b.valid_to > :start)
      AND (CAST(:enterprise AS uuid) IS NULL OR b.enterprise_id = :enterprise)
    ORDER BY p.time, p.content_hash LIMIT :limit)
SELECT json_build_object('type', 'Feature', 'id', CAST(:vehicle AS uuid),
    'geometry', json_build_object('type', CASE WHEN count(*) > 1 THEN 'LineString' ELSE 'MultiPoint' END,
        'coordinates', coalesce(json_agg(json_build_array(lon, lat) ORDER BY time), '[]')),
    'properties', json_build_object('vehicle_id', CAST(:vehicle AS uuid), 'count', count(*),
        'times', coalesce(json_agg({_INSTANT.format("time")} ORDER BY time), '[]'),
        'speeds_kmh', coalesce(json_agg(speed_kmh ORDER BY time), '[]'),
        'next_from', CASE WHEN count(*) = :limit THEN
            {_INSTANT.format("(max(time) + interval '1 millisecond')")} END))::text
FROM fixes
""")  # noqa: S608  built of constants
_CHANGES = text(f"""
SELECT p.revision, p.terminal_key, b.vehicle_id, b.enterprise_id, b.terminal_id, p.time, p.lon, p.lat,
    p.speed_kmh, p.heading_deg, p.soc_pct, p.cargo_temp_c, {_LOAD} AS load_state, p.received_at
FROM telemetry.latest_positions p LEFT JOIN {_BOUND_NOW}
WHERE (p.revision, p.terminal_key) > (:revision, :terminal_key)
ORDER BY p.revision, p.terminal_key LIMIT :limit
""")  # noqa: S608  built of constants


@dataclass(frozen=True, slots=True)
class Box:
    """A box in degrees, WGS-84."""

    west: float
    south: float
    east: float
    north: float


async def get_latest_geojson(
    session: AsyncSession, who: Principal, box: Box | None, vehicle_id: UUID | None, after: int, limit: int
) -> str:
    """Give a FeatureCollection of the newest good fix of each of the caller's terminals, by terminal key."""
    edges: dict[str, Any] = {"west": None, "south": None, "east": None, "north": None}
    if box is not None:
        edges = {"west": box.west, "south": box.south, "east": box.east, "north": box.north}
    values = {"after": after, "limit": limit, "vehicle": vehicle_id, "enterprise": held_to(who), **edges}
    return str(await session.scalar(_LATEST, values))


async def get_track_geojson(
    session: AsyncSession, who: Principal, vehicle_id: UUID, window: tuple[datetime, datetime], limit: int
) -> str:
    """Give the fixes of a vehicle in a half-open window, each by the binding at its own time."""
    values = {
        "vehicle": vehicle_id, "start": window[0], "end": window[1], "limit": limit,
        "enterprise": held_to(who),
    }  # fmt: skip
    return str(await session.scalar(_TRACK, values))


async def find_latest_changes(
    session: AsyncSession, revision: int, terminal_key: int, limit: int
) -> list[Any]:
    """Give the latest positions changed after (revision, terminal key); unbound ones have no vehicle."""
    values = {"revision": revision, "terminal_key": terminal_key, "limit": limit}
    return list((await session.execute(_CHANGES, values)).all())


def held_to(who: Principal) -> UUID | None:
    """Give the enterprise a reader is held to; an enterprise role without one is held to nothing there is."""
    return (who.enterprise_id or UUID(int=0)) if who.role is Role.enterprise else None
