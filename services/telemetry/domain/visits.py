"""Visits: vehicle x area x entered and left, a pure function of the set of good fixes (`design.md`, Visits).

The definition. The track is broken where two fixes are more than `max_gap_ms` apart. A fix is inside when
the area version in force at its time covers it. A presence begins where the straight line from an outside
fix first meets the shape and ends where the line to an outside fix last leaves it, rounded to ms; at the
inside fix's own time where there is no such line or crossing. A line between two outside fixes that runs
through the shape is a presence too. Two presences of an unbroken track are one visit unless the vehicle left
between them: at least `outside_fixes` outside fixes, or `outside_ms` from the end of one to the beginning of
the next. The last visit of a broken track ends with its last presence. On the last track a visit that was
not left is open.
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec
import numpy as np

from services.telemetry.domain.crossings import Area, AreaIndex, entry_ms, exit_ms, passage_ms
from services.telemetry.domain.names import name_of
from services.telemetry.domain.tracks import Booleans, Legs, TrackFix


class VisitConfig(msgspec.Struct, frozen=True):
    """What the city sets: the longest gap within a track, and what it takes to have left."""

    max_gap_ms: int = 600_000
    outside_fixes: int = 2
    outside_ms: int = 120_000


class Visit(msgspec.Struct, frozen=True):
    """A vehicle's stay in an area, half-open, ms since the epoch; open while `left_ms` is None."""

    id: UUID
    vehicle_id: UUID
    area_id: UUID
    entered_ms: int
    left_ms: int | None

    @property
    def span(self) -> tuple[object, int, int | None]:
        """What it is of, and from when to when."""
        return self.area_id, self.entered_ms, self.left_ms


class Stay(msgspec.Struct, frozen=True):
    """A visit not yet ended: `left_ms` is where the vehicle went out if it does not come back in time."""

    area_id: UUID
    entered_ms: int
    left_ms: int | None = None
    outside_fixes: int = 0


def visit_id(vehicle_id: UUID, area_id: UUID, entered_ms: int) -> UUID:
    """Give a visit's id: UUIDv5 of vehicle, area and start."""
    return name_of(vehicle_id, f"{area_id}/{entered_ms}")


def walk_areas(
    legs: Legs, part: tuple[int, int], areas: AreaIndex, config: VisitConfig, stays: tuple[Stay, ...]
) -> tuple[list[Stay], tuple[Stay, ...]]:
    """Take the stays of a vehicle over part of its track; give those that ended, and those after it."""
    near = areas.near(legs, *part)
    if not near and not stays:
        return [], ()
    before = {stay.area_id: stay for stay in stays}
    ended: list[Stay] = []
    going_on: list[Stay] = []
    is_broken = bool(legs.broken[part[0] : part[1]].any())
    span = int(legs.track.times[part[0]]), int(legs.track.times[part[1] - 1])
    for area_id in sorted({*near, *before}):
        stay, is_whole = before.get(area_id), near.get(area_id, False)
        area = areas.areas.get(area_id) or Area(area_id, ())
        if is_whole and not is_broken and stay and stay.left_ms is None and area.holds(*span):
            going_on.append(stay)
            continue
        walk = _Walk(area, config, stay, legs)
        walk.over(*part, is_near=area_id in near, is_whole=is_whole)
        ended += walk.ended
        if walk.stay is not None:
            going_on.append(walk.stay)
    return ended, tuple(going_on)


def visits_of(vehicle_id: UUID, stays: Iterable[Stay], *, ended: bool = False) -> list[Visit]:
    """Give the visits stays are: open ones, or ended where they were left."""
    return [
        Visit(
            visit_id(vehicle_id, stay.area_id, stay.entered_ms),
            vehicle_id,
            stay.area_id,
            stay.entered_ms,
            stay.left_ms if ended else None,
        )
        for stay in stays
    ]


def left_at(stays: Iterable[Stay], last_ms: int) -> list[Stay]:
    """Give stays as left where the vehicle went out, or else with the last fix, at ``last_ms``."""
    return [
        stay if stay.left_ms is not None else msgspec.structs.replace(stay, left_ms=last_ms) for stay in stays
    ]


