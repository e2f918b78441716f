"""Trips and kilometres: examples that can be followed by hand, and an oracle on made and recorded drives."""

import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.telemetry.domain.crossings import AreaIndex
from services.telemetry.domain.jumps import Pathfinder
from services.telemetry.domain.recomputation import FOR_EVER_MS, Recomputation
from services.telemetry.domain.tracks import Legs
from services.telemetry.domain.trips import Trip, TripConfig
from services.telemetry.domain.walking import START, DailyMileage, Findings, Vehicle, WalkConfig
from tests.journeys.trip_oracle import kilometres_by_day, trips_of
from tests.journeys.visit_oracle import Fix
from tests.support.drives import M_PER_DEGREE, START_MS, Told, drive, track_of
from tests.support.recorded import SETS, read_tracks

VAN = UUID(int=7)
MINUTE = 60_000
NORTH = 1 / M_PER_DEGREE
"""Degrees of latitude a metre."""


def find(rows: Iterable[Told]) -> Findings:
    walked = Recomputation(Vehicle(VAN), START, FOR_EVER_MS, AreaIndex([]), WalkConfig())
    walked.over(track_of(rows), {})
    return walked.walk.ended().plus(walked.walk.open())


def jumps_of(rows: Iterable[Told]) -> list[float]:
    """The minutes of the flagged fixes."""
    config, track = WalkConfig(), track_of(rows)
    paths = Pathfinder(Legs(track, None, config.visits.max_gap_ms), config.jump_kmh)
    return [(ms - START_MS) / MINUTE for ms in paths.find(START.trail, 0, len(track))[2]]


def at(minute: float, metres: float, *, load: int = -1, mileage_km: float | None = None) -> Told:
    """A fix so many metres north of the depot."""
    time_ms = START_MS + round(minute * MINUTE)
    return Told(time_ms, 122.0, 41.0 + metres * NORTH, 0, None, mileage_km, None, load)


def stood(start: float, end: float, metres: float) -> list[Told]:
    """A fix every minute at one place."""
    return [at(start + n, metres) for n in range(round(end - start) + 1)]


def minutes(trip: Trip) -> tuple[float, float | None]:
    end = None if trip.ended_ms is None else (trip.ended_ms - START_MS) / MINUTE
    return (trip.started_ms - START_MS) / MINUTE, end


def day_of(found: Findings, number: int = 0) -> DailyMileage:
    return sorted(found.days, key=lambda day: day.day)[number]


def test_a_trip_leads_from_where_it_stood_to_where_it_stands() -> None:
    (trip,) = find([*stood(0, 20, 0), at(21, 1000), at(22, 2000), *stood(23, 40, 3000)]).trips
    assert minutes(trip) == (20, 23)
    assert trip.id == uuid5(VAN, f"trip/{START_MS + 20 * MINUTE}")
    assert trip.driven.length_mm == pytest.approx(3_000_000, abs=100)
    assert (trip.driven.moving_ms, trip.driven.idle_ms, trip.stops) == (3 * MINUTE, 0, ())
    assert trip.start == (122.0, 41.0)
    assert trip.end == pytest.approx((122.0, 41.0 + 3000 * NORTH))
    assert trip.max_speed_kmh == pytest.approx(60, abs=0.01)


def test_a_halt_within_is_a_stop_and_counts_no_distance() -> None:
    drift = [at(2 + n / 2, 1000 + 90 * (n % 2)) for n in range(17)]  # 8 minutes within 100 m
    (trip,) = find([*stood(-1, 0, 0), at(1, 500), *drift, *stood(11, 30, 2000)]).trips
    (stop,) = trip.stops
    assert ((stop.arrived_ms - START_MS) / MINUTE, (stop.left_ms - START_MS) / MINUTE) == (2, 10)
    assert (trip.driven.idle_ms, trip.driven.moving_ms) == (8 * MINUTE, 4 * MINUTE)
    assert trip.driven.length_mm == pytest.approx(2_000_000, abs=100)


