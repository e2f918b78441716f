"""The box around a circle on the sphere, to look things up in before they are measured."""

import math

from services.shared.geo import EARTH_RADIUS_M

Edges = tuple[float, float, float, float]
"""West, south, east, north in degrees."""
_SLACK_DEG = 1e-9
"""More than rounding can move an edge."""


def box_around(lon: float, lat: float, radius_m: float) -> Edges:
    """Give a box that holds every place within ``radius_m`` of a point.

    It has all longitudes where a pole or the antimeridian lies within.
    The meridians that touch a circle of angular radius r at latitude p stand asin(sin r / cos p) away.
    """
    angle = radius_m / EARTH_RADIUS_M
    height = math.degrees(angle) + _SLACK_DEG
    south, north = max(lat - height, -90.0), min(lat + height, 90.0)
    if south == -90.0 or north == 90.0:  # noqa: PLR2004  a pole lies within
        return -180.0, south, 180.0, north
    width = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(lat))))) + _SLACK_DEG
    if lon - width < -180 or lon + width > 180:  # noqa: PLR2004  it crosses the antimeridian
        return -180.0, south, 180.0, north
    return lon - width, south, lon + width, north