class _Walk:
    """The derivation of one area along a track."""

    def __init__(self, area: Area, config: VisitConfig, stay: Stay | None, legs: Legs) -> None:
        self.area = area
        self.config = config
        self.stay = stay
        self.legs = legs
        self.ended: list[Stay] = []

    def over(self, start: int, end: int, *, is_near: bool, is_whole: bool) -> None:
        """Visit the fixes where something turns, and those after an exit until it is decided."""
        if is_near:
            inside = self.area.inside(self.legs, start, end, is_whole=is_whole)
            crossed = self.area.crossed(self.legs, start, end, inside)
        else:
            inside = crossed = np.zeros(end - start, dtype=np.bool_)
        at = start
        for mark in (np.flatnonzero(self._turns(inside, crossed, start, end)) + start).tolist():
            self._wait(at, mark)
            self._step(mark, is_inside=bool(inside[mark - start]), is_crossed=bool(crossed[mark - start]))
            at = mark + 1
        self._wait(at, end)

    def _turns(self, inside: Booleans, crossed: Booleans, start: int, end: int) -> Booleans:
        was_inside = np.empty_like(inside)
        was_inside[0] = self.stay is not None and self.stay.left_ms is None
        was_inside[1:] = inside[:-1]
        turns: Booleans = (inside != was_inside) | crossed | self.legs.broken[start:end]
        return turns

    def _wait(self, start: int, end: int) -> None:
        """Go over outside fixes for as long as a visit waits to be left."""
        for index in range(start, end):
            if self.stay is None or self.stay.left_ms is None:
                return
            self._outside(index, is_crossed=False)

    def _step(self, index: int, *, is_inside: bool, is_crossed: bool) -> None:
        if self.legs.broken[index]:
            self._begin(index, is_inside=is_inside)
        elif is_inside:
            self._inside(index)
        else:
            self._outside(index, is_crossed=is_crossed)

    def _begin(self, index: int, *, is_inside: bool) -> None:
        """Start a track: what the one before left open ended with it."""
        before = self.legs.before(index)
        if self.stay is not None and before is not None:
            self._end(before.time_ms if self.stay.left_ms is None else self.stay.left_ms)
        time_ms = int(self.legs.track.times[index])
        self.stay = Stay(self.area.area_id, time_ms) if is_inside else None

    def _inside(self, index: int) -> None:
        if self.stay is None or self.stay.left_ms is not None:
            self._enter(entry_ms(self.area, *self._ends(index)))

    def _outside(self, index: int, *, is_crossed: bool) -> None:
        if self.stay is not None and self.stay.left_ms is None:
            self._leave(exit_ms(self.area, *self._ends(index)))
        elif is_crossed and (passage := passage_ms(self.area, *self._ends(index))) is not None:
            self._enter(passage[0])
            self._leave(passage[1])
        elif self.stay is not None:
            self.stay = msgspec.structs.replace(self.stay, outside_fixes=self.stay.outside_fixes + 1)
        stay = self.stay
        if stay is None or stay.left_ms is None:
            return
        time_ms = int(self.legs.track.times[index])
        if stay.outside_fixes >= self.config.outside_fixes or self._is_away(stay.left_ms, time_ms):
            self._end(stay.left_ms)

    def _ends(self, index: int) -> tuple[TrackFix, TrackFix]:
        fix = self.legs.track.fix(index)
        return self.legs.before(index) or fix, fix

    def _enter(self, entered_ms: int) -> None:
        pending = self.stay
        if pending is not None and pending.left_ms is not None:
            if not self._is_away(pending.left_ms, entered_ms):
                self.stay = Stay(self.area.area_id, pending.entered_ms)
                return
            self._end(pending.left_ms)
        self.stay = Stay(self.area.area_id, entered_ms)

    def _leave(self, left_ms: int) -> None:
        if self.stay is not None:
            self.stay = msgspec.structs.replace(self.stay, left_ms=left_ms, outside_fixes=1)

    def _end(self, left_ms: int) -> None:
        if self.stay is not None:
            self.ended.append(msgspec.structs.replace(self.stay, left_ms=left_ms))
            self.stay = None

    def _is_away(self, left_ms: int, until_ms: int) -> bool:
        return until_ms - left_ms >= self.config.outside_ms
