"""Vehicles near a point: exactly those, in the exact order of the great circle."""

import math
import random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.shared.auth import Role
from services.shared.geo import EARTH_RADIUS_M
from services.telemetry.domain.nearness import box_around
from tests.factories.telemetry import fix, headers, service_headers
from tests.support.positions_stage import Stage, Van

CASE = "事故调查 2026-117"
# WGS-84 122.070, 41.120 in GCJ-02 (domain.md 3.11).
GCJ = (122.07549159091725, 41.12209145557409)


def on_sphere(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Metres between two places by the angle between their vectors: no haversine."""

    def vector(lon: float, lat: float) -> tuple[float, float, float]:
        across = math.cos(math.radians(lat))
        return (
            across * math.cos(math.radians(lon)),
            across * math.sin(math.radians(lon)),
            math.sin(math.radians(lat)),
        )

    a, b = vector(lon1, lat1), vector(lon2, lat2)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return EARTH_RADIUS_M * math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(a, b, strict=True)))


async def near(stage: Stage, who: dict[str, str], **params: Any) -> list[dict[str, Any]]:
    answer = await stage.get("/v1/nearby-vehicles", who, **params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["features"]
    return found


@pytest.mark.parametrize(
    ("lon", "lat"), [(122.07, 41.12), (0.001, 0.0), (179.999, 10.0), (-179.999, -70.0), (10.0, 89.99)]
)
async def test_the_order_is_that_of_brute_force(stage: Stage, lon: float, lat: float) -> None:
    firm = await stage.firm()
    chooser = random.Random(3)
    places: dict[UUID, tuple[float, float]] = {}
    for _ in range(60):
        van = await stage.van(firm)
        angle, away = chooser.random() * 2 * math.pi, chooser.random() ** 2 * 0.6
        there_lat = max(-90.0, min(90.0, lat + away * math.cos(angle)))
        stretch = max(0.001, math.cos(math.radians(there_lat)))
        there_lon = (lon + away * math.sin(angle) / stretch + 180) % 360 - 180
        places[van.id] = there_lon, there_lat
        await stage.receive(van.number, fix(5, lon=there_lon, lat=there_lat))
    await stage.fold()
    mine = headers(enterprise_id=firm)
    for radius in (50_000, 20_000, 3_000):
        measured = {each: on_sphere(lon, lat, *place) for each, place in places.items()}
        expected = sorted((each for each in measured if measured[each] <= radius), key=measured.__getitem__)
        found = await near(stage, mine, lon=lon, lat=lat, radius_m=radius, limit=200)
        assert [UUID(feature["id"]) for feature in found] == expected
        for feature in found:
            assert feature["properties"]["distance_m"] == pytest.approx(
                measured[UUID(feature["id"])], abs=1e-3
            )
        few = await near(stage, mine, lon=lon, lat=lat, radius_m=radius, limit=3)
        assert few == found[:3]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.floats(0.1, 50_000),
    st.floats(0, 2 * math.pi),
    st.floats(0, 1),
)
def test_the_box_holds_the_circle(
    lon: float, lat: float, radius: float, bearing: float, share: float
) -> None:
    """Any place within the radius (by the direct formula on the sphere) lies in the box."""
    angle = radius * share / EARTH_RADIUS_M
    phi, lam = math.radians(lat), math.radians(lon)
    there = math.asin(
        max(
            -1.0,
            min(1.0, math.sin(phi) * math.cos(angle) + math.cos(phi) * math.sin(angle) * math.cos(bearing)),
        )
    )
    across = lam + math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(phi), math.cos(angle) - math.sin(phi) * math.sin(there)
    )
    there_lon, there_lat = (math.degrees(across) + 180) % 360 - 180, math.degrees(there)
    west, south, east, north = box_around(lon, lat, radius)
    assert south <= there_lat <= north
    assert west <= there_lon <= east or abs(abs(there_lon) - 180) < 1e-9


async def _standing(stage: Stage, firm: UUID, seconds_ago: float = 5, **fields: Any) -> Van:
    van = await stage.van(firm)
    await stage.drive(van, [fix(seconds_ago, **fields)])
    return van


async def test_only_fresh_ones_with_a_vehicle_count(stage: Stage) -> None:
    firm = await stage.firm()
    mine = headers(enterprise_id=firm)
    here = {"lon": 10.0, "lat": 50.0}
    fresh = await _standing(stage, firm, 100, **here)
    stale = await _standing(stage, firm, 400, **here)
    loose = await _standing(stage, firm, 100, **here)
    await stage.superuser.execute(
        "DELETE FROM telemetry.terminal_bindings WHERE terminal_id = $1", loose.terminal_id
    )
    assert [each["id"] for each in await near(stage, mine, **here)] == [str(fresh.id)]
    both = await near(stage, mine, **here, max_age_s=500)
    assert {each["id"] for each in both} == {str(fresh.id), str(stale.id)}


async def test_the_point_may_be_given_as_a_chinese_map_has_it(stage: Stage) -> None:
    firm = await stage.firm()
    van = await _standing(stage, firm, lon=122.07, lat=41.12)
    mine = headers(enterprise_id=firm)
    (found,) = await near(stage, mine, lon=GCJ[0], lat=GCJ[1], crs="GCJ-02", radius_m=1)
    assert found["id"] == str(van.id)
    assert await near(stage, mine, lon=GCJ[0], lat=GCJ[1], radius_m=1) == []


async def test_who_sees_whom(stage: Stage) -> None:
    first, second = await stage.firm(), await stage.firm()
    here = {"lon": 20.0, "lat": 20.0}
    ours, theirs = await _standing(stage, first, **here), await _standing(stage, second, **here)
    both = {str(ours.id), str(theirs.id)}
    for who, params, expected in (
        (headers(enterprise_id=first), {}, {str(ours.id)}),
        (headers(enterprise_id=second), {}, {str(theirs.id)}),
        (headers(Role.police), {"purpose": CASE}, both),
        (headers(Role.commerce_bureau), {"purpose": CASE}, both),
        (service_headers(), {}, both),
    ):
        assert {each["id"] for each in await near(stage, who, **here, **params)} == expected
    for role in (Role.province, Role.public):
        assert (await stage.get("/v1/nearby-vehicles", headers(role), **here)).status_code == 403


@pytest.mark.parametrize(
    "params",
    [{"lon": 181, "lat": 0}, {"lon": 0, "lat": "nan"}, {"lon": 0, "lat": 0, "radius_m": 0}, {"lon": 0},
     {"lon": 0, "lat": 0, "radius_m": 50_001}, {"lon": 0, "lat": 0, "max_age_s": 0},
     {"lon": 0, "lat": 0, "crs": "CGCS-54"}, {"lon": 0, "lat": 0, "limit": 201}, {"lon": "inf", "lat": 0}],
)  # fmt: skip
async def test_bad_questions_get_a_problem(stage: Stage, params: dict[str, Any]) -> None:
    mine = headers(enterprise_id=await stage.firm())
    answer = await stage.get("/v1/nearby-vehicles", mine, **params)
    assert answer.status_code == 422, answer.text
