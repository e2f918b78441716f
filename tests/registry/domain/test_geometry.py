"""Faults of shapes, what is mended without asking, and where a library's fault lies."""

import math
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import is_valid_reason
from shapely.geometry import Polygon, shape
from shapely.geometry.polygon import orient

from services.registry.domain.geometry import MAX_POSITIONS, GivenShape, find_fault, library_fault
from services.registry.domain.mending import mend, to_wgs84
from services.shared.standards.coordinates import Crs, convert

RING = [[122.0, 41.0], [122.1, 41.0], [122.1, 41.1], [122.0, 41.1], [122.0, 41.0]]
HOLE = [[122.02, 41.02], [122.02, 41.04], [122.04, 41.04], [122.02, 41.02]]
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-400, 400).map(float)
POSITIONS = st.lists(NUMBERS, max_size=4)
LINES = st.lists(POSITIONS, max_size=8)
KINDS = {
    "Point": POSITIONS,
    "LineString": LINES,
    "MultiLineString": st.lists(LINES, max_size=3),
    "Polygon": st.lists(LINES, max_size=3),
    "MultiPolygon": st.lists(st.lists(LINES, max_size=3), max_size=3),
}


def polygon(*rings: Any, **more: Any) -> GivenShape:
    return GivenShape("Polygon", [*rings], **more)


def sized(kind: str, coordinates: Any, crs: Crs = Crs.WGS84) -> GivenShape:
    """A shape with the size that goes with its type."""
    radius = 300.0 if kind == "Point" else None
    return GivenShape(
        kind, coordinates, crs, radius, 10.0 if kind in {"LineString", "MultiLineString"} else None
    )


@given(
    st.sampled_from(sorted(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), KINDS[kind])),
    st.sampled_from(list(Crs)),
)
def test_any_numbers_are_refused_or_can_be_built(drawn: tuple[str, Any], crs: Crs) -> None:
    given_shape = sized(*drawn, crs)
    fault = find_fault(given_shape)
    if fault is not None:
        assert fault.member.startswith("geometry")
        assert " / " in fault.message
        return
    coordinates, _ = mend(given_shape)
    built = shape({"type": drawn[0], "coordinates": to_wgs84(coordinates, crs)})
    assert not built.is_empty
    assert all(map(math.isfinite, built.bounds))


@given(st.integers(0, 10**6))
def test_a_spoilt_ring_is_mended_to_the_places_it_had(seed: int) -> None:
    """Repeat positions, add heights, turn it round, leave it open by a rounding: the places come back."""
    chance = random.Random(seed)
    turns = sorted(chance.uniform(0, math.tau) for _ in range(chance.randrange(4, 20)))
    ring = [[122 + math.cos(turn) / 50, 41 + math.sin(turn) / 50] for turn in turns]
    ring.append(ring[0])
    spoilt = [[*p, 3.5] for p in ring[1:-1] for _ in range(chance.choice((1, 1, 2)))]
    spoilt = [ring[0], *spoilt, [ring[0][0] + 9e-8, ring[0][1] - 9e-8]]
    if chance.random() < 0.5:
        spoilt.reverse()
    given_shape = polygon(spoilt)
    assert find_fault(given_shape) is None
    (mended,), mends = mend(given_shape)
    assert mended[0] == mended[-1]
    assert all(before != after for before, after in pairwise(mended))
    assert Polygon(mended).exterior.is_ccw
    assert Polygon(mended).hausdorff_distance(Polygon(ring)) < 2e-7
    assert {each.code for each in mends} >= {"ring_closed", "heights_dropped"}


def test_a_good_shape_is_left_alone() -> None:
    right = orient(Polygon(RING, [HOLE]))
    rings = [[list(p) for p in ring.coords] for ring in (right.exterior, *right.interiors)]
    for kind, coordinates in (("Polygon", rings), ("MultiPolygon", [rings]), ("LineString", RING)):
        given_shape = sized(kind, coordinates)
        assert find_fault(given_shape) is None
        assert mend(given_shape) == (coordinates, [])


def test_what_was_mended_is_told() -> None:
    backwards = RING[1:-1][::-1]
    ring = [RING[0], backwards[0], *backwards, [122.00000005, 41.0, 7.0]]
    mended, mends = mend(GivenShape("MultiPolygon", [[ring]]))
    assert mended == [[RING]]
    assert [(each.member, each.code, each.count) for each in mends] == [
        ("geometry.coordinates.0.0", "heights_dropped", 1),
        ("geometry.coordinates.0.0", "ring_closed", 1),
        ("geometry.coordinates.0.0", "repeated_positions", 1),
        ("geometry.coordinates.0.0", "ring_reversed", 5),
    ]
    assert mends[1].message == "环已闭合（1） / ring closed (1)"


