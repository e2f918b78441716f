"""Reading what is left of tracks older than positions are kept; GeoJSON is made in SQL."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.telemetry.domain.aggregates import CELL_MS
from services.telemetry.queries.positions import INSTANT, held_to

DROPPED_BEFORE = f"""(SELECT {INSTANT.format("(max(day) + 1)::timestamp AT TIME ZONE 'UTC'")}
    FROM telemetry.position_days WHERE dropped_at IS NOT NULL)"""  # noqa: S608  built of constants
_TRACK = text(f"""
WITH cells AS (
    SELECT * FROM telemetry.track_aggregates
    WHERE vehicle_id = :vehicle AND time >= :start AND time < :end
      AND (CAST(:enterprise AS uuid) IS NULL OR enterprise_id = :enterprise)
    ORDER BY time LIMIT :limit)
SELECT json_build_object('type', 'FeatureCollection', 'vehicle_id', CAST(:vehicle AS uuid),
    'source', 'aggregates', 'interval_s', {CELL_MS // 1000},
    'dropped_before', {DROPPED_BEFORE},
    'next_from', CASE WHEN count(*) = :limit
        THEN {INSTANT.format(f"(max(time) + interval '{CELL_MS} milliseconds')")} END,
    'features', coalesce(json_agg(json_build_object('type', 'Feature',
        'geometry', json_build_object('type', 'Point', 'coordinates', json_build_array(mean_lon, mean_lat)),
        'properties', json_build_object('time', {INSTANT.format("time")}, 'fixes', fixes, 'jumps', jumps,
            'first_at', {INSTANT.format("first_at")}, 'first', json_build_array(first_lon, first_lat),
            'last_at', {INSTANT.format("last_at")}, 'last', json_build_array(last_lon, last_lat),
            'distance_km', round(length_mm / 1000000.0, 3), 'moving_s', round(moving_ms / 1000.0),
            'max_speed_kmh', round(max_speed_kmh::numeric, 1), 'mileage_km', mileage_km,
            'min_cargo_temp_c', min_cargo_temp_c, 'max_cargo_temp_c', max_cargo_temp_c))
        ORDER BY time), '[]'))::text
FROM cells
""")  # noqa: S608  built of constants


async def get_aggregates_geojson(
    session: AsyncSession, who: Principal, vehicle_id: UUID, window: tuple[datetime, datetime], limit: int
) -> str:
    """Give the five minutes of a vehicle that begin in a half-open window, as a FeatureCollection."""
    values = {
        "vehicle": vehicle_id, "start": window[0], "end": window[1], "limit": limit,
        "enterprise": held_to(who),
    }  # fmt: skip
    return str(await session.scalar(_TRACK, values))
