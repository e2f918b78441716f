"""WGS-84, GCJ-02 and BD-09 (`domain.md` §3.11). The platform stores WGS-84."""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Final

Point = tuple[float, float]
"""Longitude and latitude in degrees."""

_AXIS_M: Final = 6378245.0
_ECCENTRICITY: Final = 0.00669342162296594323
_X_PI: Final = math.pi * 3000.0 / 180.0
_WEST, _EAST, _SOUTH, _NORTH = 73.66, 135.05, 3.86, 53.55
_CONVERGED_DEG: Final = 1e-12
_MAX_ROUNDS: Final = 30
_FULL_TURN: Final = 360.0


class Crs(StrEnum):
    """Coordinate reference systems an input may be in."""

    WGS84 = "WGS-84"
    GCJ02 = "GCJ-02"
    BD09 = "BD-09"


_CRS_BY_NAME: Final = {
    "WGS84": Crs.WGS84,
    "EPSG4326": Crs.WGS84,
    "CGCS2000": Crs.WGS84,
    "GCJ02": Crs.GCJ02,
    "BD09": Crs.BD09,
    "BD09LL": Crs.BD09,
}


def parse_crs(text: str) -> Crs | None:
    """Read a name such as "GCJ-02", "gcj02", "EPSG:4326"; None when unknown."""
    name = text[:16].upper().replace("-", "").replace(":", "").replace("_", "")
    return _CRS_BY_NAME.get(name)


def in_china(lon: float, lat: float) -> bool:
    """Tell whether GCJ-02 differs from WGS-84 here (the usual rectangle; false for NaN and infinity)."""
    return _WEST < lon < _EAST and _SOUTH < lat < _NORTH


def wgs84_to_gcj02(lon: float, lat: float) -> Point:
    """Shift WGS-84 to GCJ-02; outside the rectangle of China nothing changes."""
    return _shift(lon, lat) if in_china(lon, lat) else (lon, lat)


def gcj02_to_wgs84(lon: float, lat: float) -> Point:
    """Invert `wgs84_to_gcj02` to better than a micrometre by iteration.

    A place whose origin lies outside the rectangle of China is unchanged.
    """
    if not (_WEST - 1 < lon < _EAST + 1 and _SOUTH - 1 < lat < _NORTH + 1):
        return lon, lat
    guess = gcj02_to_wgs84_single_step(lon, lat)
    for _ in range(_MAX_ROUNDS):
        there = _shift(*guess)
        error = lon - there[0], lat - there[1]
        guess = guess[0] + error[0], guess[1] + error[1]
        if abs(error[0]) < _CONVERGED_DEG and abs(error[1]) < _CONVERGED_DEG:
            break
    return guess if in_china(*guess) else (lon, lat)


def gcj02_to_wgs84_single_step(lon: float, lat: float) -> Point:
    """Give the customary one-pass inverse, about a metre off; for comparing with other systems only."""
    there = _shift(lon, lat)
    return 2 * lon - there[0], 2 * lat - there[1]


def gcj02_to_bd09(lon: float, lat: float) -> Point:
    """Shift GCJ-02 to Baidu's BD-09."""
    if not _is_place(lon, lat):
        return lon, lat
    radius = math.hypot(lon, lat) + 0.00002 * math.sin(lat * _X_PI)
    angle = math.atan2(lat, lon) + 0.000003 * math.cos(lon * _X_PI)
    return radius * math.cos(angle) + 0.0065, radius * math.sin(angle) + 0.006


def bd09_to_gcj02(lon: float, lat: float) -> Point:
    """Shift BD-09 to GCJ-02 by the customary closed form."""
    if not _is_place(lon, lat):
        return lon, lat
    x, y = lon - 0.0065, lat - 0.006
    radius = math.hypot(x, y) - 0.00002 * math.sin(y * _X_PI)
    angle = math.atan2(y, x) - 0.000003 * math.cos(x * _X_PI)
    return radius * math.cos(angle), radius * math.sin(angle)


_TO_GCJ: Final[dict[Crs, Callable[[float, float], Point]]] = {
    Crs.WGS84: wgs84_to_gcj02,
    Crs.BD09: bd09_to_gcj02,
}
_FROM_GCJ: Final[dict[Crs, Callable[[float, float], Point]]] = {
    Crs.WGS84: gcj02_to_wgs84,
    Crs.BD09: gcj02_to_bd09,
}


def convert(lon: float, lat: float, source: Crs, target: Crs = Crs.WGS84) -> Point:
    """Convert between any two systems; NaN, infinity and places outside China pass through WGS-84↔GCJ-02."""
    if source is target:
        return lon, lat
    if source is not Crs.GCJ02:
        lon, lat = _TO_GCJ[source](lon, lat)
    return (lon, lat) if target is Crs.GCJ02 else _FROM_GCJ[target](lon, lat)


def _is_place(lon: float, lat: float) -> bool:
    """Tell degrees from NaN, infinity and numbers so large that the sine has no argument."""
    return abs(lon) <= _FULL_TURN and abs(lat) <= _FULL_TURN


def _shift(lon: float, lat: float) -> Point:
    x, y = lon - 105.0, lat - 35.0
    root = math.sqrt(abs(x))
    waves = (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
    east += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    east += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
    north += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    north += (160.0 * math.sin(y / 12.0 * math.pi) + 320.0 * math.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    return lon + _east_degrees(east, lat), lat + _north_degrees(north, lat)


def _curvature(lat: float) -> tuple[float, float]:
    sine = math.sin(math.radians(lat))
    magic = 1 - _ECCENTRICITY * sine * sine
    return magic, math.sqrt(magic)


def _east_degrees(east: float, lat: float) -> float:
    _, root = _curvature(lat)
    return east * 180.0 / (_AXIS_M / root * math.cos(math.radians(lat)) * math.pi)


def _north_degrees(north: float, lat: float) -> float:
    magic, root = _curvature(lat)
    return north * 180.0 / ((_AXIS_M * (1 - _ECCENTRICITY)) / (magic * root) * math.pi)