@pytest.mark.parametrize(
    ("given_shape", "member", "code"),
    [
        (polygon([[0.0, 0.0]] * (MAX_POSITIONS + 1)), "geometry.coordinates", "geometry_too_large"),
        (polygon(), "geometry.coordinates", "geometry_empty"),
        (polygon([]), "geometry.coordinates.0", "ring_too_short"),
        (polygon(RING, RING[:-1]), "geometry.coordinates.1.3", "ring_open"),
        (polygon(RING, HOLE[:3]), "geometry.coordinates.1", "ring_too_short"),
        (polygon([*RING[:2], [math.nan, 41.0], RING[0]]), "geometry.coordinates.0.2", "position_invalid"),
        (polygon([*RING[:2], [122.0, -90.5], RING[0]]), "geometry.coordinates.0.2", "position_out_of_range"),
        (polygon([[179.0, 0.0], [-179.0, 0.0], [179.0, 1.0], [179.0, 0.0]]), "geometry.coordinates.0.1",
         "antimeridian"),
        (polygon(RING, radius_m=5.0), "radius_m", "radius_with_point"),
        (polygon(RING, buffer_m=5.0), "buffer_m", "buffer_with_line"),
        (polygon(RING, ends="flat"), "ends", "ends_with_line"),
        (GivenShape("Point", [122.0, 41.0]), "radius_m", "radius_with_point"),
        (GivenShape("LineString", RING), "buffer_m", "buffer_with_line"),
        (sized("LineString", [RING[0]]), "geometry.coordinates", "line_too_short"),
        (sized("LineString", [RING[0], RING[0]]), "geometry.coordinates", "line_too_short"),
        (sized("MultiLineString", [RING, []]), "geometry.coordinates.1", "line_too_short"),
        (sized("LineString", [[121.0, 41.0], [122.01, 41.0]]), "geometry.coordinates.1", "line_too_long"),
        (sized("MultiLineString", [RING, [[122.0, 41.0], [122.0, 42.1]]]), "geometry.coordinates.1.1",
         "line_too_long"),
        (sized("Point", [122.0, 69.999]), "geometry.coordinates", "too_near_a_pole"),
        (sized("Point", [-179.998, 41.0]), "geometry.coordinates", "antimeridian"),
        (sized("Point", [2.35, 48.85], Crs.GCJ02), "geometry.coordinates", "position_outside_china"),
    ],
)  # fmt: skip
def test_faults_name_member_and_code(given_shape: GivenShape, member: str, code: str) -> None:
    fault = find_fault(given_shape)
    assert fault is not None
    assert (fault.member, fault.code) == (member, code)


@pytest.mark.parametrize(
    ("coordinates", "member", "code"),
    [
        ([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]], "geometry.coordinates.0.0", "self_intersection"),
        ([[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], [[9, 9], [9, 8], [8, 8], [9, 9]]],
         "geometry.coordinates.1.", "hole_outside_shell"),
        ([[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]], [[1, 1], [1, 8], [8, 8], [8, 1], [1, 1]],
          [[2, 2], [2, 3], [3, 3], [2, 2]]], "geometry.coordinates.", "holes_nested"),
        ([[[0, 0], [4, 0], [4, 4], [2, 4], [2, 2], [3, 3], [2, 2], [2, 4], [0, 4], [0, 0]]],
         "geometry.coordinates.0.", "ring_self_intersection"),
    ],
)  # fmt: skip
def test_a_librarys_fault_is_put_at_the_nearest_member(coordinates: Any, member: str, code: str) -> None:
    """The reasons and places are shapely's own (GEOS, as PostGIS), not read from ours."""
    reason, _, rest = is_valid_reason(Polygon(coordinates[0], coordinates[1:])).partition("[")
    lon, lat = (float(number) for number in rest.rstrip("]").split())
    fault = library_fault(GivenShape("Polygon", coordinates), reason, (lon, lat))
    assert fault.code == code
    assert fault.member.startswith(member)
    assert f"({lon:.6f}, {lat:.6f})" in fault.message


def test_an_unknown_reason_keeps_its_words() -> None:
    fault = library_fault(polygon(RING), "Something new", None)
    assert (fault.member, fault.code) == ("geometry", "geometry_invalid")
    assert fault.message.endswith("Something new")


@given(st.floats(73.7, 135), st.floats(4, 53), st.sampled_from(list(Crs)))
def test_shapes_convert_point_by_point(lon: float, lat: float, crs: Crs) -> None:
    ring = [[lon, lat], [lon + 0.1, lat], [lon, lat + 0.1], [lon, lat]]
    assert to_wgs84([[ring]], crs)[0][0] == [list(convert(p[0], p[1], crs)) for p in ring]
    assert to_wgs84([lon, lat], crs) == list(convert(lon, lat, crs))
