"""Distances against an independent library, boxes and shapes against their form."""

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from services.shared.geo import (
    EARTH_RADIUS_M,
    MAX_POSITIONS,
    Bbox,
    distance_m,
    parse_bbox,
    point_problem,
    polygon_problem,
)

LON, LAT = st.floats(-180, 180), st.floats(-90, 90)
RING = [[122.0, 41.0], [122.1, 41.0], [122.1, 41.1], [122.0, 41.0]]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(LON, LAT, LON, LAT)
def test_distance_equals_the_angle_between_unit_vectors(a: float, b: float, c: float, d: float) -> None:
    def unit(lon: float, lat: float) -> Any:
        x, y = math.radians(lon), math.radians(lat)
        return np.array([math.cos(y) * math.cos(x), math.cos(y) * math.sin(x), math.sin(y)])

    one, two = unit(a, b), unit(c, d)
    angle = math.atan2(float(np.linalg.norm(np.cross(one, two))), float(one @ two))
    assert distance_m(a, b, c, d) == pytest.approx(EARTH_RADIUS_M * angle, rel=1e-6, abs=1e-2)


def test_a_known_distance() -> None:
    # One degree of a great circle of the mean sphere (2πR/360).
    assert distance_m(122, 41, 122, 42) == pytest.approx(111_195.08, abs=0.01)
    assert distance_m(0, 0, 180, 0) == pytest.approx(math.pi * EARTH_RADIUS_M)


def test_bbox() -> None:
    assert parse_bbox("121.5,40.6,122.5,41.5") == Bbox(121.5, 40.6, 122.5, 41.5)
    assert parse_bbox("122,41,122,41").contains(122, 41)
    assert not parse_bbox("121,40,122,41").contains(122.1, 41)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "a,2,3,4",
        "nan,0,1,1",
        "0,0,inf,1",
        "2,0,1,1",
        "0,2,1,1",
        "0,0,181,1",
        "0,-91,1,1",
        "1," * 200,
        "\0,1,2,3",
        "1,2,3,\ud800",
    ],
)
def test_a_bad_bbox_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="bbox"):
        parse_bbox(text)


@given(st.text())
def test_no_bbox_text_raises_anything_else(text: str) -> None:
    try:
        box = parse_bbox(text)
    except ValueError:
        return
    assert box.west <= box.east


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_good_shapes_have_no_problem() -> None:
    assert point_problem({"type": "Point", "coordinates": [122.07, 41.12]}) is None
    assert polygon_problem(polygon(RING)) is None
    assert polygon_problem({"type": "MultiPolygon", "coordinates": [[RING], [RING, RING]]}) is None


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        (None, "not a GeoJSON"),
        ({"type": "Point", "coordinates": [1, 2]}, "not a GeoJSON Polygon"),
        (polygon(), "lists of rings"),
        ({"type": "MultiPolygon", "coordinates": [[]]}, "lists of rings"),
        ({"type": "Polygon"}, "lists of rings"),
        (polygon([]), "list of positions"),
        (polygon(RING[:3]), "fewer than 4"),
        (polygon([*RING[:3], [122.0, 41.01]]), "not closed"),
        (polygon([*RING[:3], [math.nan, 41.0]]), "not finite"),
        (polygon([[181, 0], *RING]), "not finite or lies outside"),
        (polygon([[True, 0], *RING]), "not a number"),
        (polygon([["1", 0], *RING]), "not a number"),
        (polygon([[1], *RING]), "not [longitude, latitude]"),
        (polygon([RING[0]] * (MAX_POSITIONS + 1)), "more than"),
        (polygon([[10**400, 0], *RING]), "not finite or lies outside"),
    ],
)
def test_bad_shapes_are_named(shape: Any, problem: str) -> None:
    assert problem in (polygon_problem(shape) or "")


@given(JSON, st.sampled_from(["Polygon", "MultiPolygon", "Point"]))
def test_no_json_raises_and_what_passes_can_be_built(coordinates: Any, kind: str) -> None:
    shape = {"type": kind, "coordinates": coordinates}
    if kind == "Point":
        point_problem(shape)
    elif polygon_problem(shape) is None:
        polygons = [coordinates] if kind == "Polygon" else coordinates
        assert all(shapely.Polygon(p[0], p[1:]) is not None for p in polygons)


def test_bad_points_are_named() -> None:
    assert point_problem({"type": "Point", "coordinates": [122.07, 91]}) is not None
    assert point_problem({"type": "Point"}) is not None
    assert point_problem([122.07, 41]) is not None
    assert point_problem({"type": "Point", "coordinates": [1, 2, math.inf]}) is not None
    assert point_problem({"type": "Point", "coordinates": [1, 2, math.nan]}) is not None
    assert point_problem({"type": "Point", "coordinates": [1, 2, 10**400]}) is None
