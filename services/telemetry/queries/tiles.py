"""Vector tiles (Mapbox Vector Tile 2.1), made in SQL: latest positions, and densities of fixes by cell."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.geo import Bbox
from services.telemetry.domain.rows import CELLS_PER_DEGREE, CELLS_PER_ROW
from services.telemetry.domain.states import ReadingRules
from services.telemetry.domain.tiles import BUFFER, EXTENT, edges_of
from services.telemetry.queries.positions import (
    IN_BOX,
    INSTANT,
    LATEST,
    OWN,
    STATE,
    Firms,
    edges,
    firms_of,
    held_to,
    thresholds,
)

LEAST_VEHICLES = 5
"""A cell with fewer is left out: it would show one firm's, or one driver's, ways."""
_MARGIN = BUFFER / EXTENT
_ENVELOPE = "ST_TileEnvelope(:z, :x, :y)"
_POSITIONS = text(f"""
WITH placed AS (
    SELECT ST_AsMVTGeom(ST_Transform(ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326), 3857), {_ENVELOPE},
            {EXTENT}, {BUFFER}, true) AS geom,
        p.terminal_key, t.enterprise_id AS firm, t.id::text AS terminal_id, t.terminal_number, t.kind,
        b.vehicle_id::text AS vehicle_id, v.plate_number, v.plate_color, {STATE} AS state,
        p.speed_kmh, p.heading_deg, {INSTANT.format("p.time")} AS time
    FROM {LATEST}
    WHERE {OWN} AND {IN_BOX})
SELECT (SELECT ST_AsMVT(tile, 'positions', {EXTENT}, 'geom', 'terminal_key') FROM (
        SELECT geom, terminal_key, terminal_id, terminal_number, kind, vehicle_id, plate_number, plate_color,
            state, speed_kmh, heading_deg, time FROM placed WHERE geom IS NOT NULL) tile) AS body,
    (SELECT json_object_agg(firm, n) FROM (
        SELECT firm, count(*) AS n FROM placed WHERE geom IS NOT NULL GROUP BY firm) each) AS firms
""")  # noqa: S608  built of constants
_WITHIN = text("SELECT set_config('statement_timeout', :within, true)")
_DENSITIES = text(f"""
SELECT p.cell, count(*) AS fixes, count(DISTINCT b.vehicle_id) AS vehicles
FROM telemetry.positions p
JOIN telemetry.terminal_bindings b ON b.terminal_key = p.terminal_key AND b.is_primary
    AND p.time >= b.valid_from AND (b.valid_to IS NULL OR p.time < b.valid_to)
WHERE p.time >= :start AND p.time < :end
GROUP BY p.cell HAVING count(DISTINCT b.vehicle_id) >= {LEAST_VEHICLES} ORDER BY p.cell
""")  # noqa: S608  built of constants
_GRID = text(f"""
SELECT ST_AsMVT(tile, 'densities', {EXTENT}, 'geom', 'cell') FROM (
    SELECT c.cell, c.fixes, c.vehicles, ST_AsMVTGeom(ST_Transform(ST_MakeEnvelope(
        c.cell % {CELLS_PER_ROW} / {CELLS_PER_DEGREE}.0 - 180,
        c.cell / {CELLS_PER_ROW} / {CELLS_PER_DEGREE}.0 - 90,
        (c.cell % {CELLS_PER_ROW} + 1) / {CELLS_PER_DEGREE}.0 - 180,
        (c.cell / {CELLS_PER_ROW} + 1) / {CELLS_PER_DEGREE}.0 - 90, 4326), 3857), {_ENVELOPE},
        {EXTENT}, {BUFFER}, true) AS geom
    FROM unnest(CAST(:cells AS int[]), CAST(:fixes AS bigint[]), CAST(:vehicles AS bigint[]))
        AS c(cell, fixes, vehicles)) tile
WHERE geom IS NOT NULL
""")  # noqa: S608  built of constants

Densities = Mapping[int, tuple[int, int]]
"""Fixes and vehicles by 0.01 degree cell (rows.py)."""


class Tile(NamedTuple):
    """Which tile: zoom, column, row."""

    z: int
    x: int
    y: int


class PositionTile(NamedTuple):
    """A tile's bytes, and whose terminals it shows."""

    body: bytes
    firms: Firms


async def get_position_tile(
    session: AsyncSession, who: Principal, tile: Tile, at: tuple[datetime, ReadingRules]
) -> PositionTile:
    """Give layer `positions` of a tile: the caller's terminals by their newest good fix."""
    box = Bbox(*edges_of(*tile, margin=_MARGIN))
    values = {**tile._asdict(), "enterprise": held_to(who), **edges(box), **thresholds(*at)}
    row = (await session.execute(_POSITIONS, values)).one()
    return PositionTile(bytes(row.body), firms_of(row.firms))


async def find_densities(session: AsyncSession, start: datetime, end: datetime, within_ms: int) -> Densities:
    """Give fixes and vehicles by cell over a half-open window, cells with few vehicles left out.

    Raises:
        DBAPIError: SQLSTATE 57014, it takes longer than ``within_ms``.
    """
    await session.execute(_WITHIN, {"within": str(within_ms)})
    rows = await session.execute(_DENSITIES, {"start": start, "end": end})
    return {row.cell: (row.fixes, row.vehicles) for row in rows}


async def get_density_tile(session: AsyncSession, tile: Tile, densities: Densities) -> bytes:
    """Give layer `densities` of a tile: the cells that touch it."""
    west, south, east, north = edges_of(*tile, margin=_MARGIN)
    inside = {cell: counts for cell, counts in densities.items() if _touches(cell, west, south, east, north)}
    values = {
        **tile._asdict(), "cells": list(inside), "fixes": [fixes for fixes, _ in inside.values()],
        "vehicles": [vehicles for _, vehicles in inside.values()],
    }  # fmt: skip
    return bytes(await session.scalar(_GRID, values) or b"")


def _touches(cell: int, west: float, south: float, east: float, north: float) -> bool:
    row, column = divmod(cell, CELLS_PER_ROW)
    left, bottom = column / CELLS_PER_DEGREE - 180, row / CELLS_PER_DEGREE - 90
    side = 1 / CELLS_PER_DEGREE
    return left <= east and left + side >= west and bottom <= north and bottom + side >= south
