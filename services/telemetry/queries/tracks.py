"""Tracks: a vehicle's fixes in time order, thinned to a tolerance, as GeoJSON, CSV or GPX made in SQL.

A fix counts for the vehicle by the binding at its own time; of several at one time the least hash does.

Thinning is Douglas-Peucker (PostGIS) in metres: degrees are stretched by the largest length a degree has
anywhere on the track, so no measured distance is shorter than the true one and a fix left out lies within
the tolerance of the line. A step that no vehicle drives (a jump) is never thinned across.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.geo import EARTH_RADIUS_M
from services.telemetry.queries.aggregates import DROPPED_BEFORE
from services.telemetry.queries.positions import INSTANT, LOAD, held_to

TrackFormat = Literal["geojson", "csv", "gpx"]

CSV_HEADER: Final = (
    "time,lon,lat,speed_kmh,heading_deg,altitude_m,mileage_km,soc_pct,cargo_temp_c,load_state,jump\r\n"
)
_DEGREE_M = 111_694.0
"""The longest degree of a meridian (WGS-84, at the pole); times cos(latitude) the longest of a parallel."""
_STEP_M = f"""2 * {EARTH_RADIUS_M} * asin(least(1, sqrt(
    power(sin(radians(p.lat - lag(p.lat) OVER w) / 2), 2) + cos(radians(p.lat))
    * cos(radians(lag(p.lat) OVER w)) * power(sin(radians(p.lon - lag(p.lon) OVER w) / 2), 2))))"""
_FIXES = f"""
fixes AS MATERIALIZED (
    SELECT DISTINCT ON (p.time) p.*
    FROM telemetry.terminal_bindings b
    JOIN telemetry.positions p ON p.terminal_key = b.terminal_key AND p.time >= b.valid_from
        AND (b.valid_to IS NULL OR p.time < b.valid_to) AND p.time >= :start AND p.time < :end
    WHERE b.vehicle_id = :vehicle AND b.is_primary AND b.valid_from < :end
      AND (b.valid_to IS NULL OR b.valid_to > :start)
      AND (CAST(:enterprise AS uuid) IS NULL OR b.enterprise_id = :enterprise)
    ORDER BY p.time, p.content_hash LIMIT :limit),
steps AS (
    SELECT p.*, row_number() OVER w AS n, coalesce({_STEP_M} * 3.6
        > :jump_kmh * extract(epoch FROM p.time - lag(p.time) OVER w), false) AS jump
    FROM fixes p WINDOW w AS (ORDER BY p.time))"""  # noqa: S608  built of constants
_WHOLE = "p AS (SELECT *, n - 1 AS place FROM steps)"
# What estimates of a prepared statement get wrong must not matter: scalars are read once, and a full join is
# hashed or merged, never searched row by row.
_LENGTH = f"{_DEGREE_M} * (SELECT cos(radians(min(abs(lat)))) FROM fixes)"  # noqa: S608  the same
_THINNED = f"""
pieces AS (SELECT *, count(*) FILTER (WHERE jump) OVER (ORDER BY n) AS piece FROM steps),
lines AS (
    SELECT min(n) AS first, max(n) AS last, ST_Simplify(ST_MakeLine(
        ST_MakePointM(lon * {_LENGTH}, lat * {_DEGREE_M}, n) ORDER BY n), :tolerance, true) AS line
    FROM pieces GROUP BY piece),
kept AS (
    SELECT ST_M((ST_DumpPoints(line)).geom)::bigint AS n, true AS stays FROM lines
    UNION SELECT first, true FROM lines UNION SELECT last, true FROM lines),
