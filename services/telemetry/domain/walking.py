"""One walk over a vehicle's good fixes derives everything: visits, trips, days and episodes.

All of it is a pure function of the set of fixes, the areas and the limits in force. A walk can stop at any
fix; from its state it goes on to the same conclusions.
"""

from math import isnan
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from services.telemetry.domain.crossings import NEVER_MS, AreaIndex
from services.telemetry.domain.episodes import (
    DEVICE_ALARMS,
    Episode,
    EpisodeConfig,
    Reading,
    Run,
    SpeedLimit,
    Watch,
    silence,
)
from services.telemetry.domain.jumps import Path, Pathfinder, Trail
from services.telemetry.domain.names import name_of
from services.telemetry.domain.tallies import Day, Days, Tallies, Tally, total
from services.telemetry.domain.tracks import Legs, TrackFix, city_day
from services.telemetry.domain.trip_walk import TripWalk
from services.telemetry.domain.trips import Trip, TripConfig, TripState
from services.telemetry.domain.visits import Stay, Visit, VisitConfig, left_at, visits_of, walk_areas

WORKING_DAY_MM: Final = 1_000_000
"""A working day 工作车日 is one on which the vehicle moved at least 1 km (`domain.md` §1.3)."""


class WalkConfig(msgspec.Struct, frozen=True):
    """What the city sets."""

    visits: VisitConfig = VisitConfig()
    trips: TripConfig = TripConfig()
    episodes: EpisodeConfig = EpisodeConfig()
    jump_kmh: float = 200.0


class Vehicle(NamedTuple):
    """Who is walked for: allowed cargo temperatures (lowest, highest) in °C, and speed limits.

    ``fitted`` is from when to when it has had its primary terminals, `NEVER_MS` for one it has.
    """

    id: UUID
    temperatures_c: tuple[float, float] | None = None
    speed_limits: tuple[SpeedLimit, ...] = ()
    fitted: tuple[tuple[int, int], ...] = ((-NEVER_MS, NEVER_MS),)

    def fitted_until(self, last_ms: int, gap_ms: int) -> int:
        """Give until when a fix could come that goes on from the last one, of ``last_ms``.

        What is fitted only after the gap that breaks a track can go on nothing.
        """
        return max(last_ms, *(end for start, end in self.fitted if start <= last_ms + gap_ms))


class State(msgspec.Struct, frozen=True, array_like=True):
    """All that later fixes need of the earlier ones; equal states derive equally from there on."""

    last: TrackFix | None = None
    stays: tuple[Stay, ...] = ()
    trail: Trail = Trail()
    trip: TripState = TripState()
    days: tuple[Day, ...] = ()
    runs: tuple[Run, ...] = ()

    def encode(self) -> bytes:
        """Write the state as bytes; equal states give equal bytes."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "State":
        """Read a state back.

        Raises:
            msgspec.MsgspecError: when the bytes are no state.
        """
        return msgspec.msgpack.decode(data, type=cls)


START: Final = State()
"""The state before the first fix."""


class DailyMileage(msgspec.Struct, frozen=True):
    """A city day of a vehicle; `driven` is what its trips did, `odometer_m` also what was between them."""

    id: UUID
    vehicle_id: UUID
    day: int
    fixes: int
    jumps: int
    first_ms: int
    last_ms: int
    driven: Tally
    odometer_m: int | None

    @property
    def is_working_day(self) -> bool:
        """Whether the vehicle moved at least a kilometre."""
        return self.driven.length_mm >= WORKING_DAY_MM


class Findings(NamedTuple):
    """What a walk has found."""

    visits: list[Visit]
    trips: list[Trip]
    days: list[DailyMileage]
    episodes: list[Episode]

    def plus(self, other: "Findings") -> "Findings":
        """Give both together."""
        return Findings(
            self.visits + other.visits,
            self.trips + other.trips,
            self.days + other.days,
            self.episodes + other.episodes,
        )

    def without(self, other: "Findings") -> "Findings":
        """Give what is not in another."""
        return Findings(
            [each for each in self.visits if each not in other.visits],
            [each for each in self.trips if each not in other.trips],
            [each for each in self.days if each not in other.days],
            [each for each in self.episodes if each not in other.episodes],
        )


def day_id(vehicle_id: UUID, day: int) -> UUID:
    """Give the id of a vehicle's day: UUIDv5 of vehicle and day."""
    return name_of(vehicle_id, f"day/{day}")


