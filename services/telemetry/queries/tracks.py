"""Tracks: a vehicle's fixes in time order, thinned to a tolerance, as GeoJSON, CSV or GPX made in SQL.

A fix counts for the vehicle by the binding at its own time; of several at one time the least hash does.

Thinning is Douglas-Peucker (PostGIS) in metres: degrees are stretched by the largest length a degree has
anywhere on the track, so no measured distance is shorter than the true one and a fix left out lies within
the tolerance of the line. A step that no vehicle drives (a jump) is never thinned across.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.geo import EARTH_RADIUS_M
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
_TRACK = f"""
WITH fixes AS (
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
    FROM fixes p WINDOW w AS (ORDER BY p.time)),
pieces AS (SELECT *, count(*) FILTER (WHERE jump) OVER (ORDER BY n) AS piece FROM steps),
stretch AS (SELECT {_DEGREE_M} AS y, {_DEGREE_M} * cos(radians(min(abs(lat)))) AS x FROM fixes),
kept AS (
    SELECT ST_M((ST_DumpPoints(line)).geom)::bigint AS n FROM (
        SELECT ST_Simplify(ST_MakeLine(ST_MakePointM(s.lon * stretch.x, s.lat * stretch.y, s.n) ORDER BY s.n),
            :tolerance, true) AS line
        FROM pieces s, stretch WHERE :tolerance > 0 GROUP BY s.piece HAVING count(*) > 2) lines),
ends AS (SELECT min(n) AS first, max(n) AS last FROM pieces GROUP BY piece),
p AS (
    SELECT s.*, row_number() OVER (ORDER BY s.n) - 1 AS place FROM pieces s
    WHERE :tolerance = 0 OR s.n IN (SELECT n FROM kept UNION ALL SELECT first FROM ends
        UNION ALL SELECT last FROM ends))
SELECT {{}} AS body, count(*) AS count, (SELECT count(*) FROM fixes) AS fixes,
    CASE WHEN (SELECT count(*) FROM fixes) = :limit THEN
        {INSTANT.format("((SELECT max(time) FROM fixes) + interval '1 millisecond')")} END AS next_from
FROM p
"""  # noqa: S608  built of constants
_GEOJSON = f"""json_build_object('type', 'Feature', 'id', CAST(:vehicle AS uuid),
    'geometry', json_build_object('type', CASE WHEN count(*) > 1 THEN 'LineString' ELSE 'MultiPoint' END,
        'coordinates', coalesce(json_agg(json_build_array(lon, lat) ORDER BY n), '[]')),
    'properties', json_build_object('vehicle_id', CAST(:vehicle AS uuid), 'count', count(*),
        'fixes', (SELECT count(*) FROM fixes), 'tolerance_m', :tolerance,
        'times', coalesce(json_agg({INSTANT.format("time")} ORDER BY n), '[]'),
        'speeds_kmh', coalesce(json_agg(speed_kmh ORDER BY n), '[]'),
        'jumps', coalesce(json_agg(place ORDER BY n) FILTER (WHERE jump), '[]'),
        'next_from', CASE WHEN (SELECT count(*) FROM fixes) = :limit THEN
            {INSTANT.format("((SELECT max(time) FROM fixes) + interval '1 millisecond')")} END))::text"""  # noqa: S608  built of constants
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
_STATEMENTS: Final[dict[TrackFormat, TextClause]] = {
    "geojson": text(_TRACK.format(_GEOJSON)),
    "csv": text(_TRACK.format(_CSV)),
    "gpx": text(_TRACK.format(_GPX)),
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


async def get_track(
    session: AsyncSession, who: Principal, wanted: TrackFilter, jump_kmh: float, form: TrackFormat
) -> TrackPage:
    """Give the fixes of a vehicle in a window: a GeoJSON Feature, lines of CSV, points of GPX segments."""
    values = {
        "vehicle": wanted.vehicle_id, "start": wanted.window[0], "end": wanted.window[1],
        "limit": wanted.limit, "tolerance": float(wanted.tolerance_m), "jump_kmh": jump_kmh,
        "enterprise": held_to(who),
    }  # fmt: skip
    row = (await session.execute(_STATEMENTS[form], values)).one()
    return TrackPage(row.body, row.next_from)
