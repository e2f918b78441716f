"""Reads of areas. GeoJSON is made in SQL (conventions rule 6)."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Area, AreaVersion
from services.shared.errors import FieldError, NotFound, Unprocessable
from services.shared.paging import decode_cursor, encode_cursor

_DIGITS = 15
"""Decimal digits of published coordinates: enough to give back the stored double."""

_VERSIONS = text(
    f"SELECT valid_from, valid_to, ST_AsGeoJSON(geometry, {_DIGITS})::json AS geometry"  # noqa: S608 - a constant
    " FROM registry.area_versions WHERE area_id = :area ORDER BY valid_from"
)

_FAULT = text(
    "SELECT reason(d) AS reason, ST_X(location(d)) AS lon, ST_Y(location(d)) AS lat FROM"
    " ST_IsValidDetail(ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326)) AS d WHERE NOT valid(d)"
)

_LAYER = text("""
SELECT a.id, json_build_object(
  'type', 'Feature', 'id', a.id, 'geometry', ST_AsGeoJSON(v.geometry)::json,
  'bbox', json_build_array(ST_XMin(v.geometry), ST_YMin(v.geometry),
    ST_XMax(v.geometry), ST_YMax(v.geometry)),
  'properties', json_build_object('code', a.code, 'name', a.name, 'kind', a.kind, 'schematic', a.schematic,
    'version', a.version,
    'valid_from', to_char(v.valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'valid_to', to_char(v.valid_to AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
)::text AS feature
FROM registry.areas a JOIN registry.area_versions v ON v.area_id = a.id
WHERE v.valid_from <= :at AND (v.valid_to IS NULL OR v.valid_to > :at)
  AND (CAST(:kind AS text) IS NULL OR a.kind = :kind)
  AND (CAST(:after AS uuid) IS NULL OR a.id > :after)
  AND (CAST(:west AS float8) IS NULL
       OR ST_Intersects(v.geometry, ST_MakeEnvelope(:west, :south, :east, :north, 4326)))
ORDER BY a.id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class GeometryFault:
    """Why a shape is not valid, and where (degrees, WGS-84)."""

    reason: str
    lon: float | None
    lat: float | None


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in degrees."""

    west: float
    south: float
    east: float
    north: float


def parse_box(given: str) -> Box:
    """Return the box of `west,south,east,north`.

    Raises:
        Unprocessable: Not four numbers, out of range, or in the wrong order.
    """
    try:
        west, south, east, north = (float(part) for part in given.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):  # noqa: PLR2004 - degrees
        message = "须为 west,south,east,north（度） / four numbers west,south,east,north in degrees"
        raise Unprocessable(errors=[FieldError("query.bbox", "bbox_invalid", message)])
    return Box(west, south, east, north)


async def versions_of(session: AsyncSession, area_id: UUID) -> Sequence[RowMapping]:
    """Return the versions of an area's shape, oldest first, geometry as GeoJSON."""
    return (await session.execute(_VERSIONS, {"area": area_id})).mappings().all()


async def find_geometry_fault(session: AsyncSession, shape: str) -> GeometryFault | None:
    """Return why a GeoJSON shape is not valid (OGC Simple Features), or None."""
    row = (await session.execute(_FAULT, {"shape": shape})).one_or_none()
    return GeometryFault(row.reason, row.lon, row.lat) if row is not None else None


async def get_area(session: AsyncSession, area_id: UUID, *, lock: bool = False) -> Area:
    """Return an area, locked for a change when asked.

    Raises:
        NotFound: No such area.
    """
    statement = select(Area).where(Area.id == area_id)
    area = await session.scalar(statement.with_for_update() if lock else statement)
    if area is None:
        raise NotFound
    return area


async def get_area_with_versions(session: AsyncSession, area_id: UUID) -> dict[str, Any]:
    """Return an area's members with `versions`, oldest first.

    Raises:
        NotFound: No such area.
    """
    area = await get_area(session, area_id)
    columns = {column.key: getattr(area, column.key) for column in Area.__table__.columns}
    return {**columns, "versions": [dict(row) for row in await versions_of(session, area_id)]}


async def find_open_version(session: AsyncSession, area_id: UUID) -> AreaVersion | None:
    """Return the version without an end, if there is one."""
    statement = select(AreaVersion).where(AreaVersion.area_id == area_id, AreaVersion.valid_to.is_(None))
    return await session.scalar(statement)


async def area_layer(
    session: AsyncSession, at: datetime, kind: str | None, box: Box | None, cursor: str | None, limit: int
) -> str:
    """Return the shapes in force at `at` as a GeoJSON FeatureCollection with `next_cursor`.

    Raises:
        Unprocessable: The cursor is not one of this list.
    """
    after = decode_cursor(cursor, [UUID])[0] if cursor else None
    edges: dict[str, Any] = (
        {"west": box.west, "south": box.south, "east": box.east, "north": box.north}
        if box
        else dict.fromkeys(("west", "south", "east", "north"))
    )
    parameters = {"at": at, "kind": kind, "after": after, "limit": limit + 1, **edges}
    rows = (await session.execute(_LAYER, parameters)).all()
    return _collection(rows, limit)


def _collection(rows: Sequence[Any], limit: int) -> str:
    features = ",".join(row.feature for row in rows[:limit])
    cursor = encode_cursor([rows[limit - 1].id]) if len(rows) > limit else None
    return f'{{"type":"FeatureCollection","features":[{features}],"next_cursor":{json.dumps(cursor)}}}'
