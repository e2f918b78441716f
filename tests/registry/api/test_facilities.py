"""Facilities: who registers them, what each kind can say of itself, where they are."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.registry.domain.facilities import FACILITY_KINDS, FacilityKind, is_in_charge
from services.shared.auth import Principal, Role
from services.shared.events.facilities import FacilityState
from services.shared.standards.coordinates import Crs, convert
from tests.factories import places
from tests.factories import registry as make

PATH = "/v1/facilities"
Json = dict[str, Any]
OFFICES = (Role.transport_bureau, Role.commerce_bureau, Role.postal_bureau)

FULL: dict[str, Json] = {
    "freight_hub": {
        "area_m2": 240_000.5,
        "building_area_m2": 90_000,
        "warehouse_area_m2": 60_000,
        "cold_storage_m3": 5000,
        "daily_throughput_t": 1200.5,
        "daily_parcels": 30_000,
        "docks": 60,
        "parking_spaces": 200,
        "trunk_lines": 12,
        "services": ["transhipment", "storage", "customs"],
    },
    "public_distribution_centre": {"warehouse_area_m2": 8000, "tenants": 9, "services": ["joint_delivery"]},
    "joint_delivery_station": {"area_m2": 60, "daily_parcels": 800, "express_brands": 6},
    "parcel_locker": {"lockers": 84, "daily_parcels": 120, "open_all_day": True},
    "campus_station": {"campus": "大连理工大学盘锦校区", "lockers": 300, "daily_parcels": 4000},
    "village_station": {"villages_served": 3, "bus_line": "208路", "services": ["farm_produce"]},
    "unloading_yard": {"area_m2": 900, "surroundings": "commercial", "docks": 4, "max_height_m": 4.5},
    "kerb_bay_group": {"surroundings": "residential", "road": "兴油街", "section": "A—B", "planned_bays": 12},
    "charging_site": {"parking_spaces": 20, "supply_kva": 1600, "open_all_day": True, "planned_chargers": 20},
    "cold_store": {"cold_storage_m3": 12_000, "min_temperature_c": -25, "max_temperature_c": -18, "docks": 3},
    "mail_site": {
        "site_type": "processing_centre",
        "cameras_total": 120,
        "cameras_online": 118,
        "xray_machines_total": 4,
        "xray_machines_online": 4,
        "online_on": "2025-06-01",
    },
    "bus_station_freight": {"bus_lines": 14, "docks": 2, "daily_parcels": 500},
}
"""Every kind with what it can say."""


def capacity(kind: str, **values: Any) -> Json:
    site = {"site_type": "outlet"} if kind == "mail_site" else {}
    return {"capacity": {"kind": kind, **site, **values}}


def fields(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert all(" / " in error["message"] for error in errors)
    return [error["field"] for error in errors]


async def send(api: httpx.AsyncClient, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    return await api.post(PATH, json=body, headers=headers or make.official())


def test_every_kind_is_tried() -> None:
    assert set(FULL) == set(FacilityKind)


@pytest.mark.parametrize("kind", FULL)
async def test_each_kind_keeps_what_it_says(api: httpx.AsyncClient, kind: str) -> None:
    body = places.facility_body(kind, **capacity(kind, **FULL[kind]))
    made = await places.create_facility(api, make.official(), body)
    assert (made["kind"], made["status"], made["version"]) == (kind, "planned", 1)
    assert {name: value for name, value in made["capacity"].items() if value != []} == body["capacity"]
    read = await api.get(f"{PATH}/{made['id']}", headers=make.official())
    assert read.json() == made
    assert read.headers["ETag"] == '"1"'


@pytest.mark.parametrize("kind", FULL)
async def test_no_kind_takes_what_is_anothers(api: httpx.AsyncClient, kind: str) -> None:
    others = {name: value for each in FULL.values() for name, value in each.items()}
    for name in others.keys() - FULL[kind].keys():
        body = places.facility_body(kind, **capacity(kind, **{name: others[name]}))
        answer = await send(api, body)
        if answer.status_code == 201:  # the kind has it too, and FULL leaves it out for another
            assert name in answer.json()["capacity"]
        else:
            assert fields(answer) == [f"body.capacity.{kind}.{name}"]
    assert "body.capacity" in fields(await send(api, places.facility_body(**capacity(f"{kind}s"))))[0]


@pytest.mark.parametrize(
    ("kind", "values", "member"),
    [
        ("freight_hub", {"area_m2": -1}, "area_m2"),
        ("freight_hub", {"area_m2": "12"}, "area_m2"),
        ("freight_hub", {"docks": 2.5}, "docks"),
        ("freight_hub", {"docks": True}, "docks"),
        ("freight_hub", {"services": ["teleport"]}, "services.0"),
        ("freight_hub", {"services": ["storage", "storage"]}, "services"),
        ("parcel_locker", {"area_m2": 3}, "area_m2"),
        ("cold_store", {"min_temperature_c": -18, "max_temperature_c": -25}, "max_temperature_c"),
        ("cold_store", {"lockers": 5}, "lockers"),
        ("mail_site", {"cameras_total": 3, "cameras_online": 4}, "cameras_online"),
        ("mail_site", {"xray_machines_online": 1}, "xray_machines_online"),
        ("mail_site", {"site_type": "warehouse"}, "site_type"),
        ("mail_site", {"online_on": "2025-02-30"}, "online_on"),
        ("kerb_bay_group", {"surroundings": "moon"}, "surroundings"),
        ("campus_station", {"campus": "\x00"}, "campus"),
    ],
)
async def test_wrong_capacities_are_named(
    api: httpx.AsyncClient, kind: str, values: Json, member: str
) -> None:
    answer = await send(api, places.facility_body(kind, **capacity(kind, **values)))
    assert fields(answer) == [f"body.capacity.{kind}.{member}"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("member", ["lon", "area_m2"])
async def test_what_is_no_number_is_refused(api: httpx.AsyncClient, member: str, number: str) -> None:
    body = places.facility_body(**capacity("freight_hub", area_m2=5))
    (body if member == "lon" else body["capacity"])[member] = "HERE"
    text = json.dumps(body).replace('"HERE"', number)
    headers = {**make.official(), "Content-Type": "application/json"}
    answer = await api.post(PATH, content=text.encode(), headers=headers)
    assert member in fields(answer)[0]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"planned_on": "2999-01-01"}, "body.planned_on"),
        ({"planned_on": "1899-12-31"}, "body.planned_on"),
        ({"planned_on": "2025-13-01"}, "body.planned_on"),
        ({"planned_on": "2025-01-01T00:00:00Z"}, "body.planned_on"),
        ({"planned_on": 20250101}, "body.planned_on"),
        ({"lat": 91}, "body.lat"),
        ({"lon": None}, "body.lon"),
        ({"crs": "EPSG:4326"}, "body.crs"),
        ({"lon": 2.35, "lat": 48.85, "crs": "GCJ-02"}, "body.crs"),
        ({"division_code": "990000"}, "body.division_code"),
        ({"operator": None}, "body.operator"),
        ({"operator": {"name": "无码公司"}}, "body.operator.uscc"),
        ({"operator": {"name": "错码公司", "uscc": "91110000600037341X"}}, "body.operator.uscc"),
        ({"enterprise_id": str(uuid4())}, "body.operator"),
        ({"area_id": str(uuid4())}, "body.area_id"),
        ({"document_ids": [str(uuid4())]}, "body.document_ids.0"),
        ({"status": "operating"}, "body.status"),
        ({"name": "  "}, "body.name"),
    ],
)
async def test_wrong_members_are_named(api: httpx.AsyncClient, values: Json, field: str) -> None:
    body = {**places.facility_body(), **values}
    if values.get("lon", 0) is None or values.get("operator", 0) is None:
        body = {name: value for name, value in body.items() if value is not None}
    assert fields(await send(api, body)) == [field]


async def test_an_unknown_operator_of_the_registry_is_not_found(api: httpx.AsyncClient) -> None:
    answer = await send(api, places.own_facility_body(enterprise_id=str(uuid4())))
    assert answer.status_code == 404


async def test_vectors_of_shifted_systems_come_out_as_wgs84(
    api: httpx.AsyncClient, test_data: Path | None
) -> None:
    """Published pairs where the data is at hand; the pair of `domain.md` 3.11 always."""
    rows = [("GCJ-02", 122.07549159091725, 41.12209145557409, 122.070, 41.120, 1e-6)]
    if test_data is not None:
        lines = (test_data / "coordinates" / "vectors.jsonl").read_text().splitlines()
        given = [row for row in map(json.loads, lines) if row["to"] == "WGS-84" and row["frm"] != "WGS-84"]
        rows += [
            (r["frm"], r["lon"], r["lat"], r["expect_lon"], r["expect_lat"], max(r["tolerance_deg"], 5e-5))
            for r in given[::7]
            if 73.7 < r["lon"] < 135 and 4 < r["lat"] < 53.5
        ]
        assert len(rows) > 20
    for crs, lon, lat, wanted_lon, wanted_lat, within in rows:
        made = await places.create_facility(
            api, make.official(), places.facility_body(lon=lon, lat=lat, crs=crs)
        )
        assert (made["lon"], made["lat"]) == pytest.approx((wanted_lon, wanted_lat), abs=within)


@pytest.mark.parametrize("kind", FACILITY_KINDS)
async def test_offices_register_their_own_kinds(api: httpx.AsyncClient, kind: FacilityKind) -> None:
    for role in OFFICES:
        answer = await send(api, places.facility_body(kind), make.official(role))
        assert answer.status_code == (201 if is_in_charge(role.value, kind) else 403), (role, answer.text)
    for headers in (make.official(Role.police), make.official(Role.province), make.service()):
        assert (await send(api, places.facility_body(kind), headers)).status_code == 403


async def test_a_firm_registers_its_own_and_an_official_confirms(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    document = await places.upload(api, firm.headers)
    body = places.own_facility_body(document_ids=[document])
    made = await places.create_facility(api, firm.headers, body)
    assert (made["enterprise_id"], made["confirmed_at"], made["operator_name"]) == (str(firm.id), None, None)
    assert made["document_ids"] == [document]
    path = f"{PATH}/{made['id']}"
    (bay,) = await places.create_bays(api, firm.headers, made["id"], places.bay())
    (charger,) = await places.create_chargers(api, firm.headers, made["id"], places.charger())
    assert (bay["confirmed_at"], charger["confirmed_at"]) == (None, None)
    assert (await api.post(f"{path}/confirmation", json={}, headers=firm.headers)).status_code == 403
    system = make.office_client(Role.transport_bureau)
    assert (await api.post(f"{path}/confirmation", json={}, headers=system)).status_code == 403
    photo = await places.upload(api, make.official())
    confirmed = await places.posted(
        api, f"{path}/confirmation", make.official(), {"document_ids": [photo, photo]}
    )
    assert confirmed["confirmed_at"] is not None
    assert (confirmed["document_ids"], confirmed["confirmation_document_ids"]) == ([document], [photo])
    for unit, collection in ((bay, "bays"), (charger, "chargers")):
        read = (await api.get(f"/v1/{collection}/{unit['id']}", headers=firm.headers)).json()
        assert (read["version"], read["confirmed_at"] is None) == (2, False)
    # The firm's next edit is its own word again.
    update = {name: value for name, value in body.items() if name not in {"code", "planned_on"}}
    changed = await api.put(path, json={**update, "name": "新名"}, headers=firm.headers)
    assert (changed.json()["name"], changed.json()["confirmed_at"]) == ("新名", None)


async def test_a_firm_speaks_for_itself_only(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    foreign_document = await places.upload(api, other.headers)
    named = await send(api, places.own_facility_body(enterprise_id=str(other.id)), firm.headers)
    assert named.status_code == 404
    assert fields(await send(api, places.facility_body(), firm.headers)) == ["body.operator"]
    body = places.own_facility_body(document_ids=[foreign_document])
    assert fields(await send(api, body, firm.headers)) == ["body.document_ids.0"]
    suspension = f"/v1/enterprises/{firm.id}/suspension"
    await places.posted(api, suspension, make.official(), {"reason": "x"})
    refused = await send(api, places.own_facility_body(), firm.headers)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "enterprise-suspended")


async def test_a_firm_keeps_what_an_office_has_added_as_evidence(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    body = places.own_facility_body()
    own = (await make.upload(api, firm)).json()["id"]
    made = await places.create_facility(api, firm.headers, {**body, "document_ids": [own]})
    path, update = f"{PATH}/{made['id']}", places.facility_update(body)
    official = {**make.official(), "Content-Type": "application/pdf"}
    of_office = (await api.post("/v1/documents", content=make.SMALL_PDF, headers=official)).json()["id"]
    added = {**update, "enterprise_id": str(firm.id), "document_ids": [own, of_office]}
    assert (await api.put(path, json=added, headers=make.official())).status_code == 200
    renamed = {**update, "name": "冷库二号", "document_ids": [own, of_office]}
    answer = await api.put(path, json=renamed, headers=firm.headers)
    assert (answer.status_code, answer.json()["document_ids"]) == (200, [own, of_office]), answer.text
    answer = await api.put(path, json=update, headers=firm.headers)
    assert answer.json()["document_ids"] == [of_office], "its own it may take away"
    answer = await api.put(path, json={**update, "document_ids": [of_office, own]}, headers=firm.headers)
    assert answer.json()["document_ids"] == [of_office, own]
    other = (await make.upload(api, await make.admit_firm(api))).json()["id"]
    answer = await api.put(
        path, json={**update, "document_ids": [of_office, own, other]}, headers=firm.headers
    )
    assert fields(answer) == ["body.document_ids.2"]
    answer = await api.put(path, json={**added, "document_ids": []}, headers=make.official())
    assert answer.json()["document_ids"] == [], "an office decides about all of it"
    answer = await api.put(path, json={**update, "document_ids": [of_office]}, headers=firm.headers)
    assert fields(answer) == ["body.document_ids.0"]


async def test_a_demonstration_firms_facility_is_flagged(api: httpx.AsyncClient) -> None:
    demo = await make.admit_firm(api, demo=True)
    body = places.own_facility_body("kerb_bay_group", division_code="210901", enterprise_id=str(demo.id))
    made = await places.create_facility(api, make.official(), body)
    assert made["is_demo"] is True
    await places.open_facility(api, made["id"], "2024-02-01")
    await places.create_bays(api, make.official(), made["id"], places.bay())
    counted = await api.get(
        "/v1/facility-counts", params={"division_code": "210901"}, headers=make.official()
    )
    row = next(item for item in counted.json()["items"] if item["kind"] == "kerb_bay_group")
    assert (row["operating"], row["bays"]) == (0, 0)


async def test_an_update_keeps_to_the_version_and_the_kind(api: httpx.AsyncClient) -> None:
    made = await places.create_facility(api, make.official(), places.facility_body("cold_store"))
    path = f"{PATH}/{made['id']}"
    body = places.facility_body("cold_store", **capacity("cold_store", docks=2), name="冷库二期")
    update = {name: value for name, value in body.items() if name not in {"code", "planned_on"}}
    changed = await api.put(path, json=update, headers={**make.official(), "If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert (changed.json()["capacity"]["docks"], changed.json()["name"]) == (2, "冷库二期")
    assert (changed.json()["code"], changed.json()["planned_on"]) == (made["code"], made["planned_on"])
    late = await api.put(path, json=update, headers={**make.official(), "If-Match": '"1"'})
    assert late.status_code == 412
    other = await api.put(path, json={**update, **capacity("freight_hub")}, headers=make.official())
    assert fields(other) == ["body.capacity.kind"]
    assert fields(await api.put(path, json=body, headers=make.official())) == ["body.code", "body.planned_on"]
    wrong = await api.put(path, json=update, headers=make.official(Role.postal_bureau))
    assert wrong.status_code == 403
    firm = await make.admit_firm(api)
    assert (await api.put(path, json=update, headers=firm.headers)).status_code == 404
    handed = {**update, "operator": None, "enterprise_id": str(firm.id)}
    assert (await api.put(path, json=handed, headers=make.official())).json()["enterprise_id"] == str(firm.id)
    mine = {name: value for name, value in handed.items() if name != "enterprise_id"}
    assert (await api.put(path, json=mine, headers=firm.headers)).status_code == 200


async def test_fifty_at_once_make_one_facility(api: httpx.AsyncClient) -> None:
    body = places.facility_body()
    answers = await asyncio.gather(*(send(api, body) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    slugs = {answer.json()["type"].rpartition(":")[2] for answer in answers if answer.status_code == 409}
    assert slugs == {"facility-code-taken"}


async def test_safety_numbers_are_for_the_operator_and_the_offices(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    body = places.own_facility_body("mail_site", lon=105.0, **capacity("mail_site", **FULL["mail_site"]))
    made = await places.create_facility(api, firm.headers, body)
    assert made["capacity"]["cameras_online"] == 118
    stranger = await make.admit_firm(api)
    for headers, whole in (
        (firm.headers, True),
        (make.official(Role.postal_bureau), True),
        (stranger.headers, False),
        (make.official(Role.police), False),
        (make.bearer(Principal("p", Role.public)), False),
    ):
        read = (await api.get(f"{PATH}/{made['id']}", headers=headers)).json()["capacity"]
        layer = await api.get(PATH, params={"bbox": "104.9,41,105.1,42"}, headers=headers)
        (shown,) = [item["properties"]["capacity"] for item in layer.json()["features"]]
        public = {"kind": "mail_site", "site_type": "processing_centre", "services": []}
        assert read == (made["capacity"] if whole else public)
        assert shown == public


async def test_a_repeated_request_makes_one(api: httpx.AsyncClient) -> None:
    headers = {**make.official(), "Idempotency-Key": uuid4().hex}
    body = places.facility_body()
    first, second = [await send(api, body, headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


async def test_a_layer_is_narrowed_and_paged(api: httpx.AsyncClient) -> None:
    lon, lat = convert(100.0, 30.0, Crs.WGS84)
    near: Json = {"lon": lon, "lat": lat, "planned_on": "2024-01-10"}
    hubs = [
        (await places.create_facility(api, make.official(), places.facility_body(**near)))["id"]
        for _ in range(5)
    ]
    store = await places.create_facility(api, make.official(), places.facility_body("cold_store", **near))
    far = await places.create_facility(api, make.official(), places.facility_body(lon=101.0, lat=30.0))
    await places.open_facility(api, hubs[0], "2024-03-01")
    box = "99.9,29.9,100.1,30.1"

    async def layer(**params: Any) -> list[str]:
        seen: list[str] = []
        cursor: str | None = None
        while cursor or not seen:
            more = {"cursor": cursor} if cursor else {}
            query = {"bbox": box, "limit": 2, **params, **more}
            answer = await api.get(PATH, params=query, headers=make.official(Role.police))
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/geo+json"
            page = answer.json()
            seen += [feature["id"] for feature in page["features"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
        return seen

    assert sorted(await layer()) == sorted([*hubs, store["id"]])
    assert far["id"] not in await layer()
    assert await layer(kind="cold_store") == [store["id"]]
    assert await layer(status="operating") == [hubs[0]]
    assert await layer(status="operating", at="2024-02-29") == []
    assert await layer(status="operating", at="2024-03-01") == [hubs[0]]
    assert await layer(at="2024-01-09") == []
    assert sorted(await layer(status="planned", at="2024-02-29", kind="freight_hub")) == sorted(hubs)
    assert await layer(division_code="211102") == []
    found = await api.get(PATH, params={"bbox": box, "kind": "cold_store"}, headers=make.official())
    assert found.json()["features"][0]["geometry"] == {"type": "Point", "coordinates": [100.0, 30.0]}
    for name in ("kind", "at", "status", "bbox", "cursor", "division_code", "unknown"):
        assert (await api.get(PATH, params={name: "x"}, headers=make.official())).status_code == 422


async def test_what_is_published_is_what_is_read(
    api: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await places.operating(api, "freight_hub", **capacity("freight_hub", **FULL["freight_hub"]))
    rows = await superuser.fetch(
        "SELECT kind, version, state FROM registry.outbox WHERE id = $1 ORDER BY version", made["id"]
    )
    assert [(row["kind"], row["version"]) for row in rows] == [
        ("facility", 1),
        ("facility", 2),
        ("facility", 3),
    ]
    state = FacilityState.model_validate_json(rows[-1]["state"]).model_dump(mode="json")
    assert {name: made[name] for name in state} == state
    assert "李工" not in rows[-1]["state"].decode()


async def test_what_was_edited_since_it_was_looked_at_is_not_confirmed(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    made = await places.create_facility(api, firm.headers, places.own_facility_body())
    path = f"{PATH}/{made['id']}/confirmation"
    late = await api.post(path, json={}, headers={**make.official(), "If-Match": '"9"'})
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (412, "precondition-failed")
    looked = await api.post(path, json={}, headers={**make.official(), "If-Match": '"1"'})
    assert looked.status_code == 200, looked.text
