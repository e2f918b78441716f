"""Reads of areas. GeoJSON is made in SQL (conventions rule 6)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, exists, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Area, AreaVersion
from services.registry.queries.layers import edges_of, feature_collection
from services.shared.errors import NotFound
from services.shared.geo import Bbox
from services.shared.paging import decode_cursor

_DIGITS = 15
"""Decimal digits of published coordinates: enough to give back the stored double."""

_DEGREE_M = 111_700
"""Metres of the longest degree: a tolerance in metres is never exceeded."""

_VERSIONS = text(
    f"SELECT valid_from, valid_to, ST_AsGeoJSON(geometry, {_DIGITS})::json AS geometry, source, mended"  # noqa: S608 - a constant
    " FROM registry.area_versions WHERE area_id = :area ORDER BY valid_from"
)

_SAME = text("""
SELECT v.source IS NOT DISTINCT FROM CAST(:source AS jsonb)
  AND (v.source IS NOT NULL OR ST_Equals(v.geometry, ST_GeomFromEWKB(:ewkb))) AS same
FROM registry.area_versions v
WHERE v.area_id = :area AND v.valid_from <= :start AND (v.valid_to IS NULL OR v.valid_to > :start)
  AND (CAST(:end AS timestamptz) IS NULL OR v.valid_to = :end)
""")

_LAYER = text("""
SELECT a.id, json_build_object(
  'type', 'Feature', 'id', a.id, 'geometry', ST_AsGeoJSON(CASE WHEN CAST(:tolerance AS float8) IS NULL
    THEN v.geometry ELSE ST_SimplifyPreserveTopology(v.geometry, :tolerance) END)::json,
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


async def versions_of(session: AsyncSession, area_id: UUID) -> Sequence[RowMapping]:
    """Return the versions of an area's shape, oldest first, geometry as GeoJSON."""
    return (await session.execute(_VERSIONS, {"area": area_id})).mappings().all()


async def has_same_shape(
    session: AsyncSession,
    area_id: UUID,
    ewkb: bytes,
    source: dict[str, Any] | None,
    interval: tuple[datetime, datetime | None],
) -> bool:
    """Tell whether an area has this very shape from the beginning of an interval on.

    A circle or road section is compared as it was given, a polygon by the places it covers. An interval
    without an end asks nothing about when the shape ends.
    """
    parameters = {
        "area": area_id,
        "ewkb": ewkb,
        "source": None if source is None else json.dumps(source),
        "start": interval[0],
        "end": interval[1],
    }
    return bool(await session.scalar(_SAME, parameters))


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


async def find_area_by_code(session: AsyncSession, code: str) -> Area | None:
    """Return the area with this code, locked for a change, or None."""
    return await session.scalar(select(Area).where(Area.code == code).with_for_update())


async def find_open_version(
    session: AsyncSession, area_id: UUID, at: datetime | None = None
) -> AreaVersion | None:
    """Return the version without an end, or without one by `at`, if there is one."""
    open_end = AreaVersion.valid_to.is_(None)
    ends_later = open_end if at is None else or_(open_end, AreaVersion.valid_to > at)
    return await session.scalar(select(AreaVersion).where(AreaVersion.area_id == area_id, ends_later))


async def has_version_from(session: AsyncSession, area_id: UUID, at: datetime) -> bool:
    """Tell whether a version of an area's shape begins at `at` or later."""
    later = exists().where(AreaVersion.area_id == area_id, AreaVersion.valid_from >= at)
    return bool(await session.scalar(select(later)))


@dataclass(frozen=True, slots=True)
class LayerFilter:
    """What a layer of areas is narrowed to; None is no condition. `tolerance_m` simplifies the shapes."""

    at: datetime
    kind: str | None = None
    box: Bbox | None = None
    tolerance_m: float | None = None


async def area_layer(session: AsyncSession, only: LayerFilter, cursor: str | None, limit: int) -> str:
    """Return the shapes in force at one time as a GeoJSON FeatureCollection with `next_cursor`.

    Raises:
        Unprocessable: The cursor is not one of this list.
    """
    after = decode_cursor(cursor, [UUID])[0] if cursor else None
    tolerance = None if only.tolerance_m is None else only.tolerance_m / _DEGREE_M
    parameters = {
        "at": only.at,
        "kind": only.kind,
        "after": after,
        "limit": limit + 1,
        "tolerance": tolerance,
    }
    rows = (await session.execute(_LAYER, {**parameters, **edges_of(only.box)})).all()
    return feature_collection(rows, limit)
