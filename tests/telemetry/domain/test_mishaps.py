"""Simulated drives and mishaps: plausible, drawn from the seed alone, and never bad by themselves."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.standards.coordinates import gcj02_to_wgs84
from services.telemetry.domain.driving import CENTRE, REACH, SPEEDS_KMH, Drive, Motion
from services.telemetry.domain.fixes import AGE_MS, FUTURE_MS
from services.telemetry.domain.mishaps import KINDS, Mishaps, distort, draw

FIX = {"time": "2026-05-01T00:00:00.000Z", "lon": 122.07, "lat": 41.12}


@given(st.integers(), st.floats(0.1, 60))
def test_a_drive_stays_in_the_city_and_within_its_speed(seed: int, seconds: float) -> None:
    drive = Drive(random.Random(seed))
    before: Motion | None = None
    for _ in range(50):
        now = drive.advance(seconds)
        assert abs(now.lon - CENTRE[0]) <= REACH[0]
        assert abs(now.lat - CENTRE[1]) <= REACH[1]
        assert 0 <= now.heading_deg < 360
        if before is not None:
            north, east = now.lat - before.lat, (now.lon - before.lon) * math.cos(math.radians(now.lat))
            assert math.hypot(north, east) * 111.2 <= SPEEDS_KMH[1] * seconds / 3600 * 1.01
            assert now.mileage_km >= before.mileage_km
        before = now


@given(st.integers(), st.sets(st.sampled_from(KINDS)))
def test_nothing_happens_that_was_not_asked_for_and_nothing_that_quarantine_would_refuse(
    seed: int, kinds: set[str]
) -> None:
    found = draw(random.Random(seed), kinds)
    assert found == draw(random.Random(seed), kinds)
    assert -FUTURE_MS < -found.clock_offset_s * 1000 < AGE_MS
    assert found.shifted or found.states_crs is None
    for kind, name in (
        ("tunnels", "tunnel_share"), ("duplicates", "duplicate_share"), ("reboots", "reboot_share"),
        ("clocks", "clock_offset_s"), ("crs", "shifted"), ("disorder", "disorder"), ("jitter", "jitter_m"),
    ):  # fmt: skip
        assert kind in kinds or not getattr(found, name)


def test_every_kind_befalls_some_terminals_and_not_all() -> None:
    drawn = [draw(random.Random(seed), KINDS) for seed in range(300)]
    for name in ("tunnel_share", "duplicate_share", "reboot_share", "clock_offset_s", "shifted", "disorder"):
        assert 30 < sum(bool(getattr(one, name)) for one in drawn) < 180
    assert {one.states_crs for one in drawn if one.shifted} == {None, "GCJ-02"}


def test_a_stated_system_is_the_one_the_coordinates_are_in() -> None:
    found = distort(random.Random(1), Mishaps(shifted=True, states_crs="GCJ-02"), FIX)
    assert found["crs"] == "GCJ-02"
    assert gcj02_to_wgs84(found["lon"], found["lat"]) == pytest.approx((122.07, 41.12), abs=2e-6)
    unstated = distort(random.Random(1), Mishaps(shifted=True), FIX)
    assert "crs" not in unstated
    assert math.dist((unstated["lon"], unstated["lat"]), (122.07, 41.12)) > 0.003
