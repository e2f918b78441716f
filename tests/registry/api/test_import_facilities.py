"""Facilities by file: as by the API, for whoever is in charge of their kind."""

import json
from typing import Any

import httpx
import pytest

from services.registry.domain.facilities import FACILITY_KINDS, FacilityKind
from services.shared.auth import Role
from tests.factories import imports as files
from tests.factories import places
from tests.factories import registry as make

Json = dict[str, Any]
MEMBERS: dict[str, Json] = {
    "freight_hub": {
        "area_m2": 240_000,
        "docks": 60,
        "services": ["transhipment", "storage"],
        "trunk_lines": 4,
    },
    "public_distribution_centre": {"warehouse_area_m2": 1200.5, "tenants": 3, "services": []},
    "joint_delivery_station": {"express_brands": 5, "daily_parcels": 900},
    "parcel_locker": {"lockers": 80, "open_all_day": True},
    "campus_station": {"campus": "辽河石油职业技术学院", "lockers": 40},
    "village_station": {"villages_served": 6, "bus_line": "盘锦—大洼"},
    "unloading_yard": {"surroundings": "commercial", "max_height_m": 4.2},
    "kerb_bay_group": {"road": "兴隆台街", "section": "石油大街至市府大街", "planned_bays": 12},
    "charging_site": {"supply_kva": 1250, "planned_chargers": 20, "open_all_day": False},
    "cold_store": {"cold_storage_m3": 5000, "min_temperature_c": -25, "max_temperature_c": 4},
    "mail_site": {"site_type": "outlet", "cameras_total": 8, "cameras_online": 7, "online_on": "2026-01-31"},
    "bus_station_freight": {"docks": 2, "bus_lines": 3},
}
COLUMNS = (
    *("kind", "code", "name", "planned_on", "lon", "lat", "crs", "owner_department", "division_code"),
    *("zone_code", "address", "area_id", "schematic", "enterprise_uscc", "operator_name", "operator_uscc"),
    *dict.fromkeys(name for members in MEMBERS.values() for name in members),
)


def row_of(body: Json, **values: Any) -> Json:
    """The row that says what a request's body does."""
    operator = body.get("operator") or {}
    members = body["capacity"].items()
    capacity = {name: ";".join(v) if isinstance(v, list) else v for name, v in members}
    flat = {name: value for name, value in body.items() if name not in {"capacity", "operator"}}
    return {
        **flat,
        **capacity,
        "operator_name": operator.get("name"),
        "operator_uscc": operator.get("uscc"),
        **values,
    }


async def check(desk: files.Desk, headers: Json, *rows: Json, columns: tuple[str, ...] = COLUMNS) -> Json:
    return await desk.check(files.csv_of(rows, columns), headers, entity="facilities")


async def by_code(api: httpx.AsyncClient, code: str) -> Json:
    features: list[Json] = []
    query: dict[str, Any] | None = {"limit": 200}
    while query is not None:
        page = (await api.get("/v1/facilities", params=query, headers=make.official())).json()
        features += page["features"]
        query = {"limit": 200, "cursor": page["next_cursor"]} if page["next_cursor"] else None
    (found,) = [each["id"] for each in features if each["properties"]["code"] == code]
    read: Json = (await api.get(f"/v1/facilities/{found}", headers=make.official())).json()
    return read


async def states(superuser: Any, facility_id: str, *own: str) -> list[Any]:
    rows = await superuser.fetch(
        "SELECT version, state FROM registry.outbox WHERE id = $1 ORDER BY seq", facility_id
    )
    return [
        (row["version"], {k: v for k, v in json.loads(row["state"]).items() if k not in {"id", "code", *own}})
        for row in rows
    ]


