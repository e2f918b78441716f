"""Distances against an independent library, boxes against their form."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.geo import (
    EARTH_RADIUS_M,
    Bbox,
    distance_m,
    parse_bbox,
)

LON, LAT = st.floats(-180, 180), st.floats(-90, 90)


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
