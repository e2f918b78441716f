"""Areas as they were in force, and where a straight track between two fixes crosses them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt
import shapely

Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NEVER_MS: Final = 2**62
"""An instant after every other: the end of what has no end."""


class TrackFix(NamedTuple):
    """A good fix of one vehicle: its own time in ms since the epoch, WGS-84, content hash."""

    time_ms: int
    lon: float
    lat: float
    content_hash: int


class AreaVersion(NamedTuple):
    """A shape (Polygon or MultiPolygon, WGS-84) in force over a half-open interval of ms since the epoch."""

    area_id: UUID
    valid_from_ms: int
    valid_to_ms: int | None
    geometry: shapely.Geometry


class Track:
    """Fixes in time order as columns."""

    def __init__(self, fixes: list[TrackFix]) -> None:
        self.fixes = fixes
        self.times: Integers = np.array([fix.time_ms for fix in fixes], dtype=np.int64)
        self.lons: Floats = np.array([fix.lon for fix in fixes], dtype=np.float64)
        self.lats: Floats = np.array([fix.lat for fix in fixes], dtype=np.float64)


class Area:
    """All versions of one area; versions do not overlap in time."""

    def __init__(self, area_id: UUID, versions: Iterable[AreaVersion]) -> None:
        self.area_id = area_id
        self.versions = sorted(versions, key=lambda version: version.valid_from_ms)
        self._starts = [version.valid_from_ms for version in self.versions]
        for version in self.versions:
            shapely.prepare(version.geometry)

    def version_at(self, time_ms: int) -> AreaVersion | None:
        """Version in force at an instant."""
        index = bisect_right(self._starts, time_ms) - 1
        if index < 0 or time_ms >= _end_ms(self.versions[index]):
            return None
        return self.versions[index]

    def inside(self, track: Track) -> Booleans:
        """Tell for each fix whether the version in force at its time covers it.

        For a point, intersecting an area is the same as being covered by it, boundary included (ST_Covers).
        """
        found = np.zeros(len(track.fixes), dtype=np.bool_)
        for version in self.versions:
            held = _in_force(version, track.times)
            if held.any():
                found[held] = shapely.intersects_xy(version.geometry, track.lons[held], track.lats[held])
        return found

    def maybe_crossed(self, track: Track) -> Booleans:
        """Tell for each fix whether the straight line from the one before may touch one single version.

        Only boxes are compared; the first fix has no line.
        """
        found = np.zeros(len(track.fixes), dtype=np.bool_)
        west, east = _ends(track.lons)
        south, north = _ends(track.lats)
        for version in self.versions:
            held = _in_force(version, track.times)
            box = shapely.bounds(version.geometry)
            touching = (west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1])
            found[1:] |= held[1:] & held[:-1] & touching
        return found


class AreaIndex:
    """Areas with their boxes, so that a track asks only those it comes near."""

    def __init__(self, versions: Iterable[AreaVersion]) -> None:
        by_area: dict[UUID, list[AreaVersion]] = defaultdict(list)
        for version in versions:
            by_area[version.area_id].append(version)
        self.areas = {area_id: Area(area_id, by_area[area_id]) for area_id in sorted(by_area)}
        boxes = [shapely.total_bounds([v.geometry for v in area.versions]) for area in self.areas.values()]
        self._boxes: Floats = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        self._ids = list(self.areas)

    def near(self, track: Track) -> Iterator[UUID]:
        """Ids of the areas whose box touches the box of the track."""
        west, south, east, north = self._boxes.T
        touching = (
            (west <= track.lons.max())
            & (east >= track.lons.min())
            & (south <= track.lats.max())
            & (north >= track.lats.min())
        )
        return (self._ids[index] for index in np.flatnonzero(touching))


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
    held: Booleans = (times >= version.valid_from_ms) & (times < _end_ms(version))
    return held


def _ends(values: Floats) -> tuple[Floats, Floats]:
    return np.minimum(values[1:], values[:-1]), np.maximum(values[1:], values[:-1])
