"""Areas as they were in force, and where a straight track between two fixes crosses them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import shapely

from services.telemetry.domain.cells import ANYWHERE, box_of
from services.telemetry.domain.tracks import Booleans, Integers, Legs, TrackFix

NEVER_MS: Final = 2**62
"""An instant after every other: the end of what has no end."""
KNOWN_CELLS_MAX: Final = 200_000


class AreaVersion(NamedTuple):
    """A shape (Polygon or MultiPolygon, WGS-84) in force over a half-open interval of ms since the epoch."""

    area_id: UUID
    valid_from_ms: int
    valid_to_ms: int | None
    geometry: shapely.Geometry


class Area:
    """All versions of one area; versions do not overlap in time."""

    def __init__(self, area_id: UUID, versions: Iterable[AreaVersion]) -> None:
        self.area_id = area_id
        self.versions = sorted(versions, key=lambda version: version.valid_from_ms)
        self._starts = [version.valid_from_ms for version in self.versions]
        self._boxes = [tuple(shapely.bounds(version.geometry).tolist()) for version in self.versions]
        for version in self.versions:
            shapely.prepare(version.geometry)

    def version_at(self, time_ms: int) -> AreaVersion | None:
        """Version in force at an instant."""
        index = bisect_right(self._starts, time_ms) - 1
        if index < 0 or time_ms >= _end_ms(self.versions[index]):
            return None
        return self.versions[index]

    def holds(self, start_ms: int, end_ms: int) -> bool:
        """Whether one version is in force from an instant to another."""
        version = self.version_at(start_ms)
        return version is not None and end_ms < _end_ms(version)

    def inside(self, legs: Legs, start: int, end: int, *, is_whole: bool) -> Booleans:
        """Tell for each fix from `start` to before `end` whether the version in force covers it.

        `is_whole`: all cells of those fixes lie in all versions, so that only the time decides. For a point,
        intersecting an area is the same as being covered by it, boundary included (ST_Covers).
        """
        track, found = legs.track, np.zeros(end - start, dtype=np.bool_)
        times = track.times[start:end]
        for version in self.versions:
            held = _in_force(version, times)
            if is_whole:
                found |= held
            elif held.any():
                lons, lats = track.lons[start:end][held], track.lats[start:end][held]
                found[held] = shapely.intersects_xy(version.geometry, lons, lats)
        return found

    def crossed(self, legs: Legs, start: int, end: int, inside: Booleans) -> Booleans:
        """Tell for each outside fix of those whether the line into it touches one single version."""
        found = np.zeros(end - start, dtype=np.bool_)
        may = ~inside & legs.moved(start, end)
        if not may.any():
            return found
        times = legs.track.times[start:end]
        before = times - legs.lasted[start:end]
        for version, box in zip(self.versions, self._boxes, strict=True):
            held = _in_force(version, times) & _in_force(version, before) & may
            if held.any():
                held[held] = legs.touching(box, np.flatnonzero(held) + start)
                found[held] = shapely.intersects(version.geometry, legs.lines(np.flatnonzero(held) + start))
        return found


class AreaIndex:
    """Areas by the cells they touch, so that a track asks only those it comes near."""

    def __init__(self, versions: Iterable[AreaVersion]) -> None:
        by_area: dict[UUID, list[AreaVersion]] = defaultdict(list)
        for version in versions:
            by_area[version.area_id].append(version)
        self.areas = {area_id: Area(area_id, by_area[area_id]) for area_id in sorted(by_area)}
        self._versions = [version for area in self.areas.values() for version in area.versions]
        self._tree = shapely.STRtree([version.geometry for version in self._versions])
        self._known: dict[int, dict[UUID, bool]] = {}

    def near(self, legs: Legs, start: int, end: int) -> dict[UUID, bool]:
        """Give the areas that fixes or lines come near; whether all cells lie wholly in all versions."""
        if not self.areas:
            return {}
        cells = legs.cells(start, end)
        if ANYWHERE in cells:
            within = self._tree.query(shapely.box(*legs.box(start, end)))
            return {self._versions[index].area_id: False for index in within}
        found: dict[UUID, list[bool]] = {}
        for cell in cells:
            for area_id, is_whole in self._touching(cell).items():
                found.setdefault(area_id, []).append(is_whole)
        return {area_id: len(each) == len(cells) and all(each) for area_id, each in found.items()}

    def _touching(self, cell: int) -> dict[UUID, bool]:
        """Give the areas that touch a cell, and whether the cell lies wholly in each version."""
        found = self._known.get(cell)
        if found is None:
            if len(self._known) >= KNOWN_CELLS_MAX:
                self._known.clear()
            found = self._known[cell] = self._look_up(cell)
        return found

    def _look_up(self, cell: int) -> dict[UUID, bool]:
        box = box_of(cell)
        covering: dict[UUID, int] = defaultdict(int)
        for index in self._tree.query(box, predicate="intersects").tolist():
            version = self._versions[index]
            covering[version.area_id] += bool(shapely.covers(version.geometry, box))
        return {
            area_id: count == len(self.areas[area_id].versions) for area_id, count in sorted(covering.items())
        }


def entry_ms(area: Area, outside: TrackFix, inside: TrackFix) -> int:
    """When a line from outside came in: its first crossing, or the inside fix's time where there is none."""
    version = area.version_at(inside.time_ms)
    if version is None or covers(version, outside):
        return inside.time_ms
    span = covered_span(version, outside, inside)
    if span is None or span[0] < version.valid_from_ms:
        return inside.time_ms
    return span[0]


