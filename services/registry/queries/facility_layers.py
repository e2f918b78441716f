"""Facilities as a map layer, and their numbers by day. GeoJSON is made in SQL (conventions rule 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.facilities import FACILITY_KINDS, SAFETY_MEMBERS
from services.registry.queries.layers import edges_of, feature_collection
from services.shared.geo import Bbox
from services.shared.paging import decode_cursor

_STATUS: Final = (
    "CASE WHEN f.closed_on <= :day THEN 'closed' WHEN f.opened_on <= :day THEN 'operating'"
    " WHEN f.built_on <= :day THEN 'built' ELSE 'planned' END"
)
"""The stage of a facility at the end of a day on which it was planned already."""

_LAYER = text(f"""
SELECT f.id, json_build_object(
  'type', 'Feature', 'id', f.id,
  'geometry', json_build_object('type', 'Point', 'coordinates', json_build_array(f.lon, f.lat)),
  'properties', json_build_object('code', f.code, 'name', f.name, 'kind', f.kind, 'status', {_STATUS},
    'planned_on', f.planned_on, 'built_on', f.built_on, 'opened_on', f.opened_on, 'closed_on', f.closed_on,
    'enterprise_id', f.enterprise_id, 'operator_name', f.operator_name, 'division_code', f.division_code,
    'zone_code', f.zone_code, 'address', f.address, 'area_id', f.area_id,
    'capacity', f.capacity - CAST(:guarded AS text[]),
    'confirmed', f.confirmed_at IS NOT NULL, 'schematic', f.schematic, 'is_demo', f.is_demo,
    'version', f.version)
)::text AS feature
FROM registry.facilities f
WHERE f.planned_on <= :day
  AND (CAST(:kind AS text) IS NULL OR f.kind = :kind)
  AND (CAST(:status AS text) IS NULL OR {_STATUS} = :status)
  AND (CAST(:division AS text) IS NULL OR f.division_code = :division)
  AND (CAST(:operator AS uuid) IS NULL OR f.enterprise_id = :operator)
  AND (CAST(:after AS uuid) IS NULL OR f.id > :after)
  AND (CAST(:west AS float8) IS NULL
       OR ST_Intersects(f.location, ST_MakeEnvelope(:west, :south, :east, :north, 4326)))
ORDER BY f.id LIMIT :limit
""")  # noqa: S608 - a constant

_COUNTED = "u.in_service_from <= :day AND (u.in_service_to IS NULL OR u.in_service_to > :day)"

_COUNTS = text(f"""
WITH places AS (
  SELECT f.id, f.kind, {_STATUS} AS status, cardinality(f.opening_document_ids) > 0 AS evidenced
  FROM registry.facilities f
  WHERE f.planned_on <= :day AND NOT f.is_demo
    AND (CAST(:division AS text) IS NULL OR f.division_code = :division)
    AND (CAST(:zone AS text) IS NULL OR f.zone_code = :zone)
),
stages AS (
  SELECT kind, count(*) FILTER (WHERE status = 'planned') AS planned,
    count(*) FILTER (WHERE status = 'built') AS built,
    count(*) FILTER (WHERE status = 'operating') AS operating,
    count(*) FILTER (WHERE status = 'operating' AND evidenced) AS operating_with_evidence,
    count(*) FILTER (WHERE status = 'closed') AS closed
  FROM places GROUP BY kind
),
bays AS (
  SELECT p.kind, count(*) FILTER (WHERE u.confirmed_at IS NOT NULL) AS bays,
    count(*) FILTER (WHERE u.confirmed_at IS NOT NULL AND u.nev_only) AS nev_only_bays,
    count(*) FILTER (WHERE u.confirmed_at IS NOT NULL AND u.has_charger) AS bays_with_charger,
    count(*) FILTER (WHERE u.confirmed_at IS NULL) AS unconfirmed_bays
  FROM registry.bays u JOIN places p ON p.id = u.facility_id AND p.status = 'operating'
  WHERE {_COUNTED} GROUP BY p.kind
),
chargers AS (
  SELECT p.kind, count(*) FILTER (WHERE u.confirmed_at IS NOT NULL) AS chargers,
    count(*) FILTER (WHERE u.confirmed_at IS NOT NULL AND u.open_to_delivery_vehicles) AS delivery_chargers,
    count(*) FILTER (WHERE u.confirmed_at IS NULL) AS unconfirmed_chargers
  FROM registry.chargers u JOIN places p ON p.id = u.facility_id AND p.status = 'operating'
  WHERE {_COUNTED} GROUP BY p.kind
)
SELECT * FROM stages LEFT JOIN bays USING (kind) LEFT JOIN chargers USING (kind)
""")  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class FacilityFilter:
    """What a layer of facilities is narrowed to; None is no condition."""

    day: date
    kind: str | None = None
    status: str | None = None
    division: str | None = None
    operator: UUID | None = None
    box: Bbox | None = None


async def facility_layer(session: AsyncSession, only: FacilityFilter, cursor: str | None, limit: int) -> str:
    """Return the facilities known by a day, at their stage then, as GeoJSON with `next_cursor`.

    Raises:
        Unprocessable: The cursor is not one of this list.
    """
    parameters = {
        "day": only.day,
        "kind": only.kind,
        "status": only.status,
        "division": only.division,
        "operator": only.operator,
        "guarded": sorted(SAFETY_MEMBERS),
        "after": decode_cursor(cursor, [UUID])[0] if cursor else None,
        "limit": limit + 1,
    }
    rows = (await session.execute(_LAYER, {**parameters, **edges_of(only.box)})).all()
    return feature_collection(rows, limit)


async def count_facilities(
    session: AsyncSession, day: date, division: str | None, zone: str | None
) -> list[dict[str, Any]]:
    """Return the numbers of every kind at the end of a day, demonstration tenants left out."""
    parameters = {"day": day, "division": division, "zone": zone}
    rows = (await session.execute(_COUNTS, parameters)).mappings().all()
    found = {row["kind"]: row for row in rows}
    return [
        {"kind": kind, "name_zh": facts.zh, "name_en": facts.en, **_numbers(found.get(kind.value))}
        for kind, facts in FACILITY_KINDS.items()
    ]


_NUMBERS: Final[Sequence[str]] = (
    *("planned", "built", "operating", "operating_with_evidence", "closed"),
    *("bays", "nev_only_bays", "bays_with_charger", "unconfirmed_bays"),
    *("chargers", "delivery_chargers", "unconfirmed_chargers"),
)


def _numbers(row: RowMapping | None) -> dict[str, int]:
    return {name: (row[name] or 0) if row is not None else 0 for name in _NUMBERS}