@pytest.mark.parametrize("kind", FACILITY_KINDS)
async def test_a_facility_by_file_is_a_facility_by_the_api(
    desk: files.Desk, superuser: Any, kind: FacilityKind
) -> None:
    official = make.official(Role(FACILITY_KINDS[kind].bureau))
    body = places.facility_body(kind.value, capacity={"kind": kind.value, **MEMBERS[kind.value]})
    body |= {"lon": 122.0761, "lat": 41.1251, "crs": "GCJ-02", "address": "工业街1号"}
    by_api = await places.create_facility(desk.api, official, body)
    row = row_of(body, code=places.code("F"))
    checked = await check(desk, official, row)
    assert checked["totals"]["created"] == 1, await desk.rows(checked["id"], official)
    assert (
        await superuser.fetchval("SELECT count(*) FROM registry.facilities WHERE code = $1", row["code"]) == 0
    )
    applied = await desk.apply(checked["id"], official)
    assert applied["totals"]["created"] == 1, await desk.rows(checked["id"], official)
    by_file = await by_code(desk.api, row["code"])
    own = {"id", "code", "created_at", "updated_at", "confirmed_at"}
    assert {k: v for k, v in by_file.items() if k not in own} == {
        k: v for k, v in by_api.items() if k not in own
    }
    times = ("confirmed_at",)
    assert await states(superuser, by_file["id"], *times) == await states(superuser, by_api["id"], *times)
    (found,) = await desk.rows(checked["id"], official)
    assert (found["entity_id"], found["key"]) == (by_file["id"], row["code"])
    again = await check(desk, official, row)
    assert again["totals"]["unchanged"] == 1
    changed = {**row, "name": "新名称", "address": "", "services": ""}
    few = tuple(name for name in COLUMNS if name not in {"division_code", "operator_name", "operator_uscc"})
    checked = await check(desk, official, changed, columns=few)
    assert checked["totals"]["updated"] == 1, await desk.rows(checked["id"], official)
    assert (await by_code(desk.api, row["code"]))["version"] == 1, "a check undoes what it tries"
    await desk.apply(checked["id"], official)
    after = await by_code(desk.api, row["code"])
    assert (after["name"], after["address"], after["version"]) == ("新名称", None, 2)
    assert after["operator_name"] == body["operator"]["name"], "no column, no change"


async def test_a_firm_keeps_its_own(desk: files.Desk, firm: make.Firm) -> None:
    other = await make.admit_firm(desk.api)
    foreign = await places.create_facility(desk.api, other.headers, places.own_facility_body())
    mine = places.own_facility_body()
    made = await places.create_facility(desk.api, firm.headers, mine)
    rows = [
        row_of(places.own_facility_body()),
        row_of({**mine, "name": "改名"}, enterprise_uscc=firm.uscc),
        row_of(places.own_facility_body(code=foreign["code"])),
        row_of(places.own_facility_body(), enterprise_uscc=other.uscc),
        row_of(places.facility_body()),
    ]
    checked = await check(desk, firm.headers, *rows)
    found = await desk.rows(checked["id"], firm.headers)
    assert [row["outcome"] for row in found] == ["created", "updated", "conflict", "invalid", "invalid"]
    assert [row["faults"][0]["code"] for row in found[2:]] == [
        *("facility-code-taken", "enterprise_unknown", "operator_foreign")
    ]
    assert not any(word in str(found) for word in (str(other.id), other.uscc, foreign["id"]))
    await desk.apply(checked["id"], firm.headers, skip_refused=True)
    answer = await desk.api.get(f"/v1/facilities/{made['id']}", headers=firm.headers)
    assert (answer.json()["name"], answer.json()["enterprise_id"]) == ("改名", str(firm.id))


@pytest.mark.parametrize(
    ("values", "outcome", "field"),
    [
        ({"kind": "airport"}, "invalid", "kind"),
        ({"kind": "cold_store"}, "conflict", "kind"),
        ({"planned_on": "2024-01-11"}, "conflict", "planned_on"),
        ({"code": "X-NEW", "planned_on": "2099-01-01"}, "invalid", "planned_on"),
        ({"docks": "-1"}, "invalid", "docks"),
        ({"docks": "many"}, "invalid", "docks"),
        ({"lockers": 5}, "invalid", "lockers"),
        ({"services": "storage;spying"}, "invalid", "services"),
        ({"services": "仓储；中转换装"}, "updated", None),
        ({"lon": "181"}, "invalid", "lon"),
        ({"lat": "=1"}, "invalid", "lat"),
        ({"crs": "BD-09", "lon": 2.35, "lat": 48.85}, "invalid", "crs"),
        ({"area_id": "01a205f2-fc46-7578-b9b0-b6cf4fb7d0c0"}, "invalid", "area_id"),
        ({"operator_name": "", "operator_uscc": ""}, "invalid", "operator_name"),
        ({"operator_uscc": "91"}, "invalid", "operator_uscc"),
        ({"division_code": "999999"}, "invalid", "division_code"),
        ({"code": "有空 格"}, "invalid", "code"),
        ({"schematic": "是"}, "updated", None),
    ],
)
async def test_what_is_wrong_is_named(
    desk: files.Desk, values: Json, outcome: str, field: str | None
) -> None:
    official, body = make.official(), places.facility_body()
    await places.create_facility(desk.api, official, body)
    checked = await check(desk, official, row_of(body, **values))
    (row,) = await desk.rows(checked["id"], official)
    named = [fault["field"] for fault in row["faults"]]
    assert row["outcome"] == outcome, row
    assert named == ([field] if field else []), row


