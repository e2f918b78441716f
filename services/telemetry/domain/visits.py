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
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import msgspec

from services.telemetry.domain.crossings import (
    Area,
    AreaIndex,
    Track,
    TrackFix,
    entry_ms,
    exit_ms,
    passage_ms,
)


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


class Stay(msgspec.Struct, frozen=True):
    """A visit not yet ended: `left_ms` is where the vehicle went out if it does not come back in time."""

    area_id: UUID
    entered_ms: int
    left_ms: int | None = None
    outside_fixes: int = 0


class VisitState(msgspec.Struct, frozen=True):
    """All that later fixes need of the earlier ones; equal states derive equally from there on."""

    last: TrackFix | None = None
    stays: tuple[Stay, ...] = ()

    def encode(self) -> bytes:
        """Write the state as bytes; equal states give equal bytes."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "VisitState":
        """Read a state back.

        Raises:
            msgspec.MsgspecError: when the bytes are no state.
        """
        return msgspec.msgpack.decode(data, type=cls)


START: Final = VisitState()
"""The state before the first fix."""


class LateFixError(ValueError):
    """A fix belongs before the state's last one: derive again from an earlier state."""


class Derivation(NamedTuple):
    """Visits that ended in this run and those open after it, by entry; and the state to resume from."""

    visits: list[Visit]
    state: VisitState


def visit_id(vehicle_id: UUID, area_id: UUID, entered_ms: int) -> UUID:
    """Give a visit's id: UUIDv5 of vehicle, area and start."""
    return uuid5(vehicle_id, f"{area_id}/{entered_ms}")


def order_track(fixes: Iterable[TrackFix]) -> list[TrackFix]:
    """Sort by time; of fixes at the same time the one with the least hash stays."""
    least: dict[int, TrackFix] = {}
    for fix in fixes:
        rival = least.get(fix.time_ms)
        if rival is None or fix.content_hash < rival.content_hash:
            least[fix.time_ms] = fix
    return [least[time_ms] for time_ms in sorted(least)]


def derive_visits(
    vehicle_id: UUID,
    fixes: Iterable[TrackFix],
    areas: AreaIndex,
    config: VisitConfig,
    state: VisitState = START,
) -> Derivation:
    """Derive from a state on; stopping at any fix and resuming gives the same visits and the same state.

    The fixes may come in any order and twice. `areas` must be those the state was derived with.

    Raises:
        LateFixError: when a fix belongs before the state's last one.
    """
    ordered = _after(state.last, order_track(fixes))
    if not ordered:
        return Derivation([_visit(vehicle_id, stay, None) for stay in state.stays], state)
    track = Track([*([state.last] if state.last else []), *ordered])
    stays = {stay.area_id: stay for stay in state.stays}
    visits: list[Visit] = []
    going_on: list[Stay] = []
    for area_id in sorted({*areas.near(track), *stays}):
        walk = _Walk(areas.areas.get(area_id) or Area(area_id, ()), config, stays.get(area_id))
        walk.over(track, 1 if state.last else 0)
        visits += [_visit(vehicle_id, stay, stay.left_ms) for stay in walk.ended]
        if walk.stay is not None:
            visits.append(_visit(vehicle_id, walk.stay, None))
            going_on.append(walk.stay)
    visits.sort(key=lambda visit: (visit.entered_ms, visit.area_id))
    return Derivation(visits, VisitState(track.fixes[-1], tuple(going_on)))


def _after(last: TrackFix | None, ordered: list[TrackFix]) -> list[TrackFix]:
    if last is None or not ordered:
        return ordered
    first = ordered[0]
    if first.time_ms == last.time_ms and first.content_hash >= last.content_hash:
        return ordered[1:]
    if first.time_ms <= last.time_ms:
        raise LateFixError
    return ordered


def _visit(vehicle_id: UUID, stay: Stay, left_ms: int | None) -> Visit:
    name = visit_id(vehicle_id, stay.area_id, stay.entered_ms)
    return Visit(name, vehicle_id, stay.area_id, stay.entered_ms, left_ms)


class _Walk:
    """The derivation of one area along a track."""

    def __init__(self, area: Area, config: VisitConfig, stay: Stay | None) -> None:
        self.area = area
        self.config = config
        self.stay = stay
        self.ended: list[Stay] = []

    def over(self, track: Track, first: int) -> None:
        inside = self.area.inside(track)
        crossed = self.area.maybe_crossed(track)
        if self.stay is None and not inside[first:].any() and not crossed[first:].any():
            return
        for index in range(first, len(track.fixes)):
            fix = track.fixes[index]
            before = track.fixes[index - 1] if index else None
            if before is None or fix.time_ms - before.time_ms > self.config.max_gap_ms:
                self._begin(before, fix, is_inside=bool(inside[index]))
            elif inside[index]:
                self._inside(before, fix)
            else:
                self._outside(before, fix, maybe_crossed=bool(crossed[index]))

    def _begin(self, before: TrackFix | None, fix: TrackFix, *, is_inside: bool) -> None:
        """Start a track: what the one before left open ended with it."""
        if self.stay is not None and before is not None:
            self._end(before.time_ms if self.stay.left_ms is None else self.stay.left_ms)
        self.stay = Stay(self.area.area_id, fix.time_ms) if is_inside else None

    def _inside(self, before: TrackFix, fix: TrackFix) -> None:
        if self.stay is None or self.stay.left_ms is not None:
            self._enter(entry_ms(self.area, before, fix))

    def _outside(self, before: TrackFix, fix: TrackFix, *, maybe_crossed: bool) -> None:
        if self.stay is not None and self.stay.left_ms is None:
            self._leave(exit_ms(self.area, before, fix))
        elif maybe_crossed and (passage := passage_ms(self.area, before, fix)) is not None:
            self._enter(passage[0])
            self._leave(passage[1])
        elif self.stay is not None:
            self.stay = msgspec.structs.replace(self.stay, outside_fixes=self.stay.outside_fixes + 1)
        stay = self.stay
        if stay is None or stay.left_ms is None:
            return
        if stay.outside_fixes >= self.config.outside_fixes or self._is_away(stay.left_ms, fix.time_ms):
            self._end(stay.left_ms)

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
