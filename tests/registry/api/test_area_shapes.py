"""Circles and road sections become polygons on the ellipsoid: held against geodesics that share no code."""

import math
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, shape

from services.shared.standards.coordinates import wgs84_to_gcj02
from tests.factories import registry as make
from tests.support.geodesic import distance_m

BOUND = 0.005
"""The promise: within 0.5 % of the radius or half-width."""


async def _create(api: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    answer = await api.post("/v1/areas", json=make.area_body(**values), headers=make.official())
    assert answer.status_code == 201, answer.text
    (version,) = answer.json()["versions"]
    found: dict[str, Any] = version
    return found


def multipolygon(version: dict[str, Any]) -> MultiPolygon:
    found = shape(version["geometry"])
    assert isinstance(found, MultiPolygon)
    return found


def test_the_oracle_gives_a_published_distance() -> None:
    """Flinders Peak to Buninyong, the example of the GDA technical manual (ICSM), 54,972.271 m."""
    peak = 144 + 25 / 60 + 29.52440 / 3600, -(37 + 57 / 60 + 3.72030 / 3600)
    mine = 143 + 55 / 60 + 35.38390 / 3600, -(37 + 39 / 60 + 10.15610 / 3600)
    assert distance_m(*peak, *mine) == pytest.approx(54_972.271, abs=0.001)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(73.7, 135), st.floats(3.9, 53.5), st.floats(1, 50_000))
async def test_a_circle_keeps_its_radius(
    api: httpx.AsyncClient, lon: float, lat: float, radius: float
) -> None:
    version = await _create(api, geometry={"type": "Point", "coordinates": [lon, lat]}, radius_m=radius)
    polygon = multipolygon(version)
    (ring,) = (part.exterior for part in polygon.geoms)
    middles = [ring.interpolate((k + 0.5) / 97, normalized=True) for k in range(97)]
    for x, y in [*ring.coords, *((p.x, p.y) for p in middles)]:
        assert distance_m(lon, lat, x, y) == pytest.approx(radius, rel=BOUND)
    assert polygon.contains(Point(lon, lat))


async def test_a_circle_comes_back_as_given_and_converted(api: httpx.AsyncClient) -> None:
    lon, lat = 122.07, 41.12
    given_place = [*wgs84_to_gcj02(lon, lat), 12.0]
    version = await _create(
        api, geometry={"type": "Point", "coordinates": given_place}, radius_m=300, crs="GCJ-02"
    )
    assert version["source"] == {
        "geometry": {"type": "Point", "coordinates": given_place},
        "crs": "GCJ-02",
        "radius_m": 300,
    }
    assert [each["code"] for each in version["mended"]] == ["heights_dropped"]
    centre = multipolygon(version).centroid
    assert distance_m(centre.x, centre.y, lon, lat) < 1


def _least(line: list[list[float]], x: float, y: float) -> float:
    """Metres from a place to a line, by the oracle at points a hundredth of the width apart."""
    step = 0.00002
    path = LineString(line)
    near = path.project(Point(x, y))
    along = [path.interpolate(min(path.length, max(0, near + k * step))) for k in range(-60, 61)]
    return min(distance_m(x, y, p.x, p.y) for p in along)


BENT = [[122.01, 41.118], [122.03, 41.119], [122.035, 41.13]]


@pytest.mark.parametrize("ends", ["flat", "round"])
async def test_a_road_keeps_its_width(api: httpx.AsyncClient, ends: str) -> None:
    geometry = {"type": "LineString", "coordinates": BENT}
    version = await _create(api, geometry=geometry, buffer_m=50, ends=ends, kind="road_section")
    polygon = multipolygon(version)
    corners = list(polygon.geoms[0].exterior.coords)
    for x, y in corners:
        assert _least(BENT, x, y) == pytest.approx(50, rel=BOUND)
    assert all(polygon.contains(Point(place)) for place in BENT[1:-1])
    beyond = Point(BENT[0][0] - 0.0003, BENT[0][1])  # 25 m behind the beginning
    assert polygon.contains(beyond) is (ends == "round")
    assert version["source"] == {"geometry": geometry, "crs": "WGS-84", "buffer_m": 50, "ends": ends}


async def test_a_long_road_is_straight_in_degrees(api: httpx.AsyncClient) -> None:
    """Along a parallel: the geodesic between its ends would run some 60 m beside it in the middle."""
    line = [[121.5, 41.1], [122.2, 41.1]]
    version = await _create(api, geometry={"type": "LineString", "coordinates": line}, buffer_m=15)
    for x, y in list(multipolygon(version).geoms[0].exterior.coords)[::7]:
        assert _least(line, x, y) == pytest.approx(15, rel=BOUND)


