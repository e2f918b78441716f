"""GeoJSON polygons as they come in: shape and range checks, and conversion to WGS-84 (RFC 7946)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.shared.standards.coordinates import Crs, convert

MAX_POSITIONS: Final = 20_000
_MIN_RING: Final = 4
_DIMENSIONS: Final = (2, 3)

Position = Sequence[float]
Ring = Sequence[Position]
Polygon = Sequence[Ring]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a geometry and where: the member's path, and both languages."""

    path: str
    code: str
    message: str


def polygons_of(kind: str, coordinates: Any) -> list[Polygon]:
    """Return the polygons of a GeoJSON Polygon or MultiPolygon."""
    return [coordinates] if kind == "Polygon" else list(coordinates)


def find_fault(polygons: Sequence[Polygon]) -> Fault | None:
    """Return the first fault of form: empty, too many positions, out of range, ring open or too short."""
    if not polygons or any(not polygon for polygon in polygons):
        return Fault("coordinates", "geometry_empty", "几何为空 / the geometry is empty")
    if sum(len(ring) for polygon in polygons for ring in polygon) > MAX_POSITIONS:
        return Fault("coordinates", "geometry_too_large", f"顶点超过{MAX_POSITIONS} / too many positions")
    for path, ring in _rings(polygons):
        fault = _ring_fault(path, ring)
        if fault is not None:
            return fault
    return None


def _rings(polygons: Sequence[Polygon]) -> Iterator[tuple[str, Ring]]:
    for number, polygon in enumerate(polygons):
        for part, ring in enumerate(polygon):
            yield f"coordinates.{number}.{part}", ring


def _ring_fault(path: str, ring: Ring) -> Fault | None:
    if len(ring) < _MIN_RING:
        return Fault(path, "ring_too_short", "环至少4个点 / a ring has at least four positions")
    for index, position in enumerate(ring):
        if len(position) not in _DIMENSIONS or not (
            -180 <= position[0] <= 180 and -90 <= position[1] <= 90  # noqa: PLR2004 - degrees
        ):
            return Fault(f"{path}.{index}", "position_invalid", "坐标越界 / position out of range")
    if list(ring[0][:2]) != list(ring[-1][:2]):
        return Fault(f"{path}.{len(ring) - 1}", "ring_open", "环未闭合 / the ring is not closed")
    return None


def to_wgs84(polygons: Sequence[Polygon], crs: Crs) -> dict[str, Any]:
    """Return a GeoJSON MultiPolygon in WGS-84; heights are dropped."""
    return {
        "type": "MultiPolygon",
        "coordinates": [
            [[list(convert(position[0], position[1], crs)) for position in ring] for ring in polygon]
            for polygon in polygons
        ],
    }
