"""Geometry made and judged by PostGIS."""

import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

QUAD_SEGS: Final = 32
"""Segments of a quarter turn: the chord of 1/128 of a circle stays within 0.03 % of the radius.

PostGIS buffers on the plane of the best UTM zone, whose scale differs by less than 0.2 % within four degrees
of its meridian: together less than half of the promised 0.5 % of the radius.
"""
STEP_DEG: Final = 0.002
"""A line of GeoJSON is straight in degrees (RFC 7946 §3.1.1), on the plane it is not: in steps of some 200 m
the two differ by less than a millimetre."""

_MAKE = text("""
WITH given AS (SELECT ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326) AS shape),
made AS (
  SELECT ST_Multi(CASE WHEN CAST(:distance AS float8) IS NULL THEN shape
    ELSE ST_Buffer(ST_Segmentize(shape, :step)::geography, :distance, :style)::geometry END) AS shape
  FROM given
)
SELECT ST_AsEWKB(shape) AS ewkb, valid(d) AS valid, reason(d) AS reason,
  ST_X(location(d)) AS lon, ST_Y(location(d)) AS lat
FROM made, ST_IsValidDetail(shape) AS d
""")


@dataclass(frozen=True, slots=True)
class Made:
    """A MultiPolygon in WGS-84 (EWKB), or why there is none and where."""

    ewkb: bytes
    reason: str | None = None
    place: tuple[float, float] | None = None


async def make_polygons(
    session: AsyncSession, shape: dict[str, Any], distance_m: float | None, ends: str | None
) -> Made:
    """Make a MultiPolygon of a GeoJSON geometry in WGS-84, judged by OGC Simple Features.

    Args:
        session: Any.
        shape: A polygon, or the point or lines an area reaches `distance_m` from.
        distance_m: None with a polygon.
        ends: Of lines, `flat` or `round`.
    """
    style = f"quad_segs={QUAD_SEGS} endcap={ends or 'round'} join=round"
    parameters = {"shape": json.dumps(shape), "distance": distance_m, "step": STEP_DEG, "style": style}
    row = (await session.execute(_MAKE, parameters)).one()
    place = (row.lon, row.lat) if row.lon is not None else None
    return Made(bytes(row.ewkb), None if row.valid else row.reason, place)
