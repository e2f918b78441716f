"""Plane answers about WGS-84 positions that need no geometry library: distance, boxes.

Point in polygon, areas and crossings are the work of PostGIS and shapely.
"""

import math
from typing import Final, NamedTuple

EARTH_RADIUS_M: Final = 6_371_008.8
"""Mean radius of the Earth (IUGG R1)."""
_LON_MAX: Final = 180
_LAT_MAX: Final = 90
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
