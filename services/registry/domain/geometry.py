"""Faults of shapes as they come in: RFC 7946, a circle with its radius, a road section with its half-width.

A fault names the member and, in degrees of the system the shape is given in, the place. What only a geometry
library can find (crossing rings, holes outside their shell) is PostGIS's, and is put in the same words here.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.shared.standards.coordinates import Crs, in_china

MAX_POSITIONS: Final = 20_000
CLOSING_DEG: Final = 1e-7
"""A ring whose ends are no further apart (about a centimetre: the last digit of a rounding) is closed."""
_MIN_RING: Final = 4
_MIN_LINE: Final = 2
_DIMENSIONS: Final = (2, 3)
_HALF_TURN: Final = 180
_MAX_SPAN_DEG: Final = 1
_MAX_LAT_DEG: Final = 70
_SAME_DEG: Final = 1e-12
_DEGREE_M: Final = 110_574
"""Metres of the shortest degree of latitude (WGS-84, at the equator): degrees reckoned by it are too many."""

Position = Sequence[float]
Line = Sequence[Position]
LINES: Final = ("LineString", "MultiLineString")
POLYGONS: Final = ("Polygon", "MultiPolygon")


@dataclass(frozen=True, slots=True)
class GivenShape:
    """A shape as given: a GeoJSON geometry of type `kind`, and what makes an area of a point or a line."""

    kind: str
    coordinates: Any
    crs: Crs = Crs.WGS84
    radius_m: float | None = None
    buffer_m: float | None = None
    ends: str | None = None

    @property
    def distance_m(self) -> float | None:
        """How far the area reaches from the point or line; None of a polygon."""
        return self.radius_m if self.kind == "Point" else self.buffer_m


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a shape: the member at fault, the words, and the place (degrees, as given)."""

    member: str
    code: str
    zh: str
    en: str
    place: tuple[float, float] | None = None

    @property
    def message(self) -> str:
        """Both languages, each with the place."""
        where = f" ({self.place[0]:.6f}, {self.place[1]:.6f})" if self.place else ""
        return f"{self.zh}{where} / {self.en}{where}"


def lines_of(kind: str, coordinates: Any) -> Iterator[tuple[str, Line]]:
    """Yield each line or ring of a geometry that is no point, with its member path."""
    if kind == "LineString":
        yield "geometry.coordinates", coordinates
    elif kind == "MultiPolygon":
        for number, polygon in enumerate(coordinates):
            for part, ring in enumerate(polygon):
                yield f"geometry.coordinates.{number}.{part}", ring
    else:
        for part, line in enumerate(coordinates):
            yield f"geometry.coordinates.{part}", line


def find_fault(given: GivenShape) -> Fault | None:
    """Return the first fault that can be told without a geometry library."""
    return _sizing_fault(given) or _content_fault(given) or next(_faults(given), None)


def _sizing_fault(given: GivenShape) -> Fault | None:
    is_point, is_line = given.kind == "Point", given.kind in LINES
    if is_point is (given.radius_m is None):
        return Fault(
            "radius_m", "radius_with_point", "圆须且仅须给出半径", "goes with a Point and only with it"
        )
    if is_line is (given.buffer_m is None):
        return Fault(
            "buffer_m", "buffer_with_line", "路段须且仅须给出半宽", "goes with a line and only with it"
        )
    if given.ends is not None and not is_line:
        return Fault("ends", "ends_with_line", "仅用于路段", "goes with a line only")
    return None


def _content_fault(given: GivenShape) -> Fault | None:
    if given.kind == "Point":
        return None
    groups = given.coordinates if given.kind == "MultiPolygon" else [given.coordinates]
    if not given.coordinates or not all(groups):
        return Fault("geometry.coordinates", "geometry_empty", "几何为空", "the geometry is empty")
    if sum(len(line) for _, line in lines_of(given.kind, given.coordinates)) > MAX_POSITIONS:
        text = f"顶点超过{MAX_POSITIONS}", f"more than {MAX_POSITIONS} positions"
        return Fault("geometry.coordinates", "geometry_too_large", *text)
    return None


def _faults(given: GivenShape) -> Iterator[Fault]:
    if given.kind == "Point":
        yield from _position_faults("geometry.coordinates", given.coordinates, given)
        return
    origin: Position = ()
    for path, line in lines_of(given.kind, given.coordinates):
        for index, position in enumerate(line):
            yield from _position_faults(f"{path}.{index}", position, given)
        yield from _jump_faults(path, line)
        origin = origin or next(iter(line), ())
        yield from _ring_faults(path, line) if given.kind in POLYGONS else _line_faults(path, line, origin)


def _position_faults(path: str, position: Position, given: GivenShape) -> Iterator[Fault]:
    if len(position) not in _DIMENSIONS or not all(map(math.isfinite, position)):
        yield Fault(path, "position_invalid", "不是坐标", "not [longitude, latitude]")
        return
    lon, lat = position[0], position[1]
    if not (abs(lon) <= _HALF_TURN and abs(lat) <= _HALF_TURN / 2):
        yield Fault(path, "position_out_of_range", "坐标越界", "position out of range", (lon, lat))
    elif given.crs is not Crs.WGS84 and not in_china(lon, lat):
        text = "不在中国范围内，坐标系应为WGS-84", "outside China, where only WGS-84 is in use"
        yield Fault(path, "position_outside_china", *text, (lon, lat))
    elif given.distance_m is not None:
        yield from _reach_faults(path, lon, lat, given.distance_m)


