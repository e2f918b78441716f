"""Aggregates against plain Python; the same however they are computed."""

import random

import pytest

from services.telemetry.domain.aggregates import Place, aggregate
from services.telemetry.domain.retention import RetentionRules
from tests.support.aggregate_oracle import expected_aggregates
from tests.support.drives import HOME, M_PER_DEGREE, START_MS, Told, drive, track_of

GAP_MS, JUMP_KMH = 600_000, 200.0


@pytest.mark.parametrize("seed", range(12))
def test_aggregates_are_those_of_the_oracle(seed: int) -> None:
    chance = random.Random(seed)
    told = drive(chance, 600)
    before = None if seed % 2 else Place(told[0].time_ms - 240_000, told[0].lon, told[0].lat + 0.01)
    expected = expected_aggregates(told, before, GAP_MS, JUMP_KMH)
    chance.shuffle(told)
    found = aggregate(track_of(told), before, GAP_MS, JUMP_KMH)
    assert len(found) > 50
    assert sum(each["jumps"] for each in expected) > 0
    for got, wanted in zip(found, expected, strict=True):
        assert got._asdict() == {
            **wanted,
            "max_speed_kmh": pytest.approx(wanted["max_speed_kmh"], abs=1e-9),
        }


def test_by_hand() -> None:
    """Ten minutes at 60 km/h northwards, a fix a minute, one of them impossible."""
    lat = [HOME[1] + n * 1000 / M_PER_DEGREE for n in range(10)]
    told = [
        Told(START_MS + n * 60_000, HOME[0], lat[n], n, None, 100.0 + n, 4.0 - n if n < 5 else None)
        for n in range(10)
    ]
    told[7] = told[7]._replace(lat=lat[7] + 1)
    one, two = aggregate(track_of(told), None, GAP_MS, JUMP_KMH)
    assert (one.time_ms, two.time_ms) == (START_MS, START_MS + 300_000)
    assert (one.fixes, one.jumps, two.fixes, two.jumps) == (5, 0, 5, 1)
    assert one.length_mm == pytest.approx(4_000_000, abs=100)
    assert two.length_mm == pytest.approx(5_000_000, abs=100)
    assert (one.moving_ms, two.moving_ms) == (240_000, 300_000)
    assert one.max_speed_kmh == pytest.approx(60, abs=0.01)
    assert one.mean_lat == pytest.approx(lat[2], abs=1e-7)
    assert two.mean_lat == pytest.approx(sum(lat[n] for n in (5, 6, 8, 9)) / 4, abs=1e-7)
    assert (one.mileage_km, two.mileage_km) == (104.0, 109.0)
    assert (one.min_cargo_temp_c, one.max_cargo_temp_c, two.min_cargo_temp_c) == (0.0, 4.0, None)
    assert one.last == Place(START_MS + 240_000, HOME[0], lat[4])


@pytest.mark.parametrize(
    "section",
    [
        {"position_days": 44}, {"position_days": 400, "aggregate_days": 399}, {"quarantine_days": 0},
        {"accounting_days": 0}, {"days": 1}, {"position_days": "183"},
    ],
)  # fmt: skip
def test_a_profile_that_would_drop_too_much_is_refused(section: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        RetentionRules.read({"retention": section})