def test_a_short_wait_is_no_stop() -> None:
    rows = [*stood(-1, 0, 0), at(1, 1000), at(2, 1050), at(3, 1000), at(4, 2000), *stood(5, 30, 3000)]
    (trip,) = find(rows).trips
    assert (trip.stops, trip.driven.idle_ms) == ((), 0)
    assert trip.driven.length_mm == pytest.approx(3_100_000, abs=100)


def test_a_gap_ends_a_trip_with_its_last_fix_or_where_it_halted() -> None:
    moving = [*stood(-1, 0, 0), at(1, 1000), at(2, 2000)]
    assert [minutes(trip) for trip in find([*moving, at(13, 9000)]).trips] == [(-1, 2)]
    assert [minutes(trip) for trip in find([*moving, at(12, 9000)]).trips] == [(-1, None)]
    halted = [*moving, *stood(3, 8, 3000)]
    assert [minutes(trip) for trip in find([*halted, at(20, 9000)]).trips] == [(-1, 3)]


def test_an_open_trips_figures_are_those_of_a_track_that_ends_here() -> None:
    rows = [*stood(-1, 0, 0), at(1, 1000), at(2, 2000)]
    (trip,) = find(rows).trips
    assert minutes(trip) == (-1, None)
    assert trip.driven.length_mm == pytest.approx(2_000_000, abs=100)
    assert find([*rows, at(2.5, 2000)]).trips[0].driven.moving_ms == 3.5 * MINUTE
    assert find([*rows, *stood(2, 6, 2000)]).trips[0].driven.moving_ms == 3 * MINUTE


def test_less_than_half_a_kilometre_is_no_trip() -> None:
    found = find([*stood(0, 20, 0), at(21, 240), *stood(22, 40, 0)])
    assert (found.trips, day_of(found).driven.length_mm) == ([], 0)
    assert not day_of(found).is_working_day
    assert len(find([*stood(0, 20, 0), at(21, 260), *stood(22, 40, 0)]).trips) == 1


def test_a_drifting_receiver_drives_nowhere() -> None:
    chance = random.Random(1)
    found = find(at(n / 2, chance.uniform(0, 99)) for n in range(2000))
    assert (found.trips, sum(day.driven.length_mm for day in found.days)) == ([], 0)


def test_a_trip_over_midnight_is_split_by_the_citys_day() -> None:
    start = 24 * 60 - 2.0  # START_MS is midnight in the city
    rows = [*stood(start - 5, start, 0), *(at(start + n, 990 * n) for n in range(1, 6))]
    found = find([*rows, *stood(start + 6, start + 30, 6000)])
    (trip,) = found.trips
    first, second = day_of(found), day_of(found, 1)
    assert second.day == first.day + 1
    assert (first.driven.moving_ms, second.driven.moving_ms) == (1 * MINUTE, 5 * MINUTE)
    assert first.driven.length_mm + second.driven.length_mm == trip.driven.length_mm
    assert (first.is_working_day, second.is_working_day) == (False, True)


def test_a_jump_is_flagged_and_counts_for_nothing() -> None:
    rows = [*stood(-1, 0, 0), at(1, 1000), at(1.5, 90_000), at(2, 2000), *stood(3, 30, 3000)]
    found = find(rows)
    assert jumps_of(rows) == [1.5]
    assert found.trips[0].driven.length_mm == pytest.approx(3_000_000, abs=100)
    assert sum(day.jumps for day in found.days) == 1


def test_a_vehicle_that_was_carried_away_goes_on_where_it_is() -> None:
    there = [at(3 + n, 90_000 + 1000 * n) for n in range(4)]
    rows = [*stood(-1, 0, 0), at(1, 1000), at(2, 2000), *there, *stood(7, 30, 94_000)]
    found = find(rows)
    assert jumps_of(rows) == [3]
    (trip,) = found.trips
    assert trip.driven.length_mm == pytest.approx(2_000_000 + 4_000_000, abs=200)
    assert minutes(trip) == (-1, 7)