p AS (
    SELECT pieces.*, row_number() OVER (ORDER BY n) - 1 AS place
    FROM pieces FULL JOIN kept USING (n) WHERE coalesce(stays, false))"""  # noqa: S608  the same
_NEXT = f"""CASE WHEN (SELECT count(*) FROM fixes) = :limit THEN
    {INSTANT.format("((SELECT max(time) FROM fixes) + interval '1 millisecond')")} END"""  # noqa: S608  the same
_GEOJSON = f"""json_build_object('type', 'Feature', 'id', CAST(:vehicle AS uuid),
    'geometry', json_build_object('type', CASE WHEN count(*) > 1 THEN 'LineString' ELSE 'MultiPoint' END,
        'coordinates', coalesce(json_agg(json_build_array(lon, lat) ORDER BY n), '[]')),
    'properties', json_build_object('vehicle_id', CAST(:vehicle AS uuid), 'count', count(*),
        'fixes', (SELECT count(*) FROM fixes), 'tolerance_m', CAST(:tolerance AS float8),
        'times', coalesce(json_agg({INSTANT.format("time")} ORDER BY n), '[]'),
        'speeds_kmh', coalesce(json_agg(speed_kmh ORDER BY n), '[]'),
        'jumps', coalesce(json_agg(place ORDER BY n) FILTER (WHERE jump), '[]'),
        'next_from', {_NEXT}, 'dropped_before', {DROPPED_BEFORE}))::text"""  # noqa: S608  built of constants
_CSV = f"""coalesce(string_agg(format(E'%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\\r\\n', {INSTANT.format("time")},
    lon, lat, speed_kmh, heading_deg, altitude_m, mileage_km, soc_pct, cargo_temp_c, {LOAD},
    jump::integer), '' ORDER BY n), '')"""
# Decimals, never exponents (xsd:decimal); metres a second, as the extension has it.
_GPX = f"""coalesce(string_agg(CASE WHEN jump THEN '</trkseg><trkseg>' ELSE '' END
    || format('<trkpt lat="%s" lon="%s">', round(lat::numeric, 7), round(lon::numeric, 7))
    || coalesce('<ele>' || round(altitude_m::numeric, 2) || '</ele>', '')
    || '<time>' || {INSTANT.format("time")} || '</time>'
    || coalesce('<extensions><gpxtpx:TrackPointExtension>'
        || nullif(coalesce('<gpxtpx:speed>' || round(speed_kmh::numeric / 3.6, 2) || '</gpxtpx:speed>', '')
        || coalesce('<gpxtpx:course>' || round(heading_deg::numeric, 1) || '</gpxtpx:course>', ''), '')
        || '</gpxtpx:TrackPointExtension></extensions>', '')
    || '</trkpt>', E'\\n' ORDER BY n), '')"""
_BODIES: Final[dict[TrackFormat, str]] = {"geojson": _GEOJSON, "csv": _CSV, "gpx": _GPX}
# Two statements, not one with a condition: a plan for both would search the kept ones for each fix.
_STATEMENTS: Final[dict[tuple[TrackFormat, bool], TextClause]] = {
    (form, thinned): text(
        f"WITH {_FIXES}, {_THINNED if thinned else _WHOLE} SELECT {body} AS body, {_NEXT} AS next_from FROM p"  # noqa: S608  the same
    )
    for form, body in _BODIES.items()
    for thinned in (False, True)
}


@dataclass(frozen=True, slots=True)
class TrackFilter:
    """Which part of whose track: half-open window, metres of tolerance, fixes at most."""

    vehicle_id: UUID
    window: tuple[datetime, datetime]
    tolerance_m: float = 0.0
    limit: int = 10_000


class TrackPage(NamedTuple):
    """A track's text, and from when on it continues."""

    body: str
    next_from: str | None


def track_statement(
    who: Principal, wanted: TrackFilter, jump_kmh: float, form: TrackFormat
) -> tuple[TextClause, dict[str, Any]]:
    """Give the statement of a track, and its parameters."""
    thinned = wanted.tolerance_m > 0
    values = {
        "vehicle": wanted.vehicle_id, "start": wanted.window[0], "end": wanted.window[1],
        "limit": wanted.limit, "jump_kmh": jump_kmh, "enterprise": held_to(who),
    }  # fmt: skip
    if thinned or form == "geojson":
        values["tolerance"] = float(wanted.tolerance_m)
    return _STATEMENTS[form, thinned], values


async def get_track(
    session: AsyncSession, who: Principal, wanted: TrackFilter, jump_kmh: float, form: TrackFormat
) -> TrackPage:
    """Give the fixes of a vehicle in a window: a GeoJSON Feature, lines of CSV, points of GPX segments."""
    row = (await session.execute(*track_statement(who, wanted, jump_kmh, form))).one()
    return TrackPage(row.body, row.next_from)
