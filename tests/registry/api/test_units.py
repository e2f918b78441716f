"""Bays and chargers, one by one: made all or none, each code once at a time, in service over days."""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.registry.domain.facilities import FACILITY_KINDS, FacilityKind
from services.shared.auth import Role
from services.shared.events.facilities import BayState, ChargerState
from services.shared.rules.schedule import Schedule, Window
from services.shared.standards.coordinates import wgs84_to_gcj02
from tests.factories import places
from tests.factories import registry as make

Json = dict[str, Any]
UNITS = ("bays", "chargers")
MAKE = {"bays": places.bay, "chargers": places.charger}


async def send(
    api: httpx.AsyncClient,
    unit: str,
    facility: Json,
    *items: Any,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    body = {"facility_id": facility["id"], "items": [*items]}
    return await api.post(f"/v1/{unit}", json=body, headers=headers or make.official())


def told(answer: httpx.Response, status: int = 422) -> list[tuple[str, str]]:
    assert answer.status_code == status, answer.text
    errors = answer.json()["errors"]
    assert all(" / " in error["message"] for error in errors)
    return [(error["field"], error["code"]) for error in errors]


async def listed(api: httpx.AsyncClient, unit: str, **params: Any) -> list[Json]:
    answer = await api.get(f"/v1/{unit}", params=params, headers=make.official(Role.police))
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


async def test_a_bay_says_all_there_is_to_say(
    api: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    group = await places.operating(api)
    photo = await places.upload(api, make.official())
    lon, lat = wgs84_to_gcj02(122.0652, 41.1181)
    given = places.bay(
        lon=lon,
        lat=lat,
        crs="GCJ-02",
        length_m=7.5,
        nev_only=True,
        has_charger=True,
        max_stay_minutes=30,
        weekdays=[1, 2, 3, 4, 5],
        windows=[{"start": "22:00", "end": "06:00"}],
        holiday_calendar=True,
        fee_note="新能源车首小时免费",
        road="兴油街",
        section="石油大街—迎宾路",
        legal_basis="盘公交管〔2024〕5号",
        photo_document_id=photo,
    )
    (made,) = await places.create_bays(api, make.official(), group["id"], given)
    assert {name: made[name] for name in given.keys() - {"lon", "lat", "crs"}} == {
        name: given[name] for name in given.keys() - {"lon", "lat", "crs"}
    }
    assert (made["lon"], made["lat"]) == pytest.approx((122.0652, 41.1181), abs=1e-9)
    read = await api.get(f"/v1/bays/{made['id']}", headers=make.official(Role.public))
    assert (read.json(), read.headers["ETag"]) == (made, '"1"')
    state = BayState.model_validate_json(
        await superuser.fetchval("SELECT state FROM registry.outbox WHERE id = $1", UUID(made["id"]))
    )
    published = state.model_dump(mode="json")
    assert {name: made[name] for name in published} == published
    hours = (Window(22 * 60, 6 * 60),)
    assert state.to_schedule() == Schedule(frozenset(range(1, 6)), hours, holiday_calendar=True)


async def test_a_bay_may_be_an_area(api: httpx.AsyncClient) -> None:
    group = await places.operating(api)
    area = make.area_body(kind="bay", geometry=make.square(122.3, 41.3, 0.0001))
    area_id = (await places.posted(api, "/v1/areas", make.official(), area, 201))["id"]
    placed = places.bay(area_id=area_id)
    bare = {name: value for name, value in places.bay(area_id=area_id).items() if name not in {"lon", "lat"}}
    with_place, without = await places.create_bays(api, make.official(), group["id"], placed, bare)
    assert (with_place["lon"], with_place["area_id"]) == (122.0652, area_id)
    assert 122.3 < without["lon"] < 122.3001
    assert 41.3 < without["lat"] < 41.3001


async def test_a_charger_is_kept_and_published(
    api: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    site = await places.operating(api, "charging_site")
    operator = {"name": "盘锦充电服务有限公司", "uscc": make.uscc()}
    given = places.charger(power_kw=480.5, connectors=["chaoji", "gbt_dc"], operator=operator)
    slow = places.charger(power_kw=7, current="AC", connectors=["gbt_ac"], open_to_delivery_vehicles=False)
    made, other = await places.create_chargers(api, make.official(), site["id"], given, slow)
    assert (made["power_kw"], made["connectors"]) == (480.5, ["chaoji", "gbt_dc"])
    assert (made["operator_name"], made["operator_uscc"]) == (operator["name"], operator["uscc"])
    assert (other["current"], other["open_to_delivery_vehicles"], other["operator_name"]) == (
        "AC",
        False,
        None,
    )
    state = ChargerState.model_validate_json(
        await superuser.fetchval("SELECT state FROM registry.outbox WHERE id = $1", UUID(made["id"]))
    ).model_dump(mode="json")
    assert {name: made[name] for name in state} == state


@pytest.mark.parametrize(
    ("values", "member", "code"),
    [
        ({"lon": None}, "", "position_missing"),
        ({"lon": None, "lat": None}, "", "position_missing"),
        ({"lon": 2.0, "lat": 48.0, "crs": "BD-09"}, "", "position_outside_china"),
        ({"length_m": 0}, ".length_m", "greater_than"),
        ({"max_stay_minutes": 0}, ".max_stay_minutes", "greater_than_equal"),
        ({"weekdays": [1, 1]}, ".weekdays", "duplicate"),
        ({"weekdays": [0]}, ".weekdays.0", "greater_than_equal"),
        ({"weekdays": []}, ".weekdays", "too_short"),
        ({"windows": [{"start": "06:00", "end": "06:00"}]}, ".windows", "window_empty"),
        ({"windows": [{"start": "24:00", "end": "06:00"}]}, ".windows.0.start", "string_pattern_mismatch"),
        ({"in_service_from": "2025-02-30"}, ".in_service_from", "date_invalid"),
        ({"in_service_to": "2025-02-03"}, ".in_service_to", "extra_forbidden"),
        ({"code": "a b"}, ".code", "string_pattern_mismatch"),
        ({"nev_only": "yes"}, ".nev_only", "bool_type"),
        ({"road": "\x00"}, ".road", "text_unstorable"),
    ],
)
async def test_a_wrong_bay_is_named_and_none_is_stored(
    api: httpx.AsyncClient, values: Json, member: str, code: str
) -> None:
    group = await places.operating(api)
    wrong = {name: value for name, value in {**places.bay(), **values}.items() if value is not None}
    answer = await send(api, "bays", group, places.bay(), wrong)
    assert told(answer) == [(f"body.items.1{member}", code)]
    assert await listed(api, "bays", facility_id=group["id"]) == []


@pytest.mark.parametrize(
    ("values", "member", "code"),
    [
        ({"power_kw": 0}, ".power_kw", "greater_than"),
        ({"power_kw": 2001}, ".power_kw", "less_than_equal"),
        ({"current": "ac"}, ".current", "literal_error"),
        ({"connectors": []}, ".connectors", "too_short"),
        ({"connectors": ["gbt_dc", "gbt_dc"]}, ".connectors", "duplicate"),
        ({"connectors": ["ccs2"]}, ".connectors.0", "enum"),
        ({"connectors": ["gbt_ac"]}, ".connectors", "connector_current"),
        ({"open_to_delivery_vehicles": None}, ".open_to_delivery_vehicles", "bool_type"),
        ({"operator": {"name": "x"}}, ".operator.uscc", "missing"),
    ],
)
async def test_a_wrong_charger_is_named(api: httpx.AsyncClient, values: Json, member: str, code: str) -> None:
    site = await places.operating(api, "charging_site")
    answer = await send(api, "chargers", site, {**places.charger(), **values})
    assert told(answer) == [(f"body.items.0{member}", code)]


@pytest.mark.parametrize("unit", UNITS)
async def test_two_hundred_at_once_and_no_more(api: httpx.AsyncClient, unit: str) -> None:
    group = await places.operating(api)
    items = [MAKE[unit]() for _ in range(201)]
    assert told(await send(api, unit, group, *items)) == [("body.items", "too_long")]
    assert told(await send(api, unit, group)) == [("body.items", "too_short")]
    made = await send(api, unit, group, *items[:200])
    assert [item["code"] for item in made.json()["items"]] == [item["code"] for item in items[:200]]
    seen: list[Json] = []
    cursor: str | None = None
    while cursor or not seen:
        query = {"facility_id": group["id"], "limit": 90, **({"cursor": cursor} if cursor else {})}
        page = (await api.get(f"/v1/{unit}", params=query, headers=make.official())).json()
        seen += page["items"]
        cursor = page["next_cursor"]
    assert len(seen) == 200


@pytest.mark.parametrize("unit", UNITS)
async def test_codes_are_used_once_at_a_time(api: httpx.AsyncClient, unit: str) -> None:
    group, elsewhere = await places.operating(api), await places.operating(api)
    one, two = MAKE[unit](), MAKE[unit]()
    made = (await send(api, unit, group, one)).json()["items"][0]
    repeated = await send(api, unit, group, two, MAKE[unit](), two)
    assert told(repeated) == [("body.items.0.code", "code_repeated"), ("body.items.2.code", "code_repeated")]
    taken = await send(api, unit, group, two, one)
    assert told(taken, 409) == [("body.items.1.code", "code_taken")]
    assert (await send(api, unit, elsewhere, one)).status_code == 201
    path = f"/v1/{unit}/{made['id']}"
    ending = {"on": "2024-09-01", "reason": "拆除"}
    retired = await places.posted(api, f"{path}/retirement", make.official(), ending)
    assert (retired["in_service_to"], retired["end_reason"], retired["status"]) == (
        "2024-09-01",
        "拆除",
        "ended",
    )
    again = await api.post(f"{path}/retirement", json=ending, headers=make.official())
    assert again.status_code == 409
    early = await send(api, unit, group, {**one, "in_service_from": "2024-08-31"})
    assert told(early, 409) == [("body.items.0.code", "code_taken")]
    later = await send(api, unit, group, {**one, "in_service_from": "2024-09-01"})
    assert later.status_code == 201
    back = await api.post(f"{path}/reinstatement", json={"reason": "x"}, headers=make.official())
    assert (back.status_code, back.json()["type"].rpartition(":")[2]) == (409, "unit-code-taken")
    renamed = {**one, "code": f"{one['code']}-OLD"}
    assert (await api.put(path, json=renamed, headers=make.official())).status_code == 200
    reinstated = await places.posted(api, f"{path}/reinstatement", make.official(), {"reason": "误停用"})
    assert (reinstated["in_service_to"], reinstated["end_reason"]) == (None, None)
    assert (
        await api.post(f"{path}/reinstatement", json={"reason": "x"}, headers=make.official())
    ).status_code == 409


async def test_fifty_at_once_make_one_bay(api: httpx.AsyncClient) -> None:
    group = await places.operating(api)
    item = places.bay()
    answers = await asyncio.gather(*(send(api, "bays", group, item, places.bay()) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    for answer in answers:
        if answer.status_code == 409:
            assert told(answer, 409) == [("body.items.0.code", "code_taken")]
    assert len(await listed(api, "bays", facility_id=group["id"])) == 2


async def test_renaming_to_one_code_at_once_lets_one_win(api: httpx.AsyncClient) -> None:
    group = await places.operating(api)
    bays = [places.bay() for _ in range(8)]
    made = await places.create_bays(api, make.official(), group["id"], *bays)
    answers = await asyncio.gather(
        *(
            api.put(f"/v1/bays/{each['id']}", json={**bay, "code": "ONE"}, headers=make.official())
            for each, bay in zip(made, bays, strict=True)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


@pytest.mark.parametrize("unit", UNITS)
async def test_a_unit_is_in_service_over_its_days(api: httpx.AsyncClient, unit: str) -> None:
    group = await places.operating(api)
    now, coming, gone = (MAKE[unit](in_service_from=on) for on in ("2024-03-01", "2090-01-01", "2024-05-01"))
    made = (await send(api, unit, group, now, coming, gone)).json()["items"]
    assert [item["status"] for item in made] == ["in_service", "planned", "in_service"]
    path = f"/v1/{unit}/{made[2]['id']}"
    before = await api.post(
        f"{path}/retirement", json={"on": "2024-04-30", "reason": "x"}, headers=make.official()
    )
    assert told(before) == [("body.on", "interval")]
    await places.posted(api, f"{path}/retirement", make.official(), {"on": "2024-07-01", "reason": "x"})
    for day, wanted in (
        ("2024-04-30", {made[0]["id"]}),
        ("2024-05-01", {made[0]["id"], made[2]["id"]}),
        ("2024-06-30", {made[0]["id"], made[2]["id"]}),
        ("2024-07-01", {made[0]["id"]}),
        ("2090-01-01", {made[0]["id"], made[1]["id"]}),
    ):
        found = await listed(api, unit, facility_id=group["id"], at=day)
        assert {item["id"] for item in found} == wanted, day
        assert {item["status"] for item in found} == {"in_service"}
    late = {**gone, "in_service_from": "2024-07-02"}
    assert told(await api.put(path, json=late, headers=make.official())) == [
        ("body.in_service_from", "interval")
    ]
    assert (await api.get(f"/v1/{unit}?at=2024-02-30", headers=make.official())).status_code == 422


@pytest.mark.parametrize("unit", UNITS)
async def test_an_update_keeps_to_the_version(api: httpx.AsyncClient, unit: str) -> None:
    group = await places.operating(api)
    item = MAKE[unit]()
    made = (await send(api, unit, group, item)).json()["items"][0]
    path = f"/v1/{unit}/{made['id']}"
    changed = {**item, "in_service_from": "2024-04-01"}
    answer = await api.put(path, json=changed, headers={**make.official(), "If-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json()["in_service_from"] == "2024-04-01"
    late = await api.put(path, json=changed, headers={**make.official(), "If-Match": '"1"'})
    assert late.status_code == 412


@pytest.mark.parametrize("unit", UNITS)
async def test_who_keeps_the_facility_keeps_them(
    api: httpx.AsyncClient, firm: make.Firm, unit: str, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    body = places.own_facility_body("public_distribution_centre")
    facility = await places.create_facility(api, firm.headers, body)
    item = MAKE[unit]()
    made = (await send(api, unit, facility, item, headers=firm.headers)).json()["items"][0]
    assert made["confirmed_at"] is None
    path = f"/v1/{unit}/{made['id']}"
    stranger = await make.admit_firm(api)
    calls: list[tuple[str, str, Json]] = [
        ("POST", f"/v1/{unit}", {"facility_id": facility["id"], "items": [MAKE[unit]()]}),
        ("PUT", path, item),
        ("POST", f"{path}/retirement", {"on": "2024-09-01", "reason": "x"}),
    ]
    for method, target, body in calls:
        for headers, status in (
            (stranger.headers, 404),
            (make.official(Role.postal_bureau), 403),
            (make.official(Role.police), 403),
        ):
            assert (await api.request(method, target, json=body, headers=headers)).status_code == status
    by_commerce = await api.put(path, json=item, headers=make.official(Role.commerce_bureau))
    assert by_commerce.json()["confirmed_at"] is not None
    mine = await api.put(path, json=item, headers=firm.headers)
    assert mine.json()["confirmed_at"] is None
    await places.posted(api, f"{path}/retirement", firm.headers, {"on": "2024-09-01", "reason": "撤除"})
    await places.posted(api, f"{path}/reinstatement", make.official(), {"reason": "核查仍在用"})
    rows = await superuser.fetch(
        "SELECT day, reason, decided_by_name FROM registry.unit_endings WHERE unit_id = $1 ORDER BY id",
        UUID(made["id"]),
    )
    assert [tuple(row) for row in rows] == [(date(2024, 9, 1), "撤除", None), (None, "核查仍在用", "李工")]
    await places.posted(api, f"/v1/enterprises/{firm.id}/suspension", make.official(), {"reason": "x"})
    assert (await api.put(path, json=item, headers=firm.headers)).status_code == 403


async def test_foreign_photographs_and_unknown_areas_are_named(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    facility = await places.create_facility(api, firm.headers, places.own_facility_body())
    other = await make.admit_firm(api)
    foreign, own = await places.upload(api, other.headers), await places.upload(api, firm.headers)
    answer = await send(
        api,
        "bays",
        facility,
        places.bay(photo_document_id=own),
        places.bay(photo_document_id=foreign),
        places.bay(area_id=str(uuid4())),
        headers=firm.headers,
    )
    assert told(answer) == [
        ("body.items.2.area_id", "area_unknown"),
        ("body.items.1.photo_document_id", "document_unknown"),
    ]


async def test_a_firm_may_leave_an_offices_photograph_where_it_is(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    facility = await places.create_facility(api, firm.headers, places.own_facility_body())
    item = places.bay(photo_document_id=await places.upload(api, make.official()))
    (made,) = await places.create_bays(api, make.official(), facility["id"], item)
    path = f"/v1/bays/{made['id']}"
    changed = await api.put(path, json={**item, "length_m": 8}, headers=firm.headers)
    assert (changed.status_code, changed.json()["photo_document_id"]) == (200, item["photo_document_id"])
    other = places.bay(photo_document_id=await places.upload(api, make.official()))
    assert told(await api.put(path, json=other, headers=firm.headers)) == [
        ("body.photo_document_id", "document_unknown")
    ]


@pytest.mark.parametrize("kind", FACILITY_KINDS)
async def test_bays_are_kept_where_vehicles_stop(api: httpx.AsyncClient, kind: FacilityKind) -> None:
    facility = await places.create_facility(api, make.official(), places.facility_body(kind))
    answer = await send(api, "bays", facility, places.bay())
    if FACILITY_KINDS[kind].has_bays:
        assert answer.status_code == 201
    else:
        assert told(answer) == [("body.facility_id", "kind_without_bays")]
    assert (await send(api, "chargers", facility, places.charger())).status_code == 201


@pytest.mark.parametrize("unit", UNITS)
async def test_unknown_ones_are_not_found(api: httpx.AsyncClient, unit: str) -> None:
    nowhere = f"/v1/{unit}/{uuid4()}"
    item = MAKE[unit]()
    assert (await api.get(nowhere, headers=make.official())).status_code == 404
    assert (await api.put(nowhere, json=item, headers=make.official())).status_code == 404
    ending = {"on": "2024-09-01", "reason": "x"}
    assert (await api.post(f"{nowhere}/retirement", json=ending, headers=make.official())).status_code == 404
    assert (await send(api, unit, {"id": str(uuid4())}, item)).status_code == 404


async def test_bays_are_found_in_a_box(api: httpx.AsyncClient) -> None:
    group = await places.operating(api)
    items = [places.bay(lon=95.0, lat=35.0, nev_only=True), places.bay(lon=95.5, lat=35.0)]
    near, far = await places.create_bays(api, make.official(), group["id"], *items)
    assert [bay["id"] for bay in await listed(api, "bays", bbox="94.9,34.9,95.1,35.1")] == [near["id"]]
    both = {"bbox": "94,34,96,36"}
    assert {bay["id"] for bay in await listed(api, "bays", **both)} == {near["id"], far["id"]}
    assert [bay["id"] for bay in await listed(api, "bays", nev_only=False, **both)] == [far["id"]]
    assert [bay["id"] for bay in await listed(api, "bays", nev_only=True, **both)] == [near["id"]]
    refused = await api.get("/v1/chargers", params=both, headers=make.official())
    assert refused.status_code == 422
