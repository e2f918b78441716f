"""The walk along a path that finds its trips, as `trips.py` defines them."""

from collections.abc import Iterator
from itertools import accumulate
from math import cos, radians
from typing import NamedTuple
from uuid import UUID

from services.shared.geo import EARTH_RADIUS_M, distance_m
from services.telemetry.domain.jumps import Path
from services.telemetry.domain.tallies import Days, Tallies, Tally, add, total
from services.telemetry.domain.tracks import EMPTY, UNKNOWN_LOAD, city_day
from services.telemetry.domain.trips import (
    Odometer,
    OpenTrip,
    Place,
    Stop,
    Trip,
    TripConfig,
    TripState,
    trip_id,
)

M_PER_DEGREE = EARTH_RADIUS_M * radians(1)
FLAT = 0.002
"""The plane decides but within this share of the radius, where the sphere does."""


class Sums(NamedTuple):
    """Running sums over the legs of a path: value `n` is over the first `n`."""

    lengths: list[int]
    loaded: list[int]
    empty: list[int]
    odometer: list[int]
    readings: list[int]


class TripWalk:
    """Takes a vehicle along its path, hour by hour; `ended` are the trips that ended on the way."""

    def __init__(self, vehicle_id: UUID, config: TripConfig, state: TripState, days: Days) -> None:
        self.vehicle_id, self.config, self.days = vehicle_id, config, days
        self.anchor, self.last = state.anchor, state.last
        self.since, self.speed_kmh = state.since, state.speed_kmh
        self.trip, self.odometer, self.load = state.trip, state.odometer, state.load
        self.ended: list[Trip] = []

    def state(self) -> TripState:
        """All that later fixes need."""
        return TripState(
            self.anchor, self.last, self.since, self.speed_kmh, self.trip, self.odometer, self.load
        )

    def over(self, path: Path, day: int) -> None:
        """Go along fixes of one city day."""
        if not path.times:
            return
        sums = self._sums(path, day)
        # The legs from `run` to before `begin` lead from anchor to anchor and are not taken in yet.
        run = begin = 0
        for index in self._anchors(path):
            broken = path.broken[index]
            if index > begin or broken or self.trip is None or self.since:
                self._drive(path, sums, (run, begin), day)
                self._stand(path, sums, (begin, index), day)
                if broken:
                    self._end_track()
                    self.anchor = self.last = _place(path, index)
                else:
                    self._depart()
                run = index + 1 if broken else index
            begin = index + 1
        self._drive(path, sums, (run, begin), day)
        self._stand(path, sums, (begin, len(path.times)), day)
        self._settle()

    @property
    def is_halted(self) -> bool:
        """Whether the vehicle halts where it is."""
        return self._stood_ms >= self.config.stop_ms

    @property
    def _stood_ms(self) -> int:
        return self.last.time_ms - self.anchor.time_ms if self.last and self.anchor else 0

    def open_trip(self, *, is_over: bool = False) -> Trip | None:
        """Give the trip under way, if it is one yet; ended where the walk is when nothing can follow."""
        return None if self.trip is None else self._trip(self.trip, is_open=not is_over)

    def outlook(self) -> tuple[Tallies, Tallies]:
        """Give what counts for the trip under way, and what for none, if the track ends here."""
        if self.trip is None:
            return (), self.since
        driven = self._driven(self.trip)
        rest = self.since if self.is_halted else ()
        return (driven, rest) if self.open_trip() else ((), add(driven, rest))

    @property
    def settled_before(self) -> int:
        """The first city day that later fixes may still change."""
        if self.last is None or self.anchor is None:
            return 0
        if self.trip is not None:
            return city_day(self.trip.start.time_ms)
        return city_day(self.last.time_ms if self.is_halted else self.anchor.time_ms)

    def _anchors(self, path: Path) -> Iterator[int]:
        """Give the index of each fix that is an anchor."""
        radius = self.config.radius_m / M_PER_DEGREE
        least, most = (radius * (1 - FLAT)) ** 2, (radius * (1 + FLAT)) ** 2
        lon0, lat0, scale = 0.0, 0.0, 1.0
        if self.anchor is not None:
            lon0, lat0, scale = self.anchor.lon, self.anchor.lat, cos(radians(self.anchor.lat))
        for index, (lon, lat, broken) in enumerate(zip(path.lons, path.lats, path.broken, strict=True)):
            if not broken:
                squared = ((lon - lon0) * scale) ** 2 + (lat - lat0) ** 2
                if squared < least or (
                    squared < most and distance_m(lon0, lat0, lon, lat) <= self.config.radius_m
                ):
                    continue
            lon0, lat0, scale = lon, lat, cos(radians(lat))
            yield index

    def _drive(self, path: Path, sums: Sums, part: tuple[int, int], day: int) -> None:
        """Take in legs from anchor to anchor."""
        begin, end = part
        trip = self.trip
        if begin == end or trip is None:
            return
        driven = add(trip.driven, [self._tally(path, sums, part, day)])
        fastest = _fastest(trip.max_speed_kmh, *path.speeds[begin:end])
        self.trip = OpenTrip(trip.start, driven, trip.stops, fastest)
        self.anchor = self.last = _place(path, end - 1)

    def _stand(self, path: Path, sums: Sums, part: tuple[int, int], day: int) -> None:
        """Take in fixes near the anchor."""
        begin, end = part
        if begin == end:
            return
        self.since = add(self.since, [self._tally(path, sums, part, day)])
        self.speed_kmh = _fastest(self.speed_kmh, *path.speeds[begin:end])
        self.last = _place(path, end - 1)

    def _depart(self) -> None:
        """Leave the anchor: what happened there is decided."""
        self._settle()
        halted, last, anchor = self.is_halted, self.last, self.anchor
        if last is None or anchor is None:
            return
        trip = self.trip or OpenTrip(last if halted else anchor)
        stops, driven, fastest = trip.stops, trip.driven, trip.max_speed_kmh
        if halted and self.trip is not None:
            stops = (*stops, Stop(anchor.time_ms, last.time_ms, anchor.lon, anchor.lat))
            driven = add(driven, (tally.as_idle for tally in self.since))
        elif not halted:
            driven, fastest = add(driven, self.since), _fastest(fastest, self.speed_kmh)
        self.trip = OpenTrip(trip.start, driven, stops, fastest)
        self.since, self.speed_kmh = (), None

    def _settle(self) -> None:
        """End a trip whose vehicle has stood long enough; forget what it did in a halt without one."""
        if self.trip is not None and self._stood_ms >= self.config.end_ms:
            self._end(self.trip)
        if self.trip is None and self.is_halted:
            self.days.roll(self.since)
            self.since, self.speed_kmh = (), None

    def _end_track(self) -> None:
        """End the track, and with it the trip."""
        self._settle()
        if self.trip is not None:
            self._end(self.trip)
        self.days.roll(self.since)
        self.since, self.speed_kmh = (), None

    def _end(self, trip: OpenTrip) -> None:
        """End a trip here; afterwards `since` is what does not belong to it."""
        found = self._trip(trip, is_open=False)
        driven = self._driven(trip)
        if found is None:
            self.days.roll(driven)
        else:
            self.ended.append(found)
            self.days.drive(driven)
        self.trip = None
        if not self.is_halted:
            self.since = ()

    def _driven(self, trip: OpenTrip) -> Tallies:
        return trip.driven if self.is_halted else add(trip.driven, self.since)

    def _trip(self, trip: OpenTrip, *, is_open: bool) -> Trip | None:
        """Give a trip as it is if it ends here, None while it is too short for one."""
        end, driven = (self.anchor if self.is_halted else self.last), total(self._driven(trip))
        if end is None or driven.length_mm < self.config.min_mm:
            return None
        return Trip(
            trip_id(self.vehicle_id, trip.start.time_ms),
            self.vehicle_id,
            trip.start.time_ms,
            None if is_open else end.time_ms,
            (trip.start.lon, trip.start.lat),
            (end.lon, end.lat),
            driven,
            _fastest(trip.max_speed_kmh, None if self.is_halted else self.speed_kmh),
            trip.stops,
        )

    def _tally(self, path: Path, sums: Sums, part: tuple[int, int], day: int) -> Tally:
        """Sum up legs, all as if moving."""
        begin, end = part
        before = path.times[begin - 1] if begin else self.last.time_ms if self.last else path.times[0]
        lengths, loaded, empty, odometer, readings = (column[end] - column[begin] for column in sums)
        return Tally(day, lengths, loaded, empty, path.times[end - 1] - before, 0, odometer, readings)

    def _sums(self, path: Path, day: int) -> Sums:
        loaded, empty = self._loads(path)
        odometer, readings = self._rolled(path, day)
        columns = (path.lengths, loaded, empty, odometer, readings)
        return Sums(*(list(accumulate(column, initial=0)) for column in columns))

    def _loads(self, path: Path) -> tuple[list[int], list[int]]:
        """Split the lengths by the load state in which they were driven."""
        loaded, empty = [0] * len(path.times), [0] * len(path.times)
        if self.load == UNKNOWN_LOAD and max(path.loads) == UNKNOWN_LOAD:
            return loaded, empty
        load = self.load
        for index, (length, told, broken) in enumerate(
            zip(path.lengths, path.loads, path.broken, strict=True)
        ):
            if broken:
                load = UNKNOWN_LOAD
            if load > EMPTY:
                loaded[index] = length
            elif load == EMPTY:
                empty[index] = length
            load = load if told == UNKNOWN_LOAD else told
        self.load = load
        return loaded, empty

    def _rolled(self, path: Path, day: int) -> tuple[list[int], list[int]]:
        """Give what the odometer counted on each leg, in m, and whether it did."""
        metres, readings = [0] * len(path.times), [0] * len(path.times)
        for index, told in enumerate(path.mileages):
            known = self.odometer
            if known is not None and path.broken[index]:
                known = self.odometer = Odometer(known.time_ms, known.metres, is_broken=True)
            if told is None:
                continue
            now = Odometer(path.times[index], round(told * 1000))
            self.odometer = now
            if known is None or not self._is_driven(known, now):
                continue
            if not known.is_broken:
                metres[index], readings[index] = now.metres - known.metres, 1
            elif city_day(known.time_ms) == day:
                self.days.roll([Tally(day, odometer_m=now.metres - known.metres, readings=1)])
        return metres, readings

    def _is_driven(self, before: Odometer, after: Odometer) -> bool:
        most = self.config.odometer_kmh / 3.6 * (after.time_ms - before.time_ms) / 1000
        return 0 <= after.metres - before.metres <= most + self.config.odometer_slack_m


def _place(path: Path, index: int) -> Place:
    return Place(path.times[index], path.lons[index], path.lats[index])


def _fastest(*speeds: float | None) -> float | None:
    return max((speed for speed in speeds if speed is not None), default=None)
