"""Which areas contain a place, and when that changes: versions of shapes indexed in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from services.shared.rules.schedule import Validity


@dataclass(frozen=True, slots=True)
class Shape:
    """One version of an area; the geometry is WGS-84."""

    area_id: UUID
    validity: Validity
    geometry: BaseGeometry


@dataclass(frozen=True, slots=True)
class Place:
    """What contains a place at any time: the area ids with the intervals in which they do.

    `own` are the intervals of the area asked about itself, None for a point.
    """

    containing: tuple[tuple[UUID, Validity], ...]
    own: tuple[Validity, ...] | None = None

    def areas_at(self, at: datetime) -> frozenset[UUID]:
        """Ids of the areas that contain the place at an instant."""
        return frozenset(area_id for area_id, validity in self.containing if validity.contains(at))

    def exists_at(self, at: datetime) -> bool:
        """Tell whether the area asked about has a shape in force; a point always exists."""
        return self.own is None or any(validity.contains(at) for validity in self.own)

    def turns(self, start: datetime, end: datetime) -> list[datetime]:
        """Instants in (start, end) at which the set of areas may change, in order."""
        ends = {i for _, validity in self.containing for i in (validity.start, validity.end)}
        return sorted(instant for instant in ends if instant is not None and start < instant < end)


class AreaIndex:
    """All versions of all areas; boundaries belong to the area (ST_Covers)."""

    def __init__(self, shapes: Iterable[Shape]) -> None:
        self._shapes = list(shapes)
        geometries = [shape.geometry for shape in self._shapes]
        shapely.prepare(geometries)
        self._tree = shapely.STRtree(geometries)
        self._by_area: dict[UUID, list[int]] = {}
        for number, shape in enumerate(self._shapes):
            self._by_area.setdefault(shape.area_id, []).append(number)
        self._within: dict[UUID, Place] = {}

    def point(self, lon: float, lat: float) -> Place:
        """Return the place of a point, degrees WGS-84."""
        found = self._tree.query(shapely.Point(lon, lat), predicate="intersects")
        return Place(tuple((self._shapes[n].area_id, self._shapes[n].validity) for n in found))

    def area(self, area_id: UUID) -> Place | None:
        """Return the place of a whole area: itself and whatever contains all of it; None when unknown.

        An area that contains only a part of it is not part of its place.
        """
        if area_id not in self._by_area:
            return None
        if area_id not in self._within:
            self._within[area_id] = self._contained(area_id)
        return self._within[area_id]

    def _contained(self, area_id: UUID) -> Place:
        own = [self._shapes[number] for number in self._by_area[area_id]]
        containing = []
        for shape in own:
            for number in self._tree.query(shape.geometry, predicate="covered_by"):
                other = self._shapes[number]
                both = _overlap(shape.validity, other.validity)
                if both is not None:
                    containing.append((other.area_id, both))
        return Place(tuple(containing), tuple(shape.validity for shape in own))


def _overlap(one: Validity, other: Validity) -> Validity | None:
    start = max(one.start, other.start)
    ends = [validity.end for validity in (one, other) if validity.end is not None]
    end = min(ends, default=None)
    return Validity(start, end) if end is None or start < end else None
