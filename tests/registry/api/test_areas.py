"""Areas: shapes in force over time, converted and refused where they must be."""

from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from shapely import get_num_coordinates
from shapely.geometry import shape

from services.shared.auth import Role
from services.shared.events.registry import AreaState
from tests.factories import registry as make


async def _create(api: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    answer = await api.post("/v1/areas", json=make.area_body(**values), headers=make.official())
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _layer(api: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await api.get("/v1/areas", params=params, headers=make.official(Role.police))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    found: dict[str, Any] = answer.json()
    return found


async def test_a_shape_comes_back_as_it_was(api: httpx.AsyncClient) -> None:
    given = make.square(122.0123456789012, 41.1)
    made = await _create(api, geometry=given)
    assert made["versions"][0]["geometry"] == {"type": "MultiPolygon", "coordinates": [given["coordinates"]]}
    read = await api.get(f"/v1/areas/{made['id']}", headers=make.official(Role.province))
    assert read.json() == made


@pytest.mark.parametrize(
    ("crs", "given", "stored", "within"),
    [
        # domain.md 3.11: the pair of Panjin; BD-09 of GCJ-02 116.404, 39.915, whose WGS-84 is given there by
        # the single-step inverse, about a metre off.
        ("GCJ-02", (122.07549159091725, 41.12209145557409), (122.070, 41.120), 1e-9),
        ("BD-09", (116.41036949371029, 39.92133699351021), (116.39775550083061, 39.91359571849836), 2e-5),
        ("WGS-84", (122.070, 41.120), (122.070, 41.120), 0),
    ],
)
async def test_shifted_systems_are_converted(
    api: httpx.AsyncClient,
    crs: str,
    given: tuple[float, float],
    stored: tuple[float, float],
    within: float,
) -> None:
    lon, lat = given
    ring = [[lon, lat], [lon + 0.01, lat], [lon + 0.01, lat + 0.01], [lon, lat]]
    made = await _create(api, crs=crs, geometry={"type": "Polygon", "coordinates": [ring]})
    corner = made["versions"][0]["geometry"]["coordinates"][0][0][0]
    assert corner == pytest.approx(stored, abs=within)


async def test_a_layer_holds_what_is_in_force_and_in_the_box(api: httpx.AsyncClient) -> None:
    here = await _create(api, geometry=make.square(100.0, 30.0), valid_from="2025-01-01T00:00:00Z")
    await _create(api, geometry=make.square(101.0, 30.0))
    box = "99.9,29.9,100.5,30.5"
    layer = await _layer(api, bbox=box)
    assert [feature["id"] for feature in layer["features"]] == [here["id"]]
    feature = layer["features"][0]
    assert shape(feature["geometry"]).bounds == pytest.approx(feature["bbox"])
    assert feature["properties"]["valid_to"] is None
    assert feature["properties"]["valid_from"] == "2025-01-01T00:00:00.000Z"
    assert (await _layer(api, bbox=box, at="2024-12-31T23:59:59Z"))["features"] == []
    assert (await _layer(api, bbox=box, kind="district"))["features"] == []
    assert (await _layer(api, bbox="10,10,11,11"))["features"] == []


async def test_a_layer_comes_page_by_page(api: httpx.AsyncClient) -> None:
    made = {(await _create(api, geometry=make.square(90.0, 30.0)))["id"] for _ in range(5)}
    seen: list[str] = []
    cursor: str | None = None
    while cursor or not seen:
        page = await _layer(api, bbox="89,29,91,31", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [feature["id"] for feature in page["features"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(made)


async def test_a_new_shape_ends_the_open_one(api: httpx.AsyncClient) -> None:
    made = await _create(api, geometry=make.square(110.0, 30.0))
    path = f"/v1/areas/{made['id']}/versions"
    body = {"geometry": make.square(110.0, 30.0, 0.05), "valid_from": "2025-07-01T00:00:00+08:00"}
    answer = await api.post(path, json=body, headers=make.official())
    assert answer.status_code == 201
    spans = [(v["valid_from"], v["valid_to"]) for v in answer.json()["versions"]]
    assert spans == [
        ("2025-01-01T00:00:00.000Z", "2025-06-30T16:00:00.000Z"),
        ("2025-06-30T16:00:00.000Z", None),
    ]
    assert answer.json()["version"] == 2
    for moment, east in (("2025-03-01T00:00:00Z", 110.02), ("2025-08-01T00:00:00Z", 110.05)):
        layer = await _layer(api, bbox="109.9,29.9,110.1,30.1", at=moment)
        assert layer["features"][0]["bbox"][2] == pytest.approx(east)
    for start, end in (("2025-01-01T00:00:00Z", None), ("2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z")):
        overlap = {**body, "valid_from": start, "valid_to": end}
        refused = await api.post(path, json=overlap, headers=make.official())
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (
            409,
            "area-version-overlap",
        )
    earlier = {**body, "valid_from": "2024-01-01T00:00:00Z", "valid_to": "2025-01-01T00:00:00Z"}
    assert (await api.post(path, json=earlier, headers=make.official())).status_code == 201


async def test_a_code_is_used_once_and_only_officials_draw(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await _create(api)
    again = await api.post("/v1/areas", json=make.area_body(code=made["code"]), headers=make.official())
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "area-code-taken")
    for headers in (firm.headers, make.office_client(Role.transport_bureau), make.official(Role.police)):
        assert (await api.post("/v1/areas", json=make.area_body(), headers=headers)).status_code == 403
    assert (await api.get("/v1/areas")).status_code == 401
    missing = "/v1/areas/01a205f2-fc46-7578-b9b0-b6cf4fb7d0c0"
    assert (await api.get(missing, headers=firm.headers)).status_code == 404


async def test_a_crossing_shape_is_refused_with_its_place(api: httpx.AsyncClient) -> None:
    bow_tie = [[122.0, 41.0], [122.02, 41.02], [122.02, 41.0], [122.0, 41.02], [122.0, 41.0]]
    body = make.area_body(geometry={"type": "Polygon", "coordinates": [bow_tie]})
    answer = await api.post("/v1/areas", json=body, headers=make.official())
    assert answer.status_code == 422
    fault = answer.json()["errors"][0]
    assert (fault["field"], fault["code"]) == ("body.geometry.coordinates.0.0", "self_intersection")
    where = "(122.010000, 41.010000)"
    assert fault["message"] == f"几何无效：自相交 {where} / invalid geometry: Self-intersection {where}"
    listed = await _layer(api, bbox="121.9,40.9,122.1,41.05")
    assert body["code"] not in {feature["properties"]["code"] for feature in listed["features"]}


def _ring(*positions: list[Any]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [list(positions)]}


@pytest.mark.parametrize(
    ("geometry", "member"),
    [
        (_ring([0, 0], [1, 0], [0, 0]), "coordinates.0"),
        (_ring([0, 0], [1, 0], [1, 1], [0, 1]), "coordinates.0.3"),
        (_ring([0, 0], [181, 0], [1, 1], [0, 0]), "coordinates.0.1"),
        (_ring([0, 0], [1, 91], [1, 1], [0, 0]), "coordinates.0.1"),
        (_ring([0, 0], [1], [1, 1], [0, 0]), "coordinates.0.1"),
        (_ring([170, 0], [-170, 0], [-170, 1], [170, 0]), "coordinates.0.1"),
        ({"type": "Polygon", "coordinates": []}, "coordinates"),
        ({"type": "MultiPolygon", "coordinates": []}, "coordinates"),
        ({"type": "MultiPolygon", "coordinates": [[]]}, "coordinates"),
        ({"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [0, 0]]]]}, "coordinates.0.0"),
        ({"type": "MultiPoint", "coordinates": [[0, 0]]}, ""),
        ({"type": "Polygon", "coordinates": [[["a", 0]]]}, "Polygon.coordinates.0.0.0"),
        ({"type": "Polygon", "coordinates": [[[True, 0], [1, 0], [1, 1], [True, 0]]]}, ""),
        ({"type": "Polygon", "coordinates": "x"}, ""),
        ({"type": "Polygon", "coordinates": [[[0, 0]]], "name": "x"}, "Polygon.name"),
        ({"type": "Polygon"}, "Polygon.coordinates"),
        ({"coordinates": [[[0, 0]]]}, ""),
        (_ring([0, 0], [0, 0], [0, 0], [0, 0]), "coordinates.0"),
        (_ring([0, 0], [1, 0], [1, 0], [1e-8, 0]), "coordinates.0"),
    ],
)
async def test_malformed_shapes_are_refused(
    api: httpx.AsyncClient, geometry: dict[str, Any], member: str
) -> None:
    body = make.area_body(geometry=geometry)
    answer = await api.post("/v1/areas", json=body, headers=make.official())
    assert answer.status_code == 422, answer.text
    fault = answer.json()["errors"][0]
    assert fault["field"].startswith(f"body.geometry.{member}" if member else "body.geometry")
    assert " / " in fault["message"]


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity"])
async def test_positions_that_are_no_numbers_are_refused(api: httpx.AsyncClient, number: str) -> None:
    body = (
        '{"code": "X", "name": "x", "kind": "bay", "valid_from": "2025-01-01T00:00:00Z", "geometry":'
        f' {{"type": "Polygon", "coordinates": [[[{number}, 0], [1, 0], [1, 1], [{number}, 0]]]}}}}'
    )
    headers = {**make.official(), "Content-Type": "application/json"}
    answer = await api.post("/v1/areas", content=body.encode(), headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "box", ["1,2,3", "a,b,c,d", "3,0,1,1", "0,0,0,0", "nan,0,1,1", "0,0,500,1", "-inf,0,1,1"]
)
async def test_bad_boxes_are_refused(api: httpx.AsyncClient, box: str) -> None:
    answer = await api.get("/v1/areas", params={"bbox": box}, headers=make.official())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.bbox")


async def test_an_area_is_renamed_by_its_version(api: httpx.AsyncClient) -> None:
    made = await _create(api)
    path = f"/v1/areas/{made['id']}"
    body = {"name": "中心城区（新）", "kind": "low_emission", "schematic": True}
    read = await api.get(path, headers=make.official())
    assert read.headers["ETag"] == '"1"'
    changed = await api.put(path, json=body, headers={**make.official(), "If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert {name: changed.json()[name] for name in body} == body
    assert changed.json()["versions"] == made["versions"]
    late = await api.put(path, json=body, headers={**make.official(), "If-Match": '"1"'})
    assert late.status_code == 412
    assert (await api.put(path, json={**body, "kind": "x"}, headers=make.official())).status_code == 422
    assert (await api.put(path, json=body, headers=make.official(Role.police))).status_code == 403


async def test_a_closed_area_is_over_and_takes_nothing_more(
    api: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await _create(api, geometry=make.square(80.0, 30.0))
    path = f"/v1/areas/{made['id']}"
    early = {"at": "2024-12-31T00:00:00Z", "reason": "x"}
    assert (await api.post(f"{path}/closure", json=early, headers=make.official())).status_code == 409
    body = {"at": "2025-06-01T00:00:00Z", "reason": "通告到期"}
    closed = await api.post(f"{path}/closure", json=body, headers=make.official())
    assert closed.status_code == 200, closed.text
    assert (
        closed.json()["versions"][0]["valid_to"] == closed.json()["closed_at"] == "2025-06-01T00:00:00.000Z"
    )
    assert (await _layer(api, bbox="79,29,81,31"))["features"] == []
    assert (await _layer(api, bbox="79,29,81,31", at="2025-05-31T00:00:00Z"))["features"] != []
    shape_body = {"geometry": make.square(), "valid_from": "2026-01-01T00:00:00Z"}
    rename = {"name": "x", "kind": "bay"}
    for again in (
        await api.post(f"{path}/closure", json=body, headers=make.official()),
        await api.post(f"{path}/versions", json=shape_body, headers=make.official()),
        await api.put(path, json=rename, headers=make.official()),
    ):
        assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "area-closed")
    row = await superuser.fetchrow(
        "SELECT closed_by_name, made_by_name FROM registry.areas a"
        " JOIN registry.area_versions v ON v.area_id = a.id WHERE a.id = $1",
        UUID(made["id"]),
    )
    assert row is not None
    assert tuple(row) == ("李工", "李工")
    state = await superuser.fetchval(
        "SELECT state FROM registry.outbox WHERE id = $1 ORDER BY version DESC LIMIT 1", UUID(made["id"])
    )
    published = AreaState.model_validate_json(state)
    assert published.closed_at == published.versions[0].valid_to
    assert published.versions[0].geometry == made["versions"][0]["geometry"]


async def test_a_layer_can_be_simplified(api: httpx.AsyncClient) -> None:
    circle = {"type": "Point", "coordinates": [70.0, 30.0]}
    await _create(api, geometry=circle, radius_m=1000)
    whole, simple = [
        shape((await _layer(api, bbox="69,29,71,31", **more))["features"][0]["geometry"])
        for more in ({}, {"tolerance_m": 20})
    ]
    assert get_num_coordinates(simple) < get_num_coordinates(whole) / 3
    assert simple.hausdorff_distance(whole) * 111_700 <= 20
    refused = await api.get("/v1/areas", params={"tolerance_m": "nan"}, headers=make.official())
    assert refused.status_code == 422