async def test_a_road_of_several_sections_ends_flat_by_default(api: httpx.AsyncClient) -> None:
    sections = [[[122.0, 41.0], [122.01, 41.0]], [[122.02, 41.0], [122.02, 41.0], [122.03, 41.0]]]
    version = await _create(
        api, geometry={"type": "MultiLineString", "coordinates": sections}, buffer_m=10, kind="road_section"
    )
    polygon = multipolygon(version)
    assert len(polygon.geoms) == 2
    assert version["source"]["ends"] == "flat"
    metre = 1 / 111_000
    side = 10 * metre / math.cos(math.radians(41))
    assert polygon.bounds == pytest.approx((122.0, 41 - 10 * metre, 122.03, 41 + 10 * metre), abs=side / 50)
    assert [(each["member"], each["code"]) for each in version["mended"]] == [
        ("geometry.coordinates.1", "repeated_positions")
    ]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"geometry": {"type": "Point", "coordinates": [122, 41]}}, "radius_m"),
        ({"radius_m": 5}, "radius_m"),
        ({"geometry": {"type": "Point", "coordinates": [122, 41]}, "radius_m": 0}, "radius_m"),
        ({"geometry": {"type": "Point", "coordinates": [122, 41]}, "radius_m": 50_001}, "radius_m"),
        ({"geometry": {"type": "Point", "coordinates": []}, "radius_m": 5}, "geometry.coordinates"),
        ({"geometry": {"type": "LineString", "coordinates": BENT}}, "buffer_m"),
        ({"geometry": {"type": "LineString", "coordinates": BENT}, "buffer_m": -1}, "buffer_m"),
        ({"geometry": {"type": "LineString", "coordinates": BENT}, "buffer_m": 5, "ends": "x"}, "ends"),
        ({"ends": "flat"}, "ends"),
        (
            {"geometry": {"type": "LineString", "coordinates": [BENT[0], BENT[0]]}, "buffer_m": 5},
            "geometry.coordinates",
        ),
    ],
)
async def test_sizes_go_with_their_types(api: httpx.AsyncClient, values: dict[str, Any], field: str) -> None:
    answer = await api.post("/v1/areas", json=make.area_body(**values), headers=make.official())
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [f"body.{field}"]


@pytest.mark.parametrize(
    ("coordinates", "code"),
    [
        ([[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], [[9, 9], [9, 8], [8, 8], [9, 9]]], "hole_outside_shell"),
        ([[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]], None),
        ([[[0, 0], [1, 1], [2, 2], [0, 0]]], None),
    ],
)
async def test_real_faults_are_refused(api: httpx.AsyncClient, coordinates: Any, code: str | None) -> None:
    body = make.area_body(geometry={"type": "Polygon", "coordinates": coordinates})
    answer = await api.post("/v1/areas", json=body, headers=make.official())
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    assert code in {None, fault["code"]}
    assert "几何无效" in fault["message"]


async def test_nested_shells_name_the_polygon(api: httpx.AsyncClient) -> None:
    shells = [make.square(122, 41, 0.1)["coordinates"], make.square(122.02, 41.02, 0.01)["coordinates"]]
    body = make.area_body(geometry={"type": "MultiPolygon", "coordinates": shells})
    answer = await api.post("/v1/areas", json=body, headers=make.official())
    (fault,) = answer.json()["errors"]
    assert fault["code"] == "shells_nested"
    assert fault["field"].startswith("body.geometry.coordinates.1.0.")


async def test_a_fault_of_a_shifted_shape_is_told_in_its_own_system(api: httpx.AsyncClient) -> None:
    bow_tie = [[122.0, 41.0], [122.02, 41.02], [122.02, 41.0], [122.0, 41.02], [122.0, 41.0]]
    body = make.area_body(geometry={"type": "Polygon", "coordinates": [bow_tie]}, crs="GCJ-02")
    answer = await api.post("/v1/areas", json=body, headers=make.official())
    assert "(122.010" in answer.json()["errors"][0]["message"]
    assert "41.010" in answer.json()["errors"][0]["message"]


async def test_a_mended_ring_is_told(api: httpx.AsyncClient) -> None:
    clockwise = [[*place, 3] for place in make.square()["coordinates"][0][::-1]]
    version = await _create(api, geometry={"type": "Polygon", "coordinates": [clockwise]})
    assert version["source"] is None
    assert [each["code"] for each in version["mended"]] == ["heights_dropped", "ring_reversed"]
    assert multipolygon(version).geoms[0].exterior.is_ccw