async def test_a_firms_row_keeps_an_offices_evidence(desk: files.Desk, firm: make.Firm) -> None:
    body = places.own_facility_body()
    made = await places.create_facility(desk.api, firm.headers, body)
    official = {**make.official(), "Content-Type": "application/pdf"}
    document = (await desk.api.post("/v1/documents", content=make.SMALL_PDF, headers=official)).json()["id"]
    added = {
        **places.facility_update(body),
        "enterprise_id": str(firm.id),
        "document_ids": [document],
    }
    answer = await desk.api.put(f"/v1/facilities/{made['id']}", json=added, headers=make.official())
    assert answer.status_code == 200, answer.text
    checked = await check(desk, firm.headers, row_of(body, name="新名称"))
    assert checked["totals"]["updated"] == 1, await desk.rows(checked["id"], firm.headers)
    await desk.apply(checked["id"], firm.headers)
    after = await by_code(desk.api, body["code"])
    assert (after["name"], after["document_ids"]) == ("新名称", [document])


async def test_offices_keep_the_kinds_in_their_charge(desk: files.Desk, firm: make.Firm) -> None:
    postal = make.official(Role.postal_bureau)
    rows = [row_of(places.facility_body(kind)) for kind in ("parcel_locker", "cold_store")]
    rows.append(row_of(places.own_facility_body("mail_site"), enterprise_uscc=firm.uscc))
    rows.append(row_of(places.facility_body("mail_site"), enterprise_uscc=firm.uscc))
    checked = await check(desk, postal, *rows)
    found = await desk.rows(checked["id"], postal)
    assert [row["outcome"] for row in found] == ["created", "invalid", "created", "invalid"]
    assert [row["faults"][0]["field"] for row in (found[1], found[3])] == ["kind", "enterprise_uscc"]
    await desk.apply(checked["id"], postal, skip_refused=True)
    assert (await by_code(desk.api, rows[2]["code"]))["enterprise_id"] == str(firm.id)
    client = make.office_client(Role.transport_bureau)
    checked = await check(desk, client, row_of(places.facility_body()))
    await desk.apply(checked["id"], client)


async def test_a_code_taken_meanwhile_is_a_conflict(desk: files.Desk, firm: make.Firm) -> None:
    bodies = [places.own_facility_body() for _ in range(3)]
    checked = await check(desk, firm.headers, *map(row_of, bodies))
    other = await make.admit_firm(desk.api)
    await places.create_facility(desk.api, other.headers, bodies[1])
    halted = await desk.apply(checked["id"], firm.headers)
    assert (halted["status"], halted["totals"]["conflict"], halted["totals"]["created"]) == ("checked", 1, 2)
    applied = await desk.apply(checked["id"], firm.headers, skip_refused=True)
    assert (applied["status"], applied["totals"]["created"]) == ("applied", 2)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_what_comes_out_goes_in_unchanged(desk: files.Desk, firm: make.Firm, kind: str) -> None:
    official = make.official()
    made = []
    for name, members in MEMBERS.items():
        body = places.own_facility_body(name, capacity={"kind": name, **members}, enterprise_id=str(firm.id))
        made.append(await places.create_facility(desk.api, official, body))
    outside = await places.create_facility(desk.api, official, places.facility_body())
    query = {"entity": "facilities", "format": kind, "enterprise_id": str(firm.id)}
    media = files.CSV if kind == "csv" else files.XLSX
    for headers in (official, firm.headers):
        answer = await desk.api.get("/v1/exports", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        checked = await desk.check(answer.content, headers, entity="facilities", media_type=media)
        found = await desk.rows(checked["id"], headers)
        assert {row["entity_id"] for row in found} == {each["id"] for each in made}
        assert checked["totals"]["unchanged"] == len(MEMBERS), found
    everything = await desk.api.get("/v1/exports", params={"entity": "facilities"}, headers=firm.headers)
    assert outside["code"] not in everything.text
    for status, count in (("planned", len(MEMBERS)), ("operating", 0)):
        only = {**query, "format": "csv", "status": status}
        answer = await desk.api.get("/v1/exports", params=only, headers=firm.headers)
        assert len(answer.text.splitlines()) == count + 1