def test_kilometres_are_split_by_the_load_last_told() -> None:
    rows = [
        *stood(-1, 0, 0), at(1, 1000), at(2, 2000, load=2), at(3, 4000), at(4, 5000, load=0), at(5, 5500),
        *stood(6, 30, 6000),
    ]  # fmt: skip
    driven = find(rows).trips[0].driven
    assert driven.loaded_mm == pytest.approx(3_000_000, abs=100)
    assert driven.empty_mm == pytest.approx(1_000_000, abs=100)
    assert driven.length_mm - driven.loaded_mm - driven.empty_mm == pytest.approx(2_000_000, abs=100)


@pytest.mark.parametrize(
    ("mileages", "metres"),
    [
        ([100.0, 101.0, 102.0, 103.0], 3000),
        ([100.0, None, 102.0, 103.0], 3000),
        ([100.0, 101.0, 0.0, 1.0], 2000),  # a reset
        ([100.0, 101.0, 99.0, 101.0], 3000),  # a rollback
        ([100.0, 101.0, 90.0, 103.0], 1000),  # a rollback, and back: 13 km in a minute nobody drives
        ([100.0, 9000.0, 9001.0, 9002.0], 2000),
        ([100.0, None, None, None], None),
        ([None, None, None, None], None),
    ],
)
def test_the_odometer_counts_what_could_be_driven(mileages: list[float | None], metres: int | None) -> None:
    rows = [at(n, 1000 * n)._replace(mileage_km=told) for n, told in enumerate(mileages)]
    found = find([*rows, *stood(4, 30, 3900)])
    assert day_of(found).odometer_m == metres
    driven = found.trips[0].driven
    assert (driven.odometer_m if driven.readings else None) == metres


def test_between_tracks_the_odometer_counts_for_the_day_alone() -> None:
    rows = [at(0, 0), at(1, 1000, mileage_km=10.0), at(2, 2000, mileage_km=11.0)]
    later = [at(60, 20_000, mileage_km=29.0), at(61, 21_000, mileage_km=30.0), at(62, 22_000)]
    found = find([*rows, *later])
    assert sorted(trip.driven.odometer_m for trip in found.trips) == [1000, 1000]
    assert day_of(found).odometer_m == 20_000
    tomorrow = [row._replace(time_ms=row.time_ms + 86_400_000) for row in later]
    found = find([*rows, *tomorrow])
    assert [day_of(found, n).odometer_m for n in range(2)] == [1000, 1000]


def test_the_end_of_a_trip_comes_not_before_its_stop() -> None:
    with pytest.raises(ValueError, match="shorter than a stop"):
        TripConfig(stop_ms=2, end_ms=1)


def assert_agrees_with_the_oracle(rows: list[Told]) -> int:
    """Trips, their stops and kilometres, and the days, are the oracle's; give how many trips."""
    track = track_of(rows)
    fixes = [Fix(*track.fix(n)[:3]) for n in range(len(track))]
    found, expected = find(rows), trips_of(fixes)
    trips = sorted(found.trips, key=lambda trip: trip.started_ms)
    assert [(t.started_ms, t.ended_ms, len(t.stops), t.driven.idle_ms) for t in trips] == [
        (t.start, t.end, t.stops, t.idle_ms) for t in expected
    ]
    for trip, other in zip(trips, expected, strict=True):
        assert trip.driven.length_mm / 1000 == pytest.approx(other.total, abs=0.5, rel=1e-6)
    days = {date(1970, 1, 1) + timedelta(days=day.day): day.driven.length_mm / 1e6 for day in found.days}
    assert days == pytest.approx(kilometres_by_day(fixes), abs=1e-3)
    return len(trips)


@given(st.integers(0, 2**32))
@settings(max_examples=120, deadline=None)
def test_made_drives_agree_with_the_oracle(seed: int) -> None:
    assert_agrees_with_the_oracle(drive(random.Random(seed), 250))


@pytest.mark.parametrize("name", SETS)
def test_recorded_drives_agree_with_the_oracle(test_data: Path | None, name: str) -> None:
    if test_data is None:
        pytest.skip("no recorded data at FREIGHT_TEST_DATA; made drives are tested too")
    tracks = read_tracks(test_data, name, 12)
    assert sum(assert_agrees_with_the_oracle(rows[:4000]) for rows in tracks) > 0