def exit_ms(area: Area, inside: TrackFix, outside: TrackFix) -> int:
    """When a line to outside went out: its last crossing, or the inside fix's time where there is none."""
    version = area.version_at(inside.time_ms)
    if version is None or covers(version, outside):
        return inside.time_ms
    span = covered_span(version, inside, outside)
    if span is None or span[1] > _end_ms(version):
        return inside.time_ms
    return span[1]


def passage_ms(area: Area, start: TrackFix, end: TrackFix) -> tuple[int, int] | None:
    """When a line between two outside fixes came in and went out; None where it does not, or only touches."""
    version = area.version_at(end.time_ms)
    if version is None or version is not area.version_at(start.time_ms):
        return None
    span = covered_span(version, start, end, only_through=True)
    return span if span is not None and span[0] < span[1] else None


def covers(version: AreaVersion, fix: TrackFix) -> bool:
    """Tell whether the version's shape covers the fix, whatever its time."""
    return bool(shapely.intersects_xy(version.geometry, fix.lon, fix.lat))


def covered_span(
    version: AreaVersion, start: TrackFix, end: TrackFix, *, only_through: bool = False
) -> tuple[int, int] | None:
    """First and last instant, rounded to ms, at which the straight line lies in the shape; None for none.

    With `only_through` a line that meets the shape only in points has none.
    """
    east, north = end.lon - start.lon, end.lat - start.lat
    if east == 0 and north == 0:
        return None
    line = shapely.linestrings([(start.lon, start.lat), (end.lon, end.lat)])
    if not shapely.intersects(version.geometry, line):
        return None
    common = shapely.intersection(version.geometry, line)
    if only_through and shapely.length(common) == 0:
        return None
    points = shapely.get_coordinates(common)
    if not len(points):
        return None
    # The longer axis keeps the division well conditioned.
    along = (
        (points[:, 0] - start.lon) / east if abs(east) >= abs(north) else (points[:, 1] - start.lat) / north
    )
    lasted = end.time_ms - start.time_ms
    first, last = (min(max(float(share), 0.0), 1.0) for share in (along.min(), along.max()))
    return start.time_ms + round(first * lasted), start.time_ms + round(last * lasted)


def _end_ms(version: AreaVersion) -> int:
    return NEVER_MS if version.valid_to_ms is None else version.valid_to_ms


def _in_force(version: AreaVersion, times: Integers) -> Booleans:
    """Tell for each of some times in order whether the version is in force."""
    if times[0] >= version.valid_from_ms and times[-1] < _end_ms(version):
        return np.ones(len(times), dtype=np.bool_)
    held: Booleans = (times >= version.valid_from_ms) & (times < _end_ms(version))
    return held