def _reach_faults(path: str, lon: float, lat: float, distance_m: float) -> Iterator[Fault]:
    """Tell where a buffer would not keep its bound (the polar regions) or cross the antimeridian."""
    reach = distance_m / _DEGREE_M
    if abs(lat) + reach > _MAX_LAT_DEG:
        yield Fault(path, "too_near_a_pole", "纬度过高", "too near a pole for a buffer", (lon, lat))
    elif abs(lon) + reach / math.cos(math.radians(abs(lat) + reach)) > _HALF_TURN:
        yield _antimeridian(path, lon, lat)


def _antimeridian(path: str, lon: float, lat: float) -> Fault:
    return Fault(path, "antimeridian", "跨越180°经线", "crosses the antimeridian", (lon, lat))


def _jump_faults(path: str, line: Line) -> Iterator[Fault]:
    for index in range(1, len(line)):
        if abs(line[index][0] - line[index - 1][0]) > _HALF_TURN:
            yield _antimeridian(f"{path}.{index}", line[index][0], line[index][1])


def _ring_faults(path: str, ring: Line) -> Iterator[Fault]:
    if len(ring) < _MIN_RING or distinct(ring[:-1]) < _MIN_RING - 1:
        yield Fault(path, "ring_too_short", "环至少4个点", "a ring has at least four positions", _first(ring))
    elif not is_closed(ring):
        last = ring[-1][0], ring[-1][1]
        yield Fault(f"{path}.{len(ring) - 1}", "ring_open", "环未闭合", "the ring is not closed", last)


def _line_faults(path: str, line: Line, origin: Position) -> Iterator[Fault]:
    if len(line) < _MIN_LINE or distinct(line) < _MIN_LINE:
        text = "线至少2个不同的点", "a line has at least two different positions"
        yield Fault(path, "line_too_short", *text, _first(line))
        return
    for index, position in enumerate(line):
        if max(abs(position[axis] - origin[axis]) for axis in (0, 1)) > _MAX_SPAN_DEG:
            text = f"距起点超过{_MAX_SPAN_DEG}°", f"more than {_MAX_SPAN_DEG} degree from the first position"
            yield Fault(f"{path}.{index}", "line_too_long", *text, (position[0], position[1]))


def _first(line: Line) -> tuple[float, float] | None:
    return (line[0][0], line[0][1]) if line else None


def distinct(line: Line) -> int:
    """Return how many different positions a line has, heights apart."""
    return len({(position[0], position[1]) for position in line})


def is_closed(ring: Line) -> bool:
    """Tell whether a ring's ends meet, within the last digit of a rounding."""
    return all(abs(ring[0][axis] - ring[-1][axis]) <= CLOSING_DEG for axis in (0, 1))


_LIBRARY: Final = {
    "Self-intersection": ("self_intersection", "自相交"),
    "Ring Self-intersection": ("ring_self_intersection", "环自相交"),
    "Hole lies outside shell": ("hole_outside_shell", "内环在外环之外"),
    "Holes are nested": ("holes_nested", "内环互相嵌套"),
    "Nested shells": ("shells_nested", "外环互相嵌套"),
    "Interior is disconnected": ("interior_disconnected", "内部不连通"),
    "Duplicate Rings": ("rings_duplicate", "环重复"),
    "Too few points in geometry component": ("ring_too_short", "环的点数不足"),
}
"""What GEOS says (its `TopologyValidationError`), our code and the Chinese words."""


def library_fault(given: GivenShape, reason: str, place: tuple[float, float] | None) -> Fault:
    """Return a fault PostGIS found, at the given position nearest to its place.

    Args:
        given: The shape, as given.
        reason: Of `ST_IsValidDetail`.
        place: Longitude and latitude in the system of the shape, None where none is told.
    """
    code, zh = _LIBRARY.get(reason, ("geometry_invalid", "不符合简单要素规范"))
    member = "geometry" if place is None or given.kind == "Point" else _nearest(given, place)
    return Fault(member, code, f"几何无效：{zh}", f"invalid geometry: {reason}", place)


def _nearest(given: GivenShape, place: tuple[float, float]) -> str:
    found, least = "geometry", math.inf
    for path, line in lines_of(given.kind, given.coordinates):
        for index in range(len(line) - 1):
            away = _distance(place, line[index], line[index + 1])
            if away < least - _SAME_DEG:  # where two segments meet, the first
                found, least = f"{path}.{index}", away
    return found


def _distance(place: tuple[float, float], start: Position, end: Position) -> float:
    """Return the distance of a place from a segment, in degrees of the plane."""
    along = end[0] - start[0], end[1] - start[1]
    back = place[0] - start[0], place[1] - start[1]
    length = along[0] ** 2 + along[1] ** 2
    share = (back[0] * along[0] + back[1] * along[1]) / length if length else 0.0
    share = min(1.0, max(0.0, share))
    return math.hypot(back[0] - share * along[0], back[1] - share * along[1])
