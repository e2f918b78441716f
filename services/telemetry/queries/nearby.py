"""Vehicles near a point, by great-circle distance on the mean sphere (`services.shared.geo.distance_m`)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.geo import EARTH_RADIUS_M, Bbox
from services.telemetry.domain.nearness import box_around
from services.telemetry.domain.states import ReadingRules
from services.telemetry.queries.latest import LatestPage
from services.telemetry.queries.positions import (
    IN_BOX,
    LATEST,
    OWN,
    PROPERTIES,
    edges,
    firms_of,
    held_to,
    thresholds,
)

_DISTANCE = f"""2 * {EARTH_RADIUS_M} * asin(least(1, sqrt(power(sin(radians(p.lat - :lat) / 2), 2)
    + cos(radians(:lat)) * cos(radians(p.lat)) * power(sin(radians(p.lon - :lon) / 2), 2))))"""
_NEARBY = text(f"""
WITH page AS (
    SELECT t.enterprise_id, b.vehicle_id, {_DISTANCE} AS distance_m, json_build_object('type', 'Feature',
        'id', b.vehicle_id,
        'geometry', json_build_object('type', 'Point', 'coordinates', json_build_array(p.lon, p.lat)),
        'properties', json_build_object('distance_m', {_DISTANCE}, {PROPERTIES})) AS feature
    FROM {LATEST}
    WHERE {OWN} AND {IN_BOX} AND p.time >= :since AND b.vehicle_id IS NOT NULL AND {_DISTANCE} <= :radius
    ORDER BY distance_m, b.vehicle_id LIMIT :limit)
SELECT json_build_object('type', 'FeatureCollection', 'features',
    coalesce(json_agg(feature ORDER BY distance_m, vehicle_id), '[]'))::text AS body,
    (SELECT json_object_agg(enterprise_id, n) FROM (
        SELECT enterprise_id, count(*) AS n FROM page GROUP BY enterprise_id) each) AS firms
FROM page
""")  # noqa: S608  built of constants


@dataclass(frozen=True, slots=True)
class Nearness:
    """Around which point (WGS-84), how far, how fresh, how many at most."""

    lon: float
    lat: float
    radius_m: float
    since: datetime
    limit: int


async def get_nearby_geojson(
    session: AsyncSession, who: Principal, wanted: Nearness, at: tuple[datetime, ReadingRules]
) -> LatestPage:
    """Give the vehicles within a circle as a FeatureCollection, the nearest first."""
    box = Bbox(*box_around(wanted.lon, wanted.lat, wanted.radius_m))
    values = {
        "lon": wanted.lon, "lat": wanted.lat, "radius": wanted.radius_m, "since": wanted.since,
        "limit": wanted.limit, "enterprise": held_to(who), **edges(box), **thresholds(*at),
    }  # fmt: skip
    row = (await session.execute(_NEARBY, values)).one()
    return LatestPage(row.body, firms_of(row.firms))
