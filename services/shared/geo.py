"""Plane answers about WGS-84 positions that need no geometry library: distance, boxes, shape checks.

Point in polygon, areas and crossings are the work of PostGIS and shapely.
"""

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

EARTH_RADIUS_M: Final = 6_371_008.8
"""Mean radius of the Earth (IUGG R1)."""
MAX_POSITIONS: Final = 20_000
"""Most positions of one shape; a city's boundary has a few thousand."""
_LON_MAX: Final = 180
_LAT_MAX: Final = 90
_RING_MIN: Final = 4
_POSITION_SIZES: Final = (2, 3)
_BBOX_NUMBERS: Final = 4
_BBOX_TEXT_MAX: Final = 200


class Bbox(NamedTuple):
    """A box in degrees; it never crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def contains(self, lon: float, lat: float) -> bool:
        """Tell whether the point lies in the box or on its edge."""
        return self.west <= lon <= self.east and self.south <= lat <= self.north


def is_lon_lat(lon: float, lat: float) -> bool:
    """Tell whether both are finite and in range."""
    return abs(lon) <= _LON_MAX and abs(lat) <= _LAT_MAX


def distance_m(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Great-circle distance in metres on the mean sphere (haversine), within 0.6 % of the ellipsoid's."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half_lat, half_lon = (phi2 - phi1) / 2, math.radians(lon2 - lon1) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(phi1) * math.cos(phi2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def parse_bbox(text: str) -> Bbox:
    """Read "west,south,east,north" in degrees.

    Raises:
        ValueError: for anything else, NaN and infinity included; the message says what is wrong.
    """
    parts = text.split(",") if len(text) <= _BBOX_TEXT_MAX else []
    if len(parts) != _BBOX_NUMBERS:
        raise ValueError("bbox is west,south,east,north")
    try:
        box = Bbox(*map(float, parts))
    except ValueError as error:
        raise ValueError("bbox holds something that is not a number") from error
    if not (is_lon_lat(box.west, box.south) and is_lon_lat(box.east, box.north)):
        raise ValueError("bbox lies outside longitude -180..180, latitude -90..90")
    if box.west > box.east or box.south > box.north:
        raise ValueError("bbox has west east of east, or south north of north")
    return box


def point_problem(value: Any) -> str | None:
    """Say what is wrong with a GeoJSON Point (RFC 7946 §3.1.2), or None."""
    if not isinstance(value, dict) or value.get("type") != "Point":
        return "not a GeoJSON Point"
    return _position_problem(value.get("coordinates"))


def polygon_problem(value: Any) -> str | None:
    """Say what is wrong with a GeoJSON Polygon or MultiPolygon by form (RFC 7946 §3.1.6), or None.

    Checked are types, ranges, finiteness, closed rings and size; self-intersection is PostGIS's to find.
    """
    if not isinstance(value, dict) or value.get("type") not in {"Polygon", "MultiPolygon"}:
        return "not a GeoJSON Polygon or MultiPolygon"
    coordinates = value.get("coordinates")
    polygons: Any = [coordinates] if value["type"] == "Polygon" else coordinates
    if not _is_filled_list(polygons) or not all(map(_is_filled_list, polygons)):
        return "coordinates are not lists of rings"
    rings = [ring for polygon in polygons for ring in polygon]
    if not all(map(_is_filled_list, rings)):
        return "a ring is not a list of positions"
    if sum(map(len, rings)) > MAX_POSITIONS:
        return f"more than {MAX_POSITIONS} positions"
    return next(_ring_problems(rings), None)


def _ring_problems(rings: list[list[Any]]) -> Iterator[str]:
    for ring in rings:
        problems = (_position_problem(position) for position in ring)
        found = next((problem for problem in problems if problem), None)
        if found is not None:
            yield found
        elif len(ring) < _RING_MIN:
            yield "a ring has fewer than 4 positions"
        elif ring[0] != ring[-1]:
            yield "a ring is not closed: its first and last positions differ"


def _position_problem(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) not in _POSITION_SIZES:
        return "a position is not [longitude, latitude]"
    if not all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in value):
        return "a position holds something that is not a number"
    if not is_lon_lat(value[0], value[1]) or not abs(value[-1]) < math.inf:
        return "a position is not finite or lies outside longitude -180..180, latitude -90..90"
    return None


def _is_filled_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)