class Walk:
    """A walk of one vehicle from a state on."""

    def __init__(self, vehicle: Vehicle, areas: AreaIndex, config: WalkConfig, state: State) -> None:
        self.vehicle, self.areas, self.config = vehicle, areas, config
        self.last, self.stays, self.trail = state.last, state.stays, state.trail
        self._days = Days(state.days)
        self._trips = TripWalk(vehicle.id, config.trips, state.trip, self._days)
        self._watch = Watch(vehicle.id, config.episodes, state.runs)
        self._speed_limits = _by_rule(vehicle.speed_limits)
        self._left: list[Stay] = []
        self._settled: list[Day] = []
        self._silences: list[Episode] = []

    def state(self) -> State:
        """All that later fixes need."""
        return State(
            self.last, self.stays, self.trail, self._trips.state(), self._days.state(), self._watch.state()
        )

    def over(self, legs: Legs, paths: Pathfinder, start: int, end: int) -> None:
        """Go on over fixes of one city day, the next after those walked."""
        lasted, silence_ms = legs.lasted[start:end].tolist(), self.config.episodes.silence_ms
        for index in [start + n for n, ms in enumerate(lasted) if ms > silence_ms]:
            self._over(legs, paths, start, index)
            if self.last is not None:
                fitted_until = self.vehicle.fitted_until(self.last.time_ms, self.config.visits.max_gap_ms)
                self._silences += self.silences(min(int(legs.track.times[index]), fitted_until))
            start = index
        self._over(legs, paths, start, end)

    def silences(self, until_ms: int) -> list[Episode]:
        """Give the silence from the last fix until an instant, if it is one."""
        is_long = self.last is not None and until_ms - self.last.time_ms > self.config.episodes.silence_ms
        if self.last is None or not is_long or not self.is_under_way:
            return []
        return [silence(self.vehicle.id, self.last.time_ms, until_ms)]

    @property
    def is_under_way(self) -> bool:
        """Whether the vehicle is on a trip and does not halt: no fix would be silence."""
        return not self._trips.is_halted and self._trips.open_trip() is not None

    def ended(self) -> Findings:
        """Give what ended on the walk, and the days that nothing can change any more."""
        return Findings(
            visits_of(self.vehicle.id, self._left, ended=True),
            self._trips.ended,
            [self._mileage(day, (), ()) for day in self._settled],
            [*self._watch.ended, *self._silences],
        )

    def open(self, *, is_over: bool = False) -> Findings:
        """Give what goes on where the walk is; when nothing can follow (``is_over``), it ends there."""
        trip = self._trips.open_trip(is_over=is_over)
        driven, rolled = self._trips.outlook()
        stays = left_at(self.stays, self.last.time_ms) if is_over and self.last else self.stays
        return Findings(
            visits_of(self.vehicle.id, stays, ended=is_over),
            [] if trip is None else [trip],
            [self._mileage(day, driven, rolled) for day in self._days.state()],
            self._watch.open(is_over=is_over),
        )

    def _over(self, legs: Legs, paths: Pathfinder, start: int, end: int) -> None:
        if start == end:
            return
        times = legs.track.times[start:end].tolist()
        day = city_day(times[0])
        left, self.stays = walk_areas(legs, (start, end), self.areas, self.config.visits, self.stays)
        path, self.trail, jumps = paths.find(self.trail, start, end)
        self._trips.over(path, day)
        self._days.count(day, times, len(jumps))
        self._left += left
        self._settled += self._days.settle(min(day, self._trips.settled_before))
        self._watch_speed(path)
        self._watch_temperature(legs, start, end)
        self._watch_alarms(legs, start, end)
        self.last = legs.track.fix(end - 1)

    def _watch_speed(self, path: Path) -> None:
        fastest = max((speed for speed in path.speeds if speed is not None), default=0.0)
        for key, limits in self._speed_limits.items():
            is_over = any(fastest > limit.limit_kmh for limit in limits)
            if is_over or self._watch.is_running("overspeed", key):
                readings = (
                    _speed_reading(time_ms, speed, limits)
                    for time_ms, speed in zip(path.times, path.speeds, strict=True)
                    if speed is not None
                )
                self._watch.over("overspeed", key, readings)

    def _watch_temperature(self, legs: Legs, start: int, end: int) -> None:
        if self.vehicle.temperatures_c is None:
            return
        lowest, highest = self.vehicle.temperatures_c
        told = legs.track.temps_c[start:end]
        bad = (told < lowest) | (told > highest)
        if bad.any() or self._watch.is_running("temperature", ""):
            times = legs.track.times[start:end]
            readings = (
                Reading(time_ms, is_bad, value, lowest if value < lowest else highest)
                for time_ms, is_bad, value in zip(times.tolist(), bad.tolist(), told.tolist(), strict=True)
                if not isnan(value)
            )
            self._watch.over("temperature", "", readings)

    def _watch_alarms(self, legs: Legs, start: int, end: int) -> None:
        bits = legs.track.alarms[start:end]
        told = int(np.bitwise_or.reduce(bits))
        for bit, name in DEVICE_ALARMS.items() if told or self._watch.runs else ():
            if told >> bit & 1 or self._watch.is_running("device_alarm", name):
                times = legs.track.times[start:end]
                held = (bits >> bit & 1).astype(bool)
                readings = map(Reading, times.tolist(), held.tolist())
                self._watch.over("device_alarm", name, readings)

    def _mileage(self, day: Day, driven: Tallies, rolled: Tallies) -> DailyMileage:
        """Give a day's mileage, with what a trip under way has done and what was rolled since."""
        own = [tally for tally in driven if tally.day == day.day]
        between = [tally for tally in rolled if tally.day == day.day]
        done, rest = total([day.driven, *own]), total(between)
        readings = day.other_readings + done.readings + rest.readings
        return DailyMileage(
            day_id(self.vehicle.id, day.day),
            self.vehicle.id,
            day.day,
            day.fixes,
            day.jumps,
            day.first_ms,
            day.last_ms,
            done,
            day.other_m + done.odometer_m + rest.odometer_m if readings else None,
        )


def _by_rule(limits: tuple[SpeedLimit, ...]) -> dict[str, list[SpeedLimit]]:
    """Group the limits by the rule they are of; the city's own is of none."""
    found: dict[str, list[SpeedLimit]] = {}
    for limit in limits:
        found.setdefault("" if limit.rule_id is None else str(limit.rule_id), []).append(limit)
    return found


def _speed_reading(time_ms: int, speed_kmh: float, limits: list[SpeedLimit]) -> Reading:
    for limit in limits:
        if limit.from_ms <= time_ms < (NEVER_MS if limit.to_ms is None else limit.to_ms):
            return Reading(time_ms, speed_kmh > limit.limit_kmh, speed_kmh, limit.limit_kmh)
    return Reading(time_ms, is_bad=False)
