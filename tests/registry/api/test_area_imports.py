"""GeoJSON files of areas: one outcome a feature, all or nothing, the same file again changes nothing."""

import asyncio
import itertools
import json
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from shapely import is_valid_reason
from shapely.geometry import LineString, Point, shape

from services.registry.main import AREA_FILE
from services.shared.auth import Role
from services.shared.standards.coordinates import Crs, convert
from tests.factories import registry as make

PATH = "/v1/area-imports"
Json = dict[str, Any]
_codes = itertools.count()


def feature(**values: Any) -> Json:
    """A feature with a code of its own; `geometry` and `properties` as given."""
    geometry = values.pop("geometry", make.square())
    properties = {
        "code": f"I-{uuid4().hex[:8]}-{next(_codes)}",
        "name": "中心城区",
        "kind": "restricted",
        "valid_from": "2025-01-01T00:00:00Z",
        "note": "foreign",
        **values,
    }
    return {"type": "Feature", "id": 7, "properties": properties, "geometry": geometry}


def collection(*features: Any, **members: Any) -> Json:
    return {"type": "FeatureCollection", "name": "export", "features": [*features], **members}


async def send(api: httpx.AsyncClient, body: Any, **params: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {**make.official(), "Content-Type": "application/geo+json"}
    return await api.post(PATH, content=content, params=params, headers=headers)


async def imported(api: httpx.AsyncClient, body: Any, **params: Any) -> Json:
    answer = await send(api, body, **params)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def area(api: httpx.AsyncClient, area_id: str) -> Json:
    found: Json = (await api.get(f"/v1/areas/{area_id}", headers=make.official())).json()
    return found


async def test_a_file_is_brought_in_once(api: httpx.AsyncClient) -> None:
    circle = feature(geometry={"type": "Point", "coordinates": [122.07, 41.12]}, radius_m=300)
    line = {"type": "LineString", "coordinates": [[122.0, 41.0], [122.01, 41.0]]}
    road = feature(geometry=line, buffer_m=10, ends="round", kind="road_section", schematic=True)
    clockwise = make.square()["coordinates"][0][::-1]
    polygon = feature(geometry={"type": "Polygon", "coordinates": [clockwise], "bbox": [122, 41, 123, 42]})
    body = collection(circle, road, polygon)
    tried = await imported(api, body, dry_run=True)
    assert tried["dry_run"]
    assert tried["counts"] == {"created": 3}
    assert {item["area_id"] for item in tried["items"]} == {None}
    first = await imported(api, body)
    assert [item["outcome"] for item in first["items"]] == ["created"] * 3
    assert [item["code"] for item in first["items"]] == [f["properties"]["code"] for f in body["features"]]
    assert [each["code"] for each in first["items"][2]["mended"]] == ["ring_reversed"]
    made = await area(api, first["items"][1]["area_id"])
    assert (made["schematic"], made["kind"], made["versions"][0]["source"]["buffer_m"]) == (
        True,
        "road_section",
        10,
    )
    for again in (await imported(api, body), await imported(api, body, dry_run=True)):
        assert again["counts"] == {"unchanged": 3}
        assert [item["area_id"] for item in again["items"]] == [item["area_id"] for item in first["items"]]
    assert (await area(api, first["items"][1]["area_id"]))["version"] == 1


async def test_a_changed_file_makes_versions_and_renames(api: httpx.AsyncClient) -> None:
    moved, renamed, both, same = (feature() for _ in range(4))
    first = await imported(api, collection(moved, renamed, both, same))
    later = {"valid_from": "2025-07-01T00:00:00Z"}
    for each in (moved, both):
        each["geometry"] = make.square(122.1, 41.1)
        each["properties"] |= later
    renamed["properties"]["name"] = both["properties"]["name"] = "新名"
    same["properties"] |= later  # the shape is in force then already
    second = await imported(api, collection(moved, renamed, both, same))
    assert [item["outcome"] for item in second["items"]] == [
        "new_version",
        "updated",
        "new_version",
        "unchanged",
    ]
    found = await area(api, first["items"][2]["area_id"])
    assert (found["name"], found["version"], len(found["versions"])) == ("新名", 2, 2)
    assert found["versions"][0]["valid_to"] == found["versions"][1]["valid_from"]
    again = await imported(api, collection(moved, renamed, both, same))
    assert again["counts"] == {"unchanged": 4}


async def test_features_of_one_code_are_its_versions(api: httpx.AsyncClient) -> None:
    one = feature()
    later = {**one["properties"], "valid_from": "2025-07-01T00:00:00Z"}
    two = feature(**later, geometry=make.square(121, 41))
    body = collection(one, two)
    assert (await imported(api, body))["counts"] == {"created": 1, "new_version": 1}
    assert (await imported(api, body))["counts"] == {"unchanged": 2}
    two["properties"]["name"] = "另一名"
    refused = await send(api, body)
    assert [error["code"] for error in refused.json()["errors"]] == ["code_contradicts"]


async def test_one_bad_feature_refuses_the_file_and_is_named(api: httpx.AsyncClient) -> None:
    bow_tie = [[122.0, 41.0], [122.02, 41.02], [122.02, 41.0], [122.0, 41.02], [122.0, 41.0]]
    good = feature()
    crossing = feature(geometry={"type": "MultiPolygon", "coordinates": [[bow_tie]]})
    open_ring = feature(geometry={"type": "Polygon", "coordinates": [bow_tie[:-1]]})
    sizeless = feature(geometry={"type": "Point", "coordinates": [122, 41]})
    backwards = feature(valid_to="2024-01-01T00:00:00Z")
    nothing = {"type": "Feature", "properties": None, "geometry": None}
    body = collection(good, crossing, open_ring, sizeless, backwards, nothing, 5)
    answer = await send(api, body)
    assert answer.status_code == 422
    faults = {error["field"]: error for error in answer.json()["errors"]}
    assert faults["body.features.1.geometry.coordinates.0.0.0"]["code"] == "self_intersection"
    assert "(122.010000, 41.010000)" in faults["body.features.1.geometry.coordinates.0.0.0"]["message"]
    assert faults["body.features.2.geometry.coordinates.0.3"]["code"] == "ring_open"
    assert faults["body.features.3.properties.radius_m"]["code"] == "radius_with_point"
    assert "body.features.4.properties.valid_to" in faults
    assert {"body.features.5.geometry", "body.features.5.properties"} <= set(faults)
    outcomes = [item["outcome"] for item in answer.json()["items"]]
    assert outcomes == ["created", *["invalid"] * 6]
    assert answer.json()["items"][0]["area_id"] is None
    tried = await imported(api, body, dry_run=True)
    assert tried["counts"] == {"created": 1, "invalid": 6}
    assert tried["items"][1]["errors"] == [faults["body.features.1.geometry.coordinates.0.0.0"]]
    layer = await api.get("/v1/areas", params={"limit": 200}, headers=make.official())
    assert good["properties"]["code"] not in layer.text


async def test_what_stands_in_the_way_is_told(api: httpx.AsyncClient) -> None:
    known, closed = feature(), feature()
    made = await imported(api, collection(known, closed))
    path = f"/v1/areas/{made['items'][1]['area_id']}/closure"
    await api.post(path, json={"reason": "x"}, headers=make.official())
    for each in (known, closed):
        each["geometry"] = make.square(121, 41)  # from the same instant on: a contradiction, no new version
    answer = await send(api, collection(known, closed, feature()))
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [
        ("body.features.0.properties", "area-version-overlap"),
        ("body.features.1.properties", "area-closed"),
    ]
    assert [item["outcome"] for item in answer.json()["items"]] == ["invalid", "invalid", "created"]


@pytest.mark.parametrize("crs", [Crs.GCJ02, Crs.BD09])
async def test_a_file_in_another_system_is_converted(api: httpx.AsyncClient, crs: Crs) -> None:
    ring = make.square()["coordinates"][0]
    shifted = [list(convert(lon, lat, Crs.WGS84, crs)) for lon, lat in ring]
    made = await imported(
        api, collection(feature(geometry={"type": "Polygon", "coordinates": [shifted]})), crs=crs.value
    )
    stored = (await area(api, made["items"][0]["area_id"]))["versions"][0]["geometry"]
    for place, wanted in zip(stored["coordinates"][0][0], ring, strict=True):
        assert place == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS84", 201),
        ("EPSG:4326", 201),
        ("urn:ogc:def:crs:EPSG::4490", 201),
        ("EPSG:3857", 422),
        (5, 422),
    ],
)
async def test_older_files_may_name_wgs84(api: httpx.AsyncClient, name: Any, status: int) -> None:
    body = collection(feature(), crs={"type": "name", "properties": {"name": name}})
    assert (await send(api, body)).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b'{"type": "FeatureCollection"}',
        b'{"type": "FeatureCollection", "features": []}',
        b'{"type": "Feature", "features": [1]}',
        b'{"type": "FeatureCollection", "features": [{"a": NaN}, {"b": 1e999}, "\\u0000", null]}',
        b'{"type": "FeatureCollection", "features": [' + b"[" * 900 + b"]" * 900 + b"]}",
        json.dumps(collection(*[5] * 2001)).encode(),
        json.dumps(collection(feature(name="\x00"))).encode(),
        json.dumps(collection(feature(geometry=make.square(float("nan"))))).encode(),
        json.dumps(collection(feature(geometry=make.square(float("inf"))))).encode(),
        b"\xff",
    ],
)
async def test_bad_files_are_refused(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await send(api, body)
    assert answer.status_code in {400, 422}, answer.text
    assert all(" / " in error["message"] for error in answer.json()["errors"])


async def test_only_officials_import_and_files_have_a_size(api: httpx.AsyncClient, firm: make.Firm) -> None:
    body = collection(feature())
    for headers in (firm.headers, make.office_client(Role.transport_bureau), make.official(Role.police)):
        assert (await api.post(PATH, json=body, headers=headers)).status_code == 403
    assert (await api.post(PATH, json=body)).status_code == 401
    assert (await send(api, b" " * (AREA_FILE + 1))).status_code == 413
    unknown = await send(api, body, crs="EPSG:4326")
    assert unknown.status_code == 422


async def test_two_at_once_bring_in_one(api: httpx.AsyncClient) -> None:
    body = collection(*(feature() for _ in range(5)))
    counts = [answer["counts"] for answer in await asyncio.gather(*(imported(api, body) for _ in range(4)))]
    assert sorted(map(str, counts)) == ["{'created': 5}"] + ["{'unchanged': 5}"] * 3


async def test_a_large_file_does_not_hold_up_others(api: httpx.AsyncClient) -> None:
    """Megabytes of GCJ-02 positions take seconds to convert: others are answered in the meantime."""
    spikes = [[122 + i / 10_000, 41 + (i % 2) / 1000] for i in range(4500)]
    ring = [*spikes, [122.45, 40.9], [122.0, 40.9], spikes[0]]
    body = json.dumps(
        collection(*(feature(geometry={"type": "Polygon", "coordinates": [ring]}) for _ in range(30)))
    ).encode()
    assert AREA_FILE / 4 < len(body) < AREA_FILE
    big = asyncio.create_task(send(api, body, crs="GCJ-02", dry_run=True))
    waits, start = [], time.perf_counter()
    while not big.done():
        began = time.perf_counter()
        assert (await api.get("/healthz")).status_code == 200
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    assert (await big).json()["counts"] == {"created": 30}
    assert max(waits) < (time.perf_counter() - start) / 3, "the whole conversion in one piece"


async def test_the_fixtures_of_the_geojson_schema(api: httpx.AsyncClient, test_data: Path | None) -> None:
    if test_data is None:
        pytest.skip("the fixtures of the GeoJSON schema are not here")
    folder = test_data / "feeds" / "geojson"
    areas = {"Polygon", "MultiPolygon", "Point", "LineString", "MultiLineString"}
    for path in sorted(folder.glob("*valid/*.json")):
        geometry = json.loads(path.read_text())
        size = {"Point": "radius_m", "LineString": "buffer_m", "MultiLineString": "buffer_m"}
        member = size.get(geometry.get("type"))
        given = feature(geometry=geometry, **({member: 5} if member else {}))
        answer = await send(api, collection(given))
        if path.parent.name == "invalid" or geometry["type"] not in areas:
            assert answer.status_code == 422, path.name
        else:
            fault = (answer.json().get("errors") or [{}])[0]
            # Zero-sized or wide fixtures are valid by the schema alone, which knows no geometry.
            assert answer.status_code == 201 or "geometry" in fault["field"], (path.name, answer.text)
    assert (await send(api, json.loads((folder / "valid/featurecollection-basic.json").read_text()))).is_error


def _city(test_data: Path | None, file: str) -> Json:
    if test_data is None:
        pytest.skip("the city's boundaries are not here")
    given: Json = json.loads((test_data / "boundaries" / f"{file}.geojson").read_text())
    for each in given["features"]:
        each["properties"] |= {
            "code": f"B-{uuid4().hex[:8]}",
            "kind": "district",
            "valid_from": "2016-06-01T00:00:00+08:00",
        }
    return given


async def test_boundaries_of_the_city_come_in(api: httpx.AsyncClient, test_data: Path | None) -> None:
    given = _city(test_data, "panjin_cnmaps_wgs84")
    made = await imported(api, given)
    assert made["counts"] == {"created": len(given["features"])}
    assert (await imported(api, given))["counts"] == {"unchanged": len(given["features"])}
    for item, each in zip(made["items"], given["features"], strict=True):
        stored = shape((await area(api, item["area_id"]))["versions"][0]["geometry"])
        assert stored.equals(shape(each["geometry"]))


def _segments_at(each: Json, place: Point) -> int:
    """How many segments of a shape pass a place that is no corner of it."""
    rings = [ring for polygon in each["geometry"]["coordinates"] for ring in polygon]
    return sum(LineString(pair).distance(place) < 1e-6 for ring in rings for pair in pairwise(ring))


async def test_faults_of_published_boundaries_are_found(
    api: httpx.AsyncClient, test_data: Path | None
) -> None:
    """Three districts of the DataV file cross themselves: GEOS says so of the very file, and where."""
    given = _city(test_data, "panjin_datav_city_gcj02")
    reasons = [is_valid_reason(shape(each["geometry"])) for each in given["features"]]
    assert reasons.count("Valid Geometry") == 1
    tried = await imported(api, given, crs="GCJ-02", dry_run=True)
    for item, reason in zip(tried["items"], reasons, strict=True):
        assert item["outcome"] == ("created" if reason == "Valid Geometry" else "invalid")
        for error in item["errors"]:
            lon, lat = (float(part) for part in re.findall(r"-?\d+\.\d+", error["message"])[:2])
            assert _segments_at(given["features"][item["index"]], Point(lon, lat)) >= 2
            assert reason.startswith("Self-intersection")
            assert error["code"] == "self_intersection"
