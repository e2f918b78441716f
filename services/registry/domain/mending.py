"""What is put right in a shape without asking, because it changes no place: told with the answer.

Repeated positions go, a ring open by the last digit of a rounding is closed, rings turn as RFC 7946 has them
(the outer one counter-clockwise, holes clockwise), heights are dropped. Everything else is a fault.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from services.registry.domain.geometry import POLYGONS, GivenShape, Line, Position, lines_of
from services.shared.standards.coordinates import Crs, convert

_PLANE: Final = 2
_TEXTS: Final = {
    "heights_dropped": ("高程已去除", "heights dropped"),
    "repeated_positions": ("重复点已去除", "repeated positions dropped"),
    "ring_closed": ("环已闭合", "ring closed"),
    "ring_reversed": ("环方向已调整", "ring turned round"),
}


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing put right: the member, and how many positions it concerned."""

    member: str
    code: str
    count: int

    @property
    def message(self) -> str:
        """Both languages."""
        zh, en = _TEXTS[self.code]
        return f"{zh}（{self.count}） / {en} ({self.count})"


def mend(given: GivenShape) -> tuple[Any, list[Mend]]:
    """Return the coordinates of a shape without fault put right, and what was."""
    if given.kind == "Point":
        return [*given.coordinates[:_PLANE]], list(_heights("geometry.coordinates", [given.coordinates]))
    mends: list[Mend] = []
    lines = []
    for path, line in lines_of(given.kind, given.coordinates):
        mends += _heights(path, line)
        plain = [[*position[:_PLANE]] for position in line]
        ring = given.kind in POLYGONS
        plain = _mended(path, plain, mends, outer=path.endswith(".0")) if ring else _once(path, plain, mends)
        lines.append(plain)
    return _nested(given, lines), mends


def _heights(path: str, line: Line) -> Iterator[Mend]:
    count = sum(len(position) > _PLANE for position in line)
    if count:
        yield Mend(path, "heights_dropped", count)


def _once(path: str, line: list[list[float]], mends: list[Mend]) -> list[list[float]]:
    kept = [line[0], *(after for before, after in pairwise(line) if after != before)]
    if len(kept) < len(line):
        mends.append(Mend(path, "repeated_positions", len(line) - len(kept)))
    return kept


def _mended(path: str, ring: list[list[float]], mends: list[Mend], *, outer: bool) -> list[list[float]]:
    if ring[0] != ring[-1]:
        ring = [*ring[:-1], [*ring[0]]]
        mends.append(Mend(path, "ring_closed", 1))
    ring = _once(path, ring, mends)
    if (_signed_area(ring) < 0) is outer:
        ring = ring[::-1]
        mends.append(Mend(path, "ring_reversed", len(ring)))
    return ring


def _signed_area(ring: Line) -> float:
    """Return the plane area in square degrees, negative of a clockwise ring."""
    lon, lat = ring[0][0], ring[0][1]
    return sum(
        (here[0] - lon) * (there[1] - lat) - (there[0] - lon) * (here[1] - lat)
        for here, there in pairwise(ring)
    )


def _nested(given: GivenShape, lines: list[list[list[float]]]) -> Any:
    if given.kind == "LineString":
        return lines[0]
    if given.kind != "MultiPolygon":
        return lines
    rings = iter(lines)
    return [[next(rings) for _ in polygon] for polygon in given.coordinates]


def to_wgs84(coordinates: Any, crs: Crs) -> Any:
    """Return coordinates of any depth in WGS-84."""
    if isinstance(coordinates[0], list):
        return [to_wgs84(part, crs) for part in coordinates]
    return _converted(coordinates, crs)


def _converted(position: Position, crs: Crs) -> list[float]:
    return [*convert(position[0], position[1], crs)]
