"""Trips and kilometres straight from the definition, reading nothing but the file's rows.

Independent of the platform: the whole track at once instead of a state machine, plain floats instead of
whole millimetres, the city's zone from the tz database. Written from the definitions stated in
`services/telemetry/domain/{jumps,trips}.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.journeys.visit_oracle import MAX_GAP_MS, Fix

RADIUS_M, STOP_MS, END_MS, MIN_M, JUMP_KMH = 100.0, 180_000, 900_000, 500.0, 200.0
SPHERE_M = 6_371_008.8
CITY = ZoneInfo("Asia/Shanghai")


@dataclass
class Trip:
    """From instant to instant (ms), None while open; metres by city day."""

    start: int
    end: int | None
    stops: int
    idle_ms: int
    metres: dict[date, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """All its metres."""
        return sum(self.metres.values())


@dataclass
class Stay:
    """Fixes at one place, by their indexes on the path."""

    first: int
    last: int
    lasted_ms: int


def metres(a: Fix, b: Fix) -> float:
    """Great circle by the spherical law of cosines in its chord form."""
    ends = []
    for fix in (a, b):
        lon, lat = math.radians(fix.lon), math.radians(fix.lat)
        ends.append((math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)))
    return 2 * SPHERE_M * math.asin(min(1.0, math.dist(*ends) / 2))


def city_date(time_ms: int) -> date:
    """The day in the city."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CITY).date()


def trips_of(fixes: Sequence[Fix]) -> list[Trip]:
    """Return the trips of one vehicle's fixes in time order."""
    tracks: list[list[Fix]] = []
    for fix in fixes:
        if not tracks or fix.time_ms - tracks[-1][-1].time_ms > MAX_GAP_MS:
            tracks.append([])
        tracks[-1].append(fix)
    found = [trip for track in tracks for trip in _trips(*_path(track), is_last=track is tracks[-1])]
    return [trip for trip in found if trip.total >= MIN_M]


def kilometres_by_day(fixes: Sequence[Fix]) -> dict[date, float]:
    """Return the kilometres of trips on each day that has fixes."""
    found = {city_date(fix.time_ms): 0.0 for fix in fixes}
    for trip in trips_of(fixes):
        for day, driven in trip.metres.items():
            found[day] += driven / 1000
    return found


def _fast(a: Fix, b: Fix) -> bool:
    return metres(a, b) / ((b.time_ms - a.time_ms) / 1000) * 3.6 > JUMP_KMH


def _path(track: Sequence[Fix]) -> tuple[list[Fix], set[int], list[int]]:
    """Fixes taken; indexes of those whose line counts for nothing; and when a fix was taken at last."""
    path, nothing, taken = [track[0]], set[int](), [track[0].time_ms]
    jump: Fix | None = None
    for fix in track[1:]:
        if not _fast(path[-1], fix):
            path.append(fix)
        elif jump is not None and not _fast(jump, fix):
            nothing.add(len(path))
            path += [jump, fix]
            taken.append(fix.time_ms)
        else:
            jump = fix
            continue
        taken.append(fix.time_ms)
        jump = None
    return path, nothing, taken


def _trips(path: list[Fix], nothing: set[int], taken: list[int], *, is_last: bool) -> list[Trip]:
    stays = [Stay(0, 0, 0)]
    for index, fix in enumerate(path):
        stay = stays[-1]
        if metres(path[stay.first], fix) > RADIUS_M:
            stays.append(Stay(index, index, 0))
        else:
            stay.last, stay.lasted_ms = index, fix.time_ms - path[stay.first].time_ms
    found: list[Trip] = []
    begun: int | None = None
    for number, stay in enumerate(stays):
        ends_here = stay.lasted_ms >= END_MS
        if begun is not None and ends_here:
            found.append(_trip(path, nothing, taken, stays, (begun, number)))
        if ends_here:
            begun = None
        if begun is None:
            begun = number
    if begun is not None and begun < len(stays) - 1:
        found.append(_trip(path, nothing, taken, stays, (begun, len(stays) - 1)))
        if is_last:
            found[-1].end = None
    return found


def _trip(
    path: list[Fix], nothing: set[int], taken: list[int], stays: list[Stay], between: tuple[int, int]
) -> Trip:
    """The trip from one stay to another, each halted at or not."""
    out, into = stays[between[0]], stays[between[1]]
    start = out.last if out.lasted_ms >= STOP_MS else out.first
    end = into.first if into.lasted_ms >= STOP_MS else into.last
    stops = [stay for stay in stays[between[0] + 1 : between[1]] if stay.lasted_ms >= STOP_MS]
    trip = Trip(path[start].time_ms, path[end].time_ms, len(stops), sum(stop.lasted_ms for stop in stops))
    halted = {index for stop in stops for index in range(stop.first + 1, stop.last + 1)}
    for index, (a, b) in enumerate(pairwise(path)):
        if start <= index < end and index + 1 not in halted:
            day = city_date(taken[index + 1])
            counted = 0.0 if index + 1 in nothing else metres(a, b)
            trip.metres[day] = trip.metres.get(day, 0.0) + counted
    return trip
