"""Visits straight from the definition, for convex areas, reading nothing but the file's rows.

Independent of the platform: half-planes instead of a geometry library, presences merged afterwards
instead of a state machine. Written from `services/telemetry/domain/visits.py`'s stated definition.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
MAX_GAP_MS = 600_000
OUTSIDE_FIXES = 2
OUTSIDE_MS = 120_000


@dataclass(frozen=True)
class Fix:
    """One row of the file: ms since the epoch, degrees."""

    time_ms: int
    lon: float
    lat: float


@dataclass(frozen=True)
class Presence:
    """In the area from `begin` to `end` ms; `first`, `last`: indexes of the outside fixes around it."""

    begin: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class ConvexArea:
    """Corners counter-clockwise, degrees."""

    corners: tuple[Point, ...]

    def sides(self) -> Iterable[tuple[Point, Point]]:
        """Each edge as two corners."""
        return zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)

    def covers(self, fix: Fix) -> bool:
        """Inside or on the boundary."""
        return all(_side(a, b, (fix.lon, fix.lat)) >= 0 for a, b in self.sides())

    def clip(self, start: Fix, end: Fix) -> tuple[float, float] | None:
        """Shares of the line from start to end that lie inside, or None (Cyrus and Beck)."""
        low, high = 0.0, 1.0
        for a, b in self.sides():
            at_start = _side(a, b, (start.lon, start.lat))
            at_end = _side(a, b, (end.lon, end.lat))
            if at_start < 0 and at_end < 0:
                return None
            if at_start < 0:
                low = max(low, at_start / (at_start - at_end))
            elif at_end < 0:
                high = min(high, at_start / (at_start - at_end))
        return (low, high) if low < high else None

    def ring(self) -> list[list[float]]:
        """Closed ring for GeoJSON."""
        return [[lon, lat] for lon, lat in (*self.corners, self.corners[0])]


def _side(a: Point, b: Point, p: Point) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def visits_of(fixes: Sequence[Fix], area: ConvexArea) -> list[tuple[int, int | None]]:
    """Return (entered ms, left ms or None while open) of one vehicle's fixes in time order."""
    found: list[tuple[int, int | None]] = []
    tracks = _tracks(fixes)
    for number, track in enumerate(tracks):
        stays = _merge(_presences(track, area))
        for position, (begin, end, last) in enumerate(stays):
            final = number == len(tracks) - 1 and position == len(stays) - 1
            found.append((begin, None if final and _pending(track, end, last) else end))
    return found


def _tracks(fixes: Sequence[Fix]) -> list[list[Fix]]:
    tracks: list[list[Fix]] = []
    for fix in fixes:
        if not tracks or fix.time_ms - tracks[-1][-1].time_ms > MAX_GAP_MS:
            tracks.append([])
        tracks[-1].append(fix)
    return tracks


def _presences(track: Sequence[Fix], area: ConvexArea) -> list[Presence]:
    inside = [area.covers(fix) for fix in track]
    found: list[Presence] = []
    index = 0
    while index < len(track):
        if inside[index]:
            run = index
            while run + 1 < len(track) and inside[run + 1]:
                run += 1
            begin = _crossing(area, track[index - 1], track[index], 0) if index else track[0].time_ms
            after = run + 1
            end = _crossing(area, track[run], track[after], 1) if after < len(track) else track[run].time_ms
            found.append(Presence(begin, end, index - 1, after))
            index = after
        else:
            if index + 1 < len(track) and not inside[index + 1]:
                span = area.clip(track[index], track[index + 1])
                if span is not None:
                    begin, end = (_instant(track[index], track[index + 1], share) for share in span)
                    if begin < end:
                        found.append(Presence(begin, end, index, index + 1))
            index += 1
    return found


def _crossing(area: ConvexArea, start: Fix, end: Fix, which: int) -> int:
    span = area.clip(start, end)
    if span is None:  # the line only touches: the inside fix stands for itself
        return (end if which == 0 else start).time_ms
    return _instant(start, end, span[which])


def _instant(start: Fix, end: Fix, share: float) -> int:
    return start.time_ms + round(share * (end.time_ms - start.time_ms))


def _merge(presences: Sequence[Presence]) -> list[tuple[int, int, int]]:
    stays: list[tuple[int, int, int]] = []
    for presence in presences:
        if stays:
            begin, end, last = stays[-1]
            outside = presence.first - last + 1
            if outside < OUTSIDE_FIXES and presence.begin - end < OUTSIDE_MS:
                stays[-1] = (begin, presence.end, presence.last)
                continue
        stays.append((presence.begin, presence.end, presence.last))
    return stays


def _pending(track: Sequence[Fix], end: int, last: int) -> bool:
    outside = len(track) - last
    return outside < OUTSIDE_FIXES and track[-1].time_ms - end < OUTSIDE_MS
