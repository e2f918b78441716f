"""Registrations: interval, plate, owner, and who wins."""

import asyncio
from typing import Any

import httpx
import pytest

from services.shared.auth import Role
from tests.factories import registry as make


async def test_a_plate_is_kept_in_its_canonical_form(api: httpx.AsyncClient, firm: make.Firm) -> None:
    plate = make.plate()
    written = f"{plate[0]}{plate[1].lower()}·{plate[2:]}"
    made = await make.register(api, firm, plate_number=written)
    assert (made["plate_number"], made["version"], made["valid_to"]) == (plate, 1, None)
    found = await api.get("/v1/vehicles", params={"plate_number": written}, headers=firm.headers)
    assert [item["id"] for item in found.json()["items"]] == [made["id"]]


async def test_an_office_registers_for_a_named_firm(api: httpx.AsyncClient, firm: make.Firm) -> None:
    office = make.office_client(Role.transport_bureau)
    body = make.vehicle_body()
    unnamed = await api.post("/v1/vehicles", json=body, headers=office)
    assert (unnamed.status_code, unnamed.json()["errors"][0]["field"]) == (422, "body.enterprise_id")
    named = {**body, "enterprise_id": str(firm.id)}
    assert (await api.post("/v1/vehicles", json=named, headers=office)).status_code == 201
    unknown = {**make.vehicle_body(), "enterprise_id": "01a205f2-fc46-7578-b9b0-b6cf4fb7d0c0"}
    assert (await api.post("/v1/vehicles", json=unknown, headers=office)).status_code == 404
    other = await make.admit_firm(api)
    assert (await api.post("/v1/vehicles", json=named, headers=other.headers)).status_code == 404
    assert (await api.post("/v1/vehicles", json=body, headers=make.official(Role.police))).status_code == 403


async def test_a_taken_plate_is_refused_without_naming_its_owner(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    taken = await make.register(api, firm)
    other = await make.admit_firm(api)
    body = make.vehicle_body(plate_number=taken["plate_number"])
    refused = await api.post("/v1/vehicles", json=body, headers=other.headers)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "plate-registered")
    assert not any(word in refused.text for word in (str(firm.id), taken["id"], firm.uscc))


async def test_the_same_plate_in_another_colour_or_time_is_another_vehicle(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    plate = make.plate()
    spans = [
        ("2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z", 2, 201),
        ("2025-06-01T00:00:00Z", None, 2, 201),
        ("2025-01-01T00:00:00+08:00", "2025-01-02T00:00:00Z", 2, 409),
        ("2025-05-31T23:59:59.999Z", "2025-06-01T00:00:00Z", 2, 409),
        ("2026-01-01T00:00:00Z", None, 2, 409),
        ("2025-01-01T00:00:00Z", None, 1, 201),
    ]
    for start, end, color, status in spans:
        body = make.vehicle_body(plate_number=plate, plate_color=color, valid_from=start, valid_to=end)
        answer = await api.post("/v1/vehicles", json=body, headers=firm.headers)
        assert answer.status_code == status, (start, end, answer.text)
    for moment, owned in (
        ("2024-12-31T23:59:59Z", 0),
        ("2025-03-01T00:00:00Z", 2),
        ("2025-06-01T00:00:00Z", 2),
    ):
        params = {"plate_number": plate, "at": moment}
        assert (
            len((await api.get("/v1/vehicles", params=params, headers=firm.headers)).json()["items"]) == owned
        )


async def test_two_firms_race_for_one_plate(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    for _ in range(200):
        body = make.vehicle_body(valid_from="2025-01-01T00:00:00Z")
        answers = await asyncio.gather(
            *(api.post("/v1/vehicles", json=body, headers=who.headers) for who in (firm, other))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_a_transfer_ends_one_registration_and_begins_another(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    other = await make.admit_firm(api)
    old = await make.register(api, firm, valid_from="2025-01-01T00:00:00Z")
    body = {"enterprise_id": str(other.id), "at": "2025-06-01T00:00:00Z", "reason": "转让"}
    path = f"/v1/vehicles/{old['id']}"
    assert (await api.post(f"{path}/transfer", json=body, headers=firm.headers)).status_code == 403
    new = (await api.post(f"{path}/transfer", json=body, headers=make.official())).json()
    assert (new["predecessor_id"], new["enterprise_id"]) == (old["id"], str(other.id))
    assert new["valid_from"] == "2025-06-01T00:00:00.000Z"
    ended = (await api.get(path, headers=firm.headers)).json()
    assert (ended["valid_to"], ended["version"], ended["end_reason"]) == (new["valid_from"], 2, "转让")
    assert (await api.get(path, headers=other.headers)).status_code == 404
    assert (await api.get(f"/v1/vehicles/{new['id']}", headers=firm.headers)).status_code == 404
    again = await api.post(f"{path}/transfer", json=body, headers=make.official())
    assert again.json()["type"].endswith("vehicle-ended")
    kept = ("plate_number", "plate_color", "payload_kg", "powertrain", "volume_m3", "vehicle_type")
    assert {name: new[name] for name in kept} == {name: old[name] for name in kept}


async def test_a_vehicle_goes_to_active_firms_only(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    await api.post(f"/v1/enterprises/{other.id}/suspension", json={"reason": "x"}, headers=make.official())
    vehicle = await make.register(api, firm, valid_from="2025-01-01T00:00:00Z")
    body = {"enterprise_id": str(other.id), "reason": "转让"}
    answer = await api.post(f"/v1/vehicles/{vehicle['id']}/transfer", json=body, headers=make.official())
    assert answer.status_code == 403
    assert (await api.get(f"/v1/vehicles/{vehicle['id']}", headers=firm.headers)).json() == vehicle


async def test_deregistration_frees_the_plate(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm, valid_from="2025-01-01T00:00:00Z")
    path = f"/v1/vehicles/{vehicle['id']}/deregistration"
    early = await api.post(path, json={"reason": "x", "at": "2024-01-01T00:00:00Z"}, headers=firm.headers)
    assert early.json()["type"].endswith("vehicle-ended")
    done = await api.post(path, json={"reason": "报废"}, headers=firm.headers)
    assert done.json()["valid_to"] is not None
    assert (await api.post(path, json={"reason": "报废"}, headers=firm.headers)).status_code == 409
    again = await make.register(api, firm, plate_number=vehicle["plate_number"])
    assert again["predecessor_id"] is None


async def test_properties_are_replaced_against_a_version(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm)
    path = f"/v1/vehicles/{vehicle['id']}"
    body = {"powertrain": "BEV", "payload_kg": 900, "refrigeration": "refrigerated"}
    tag = (await api.get(path, headers=firm.headers)).headers["etag"]
    done = await api.put(path, json=body, headers={**firm.headers, "If-Match": tag})
    assert (done.json()["payload_kg"], done.json()["refrigeration"], done.json()["version"]) == (
        900,
        "refrigerated",
        2,
    )
    assert done.json()["plate_number"] == vehicle["plate_number"]
    stale = await api.put(path, json=body, headers={**firm.headers, "If-Match": tag})
    assert stale.status_code == 412
    broken = await api.put(path, json=body, headers={**firm.headers, "If-Match": "two"})
    assert broken.status_code == 422


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"plate_number": "辽LI2345"}, "body.plate_number"),
        ({"plate_number": "辽LO2345"}, "body.plate_number"),
        ({"plate_number": "X" * 300}, "body.plate_number"),
        ({"plate_number": "辽L\x0012345"}, "body.plate_number"),
        ({"plate_color": 94}, "body.plate_color"),
        ({"plate_color": 7}, "body.plate_color"),
        ({"plate_color": 0}, "body.plate_color"),
        ({"plate_color": True}, "body.plate_color"),
        ({"plate_color": "2"}, "body.plate_color"),
        ({"powertrain": "STEAM"}, "body.powertrain"),
        ({"energy_code": "B"}, "body.energy_code"),
        ({"vehicle_type": "H9"}, "body.vehicle_type"),
        ({"payload_kg": 0}, "body.payload_kg"),
        ({"payload_kg": 10**30}, "body.payload_kg"),
        ({"payload_kg": 1.5}, "body.payload_kg"),
        ({"gross_mass_kg": 1000}, "body.gross_mass_kg"),
        ({"height_m": -1}, "body.height_m"),
        ({"refrigeration": "cold"}, "body.refrigeration"),
        ({"valid_from": "2025-01-01T00:00:00"}, "body.valid_from"),
        ({"valid_from": "2025-02-30T00:00:00Z"}, "body.valid_from"),
        ({"valid_from": 1735689600}, "body.valid_from"),
        ({"valid_from": "2025-02-01T00:00:00Z", "valid_to": "2025-01-01T00:00:00Z"}, "body.valid_to"),
        ({"valid_to": "2001-01-01T00:00:00Z"}, "body.valid_to"),
        ({"owner": "x"}, "body.owner"),
        ({"enterprise_id": "x"}, "body.enterprise_id"),
    ],
)
async def test_bad_vehicles_are_refused_by_field(
    api: httpx.AsyncClient, firm: make.Firm, values: dict[str, Any], field: str
) -> None:
    answer = await api.post("/v1/vehicles", json=make.vehicle_body(**values), headers=firm.headers)
    assert answer.status_code == 422, answer.text
    assert [item["field"] for item in answer.json()["errors"]] == [field]
    assert all(" / " in item["message"] for item in answer.json()["errors"])
    assert (await api.get("/v1/vehicles", headers=firm.headers)).json()["items"] == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
async def test_numbers_that_are_none_are_refused(
    api: httpx.AsyncClient, firm: make.Firm, number: str
) -> None:
    body = (
        '{"plate_number": "辽L00001", "plate_color": 2, "powertrain": "BEV", "payload_kg": 1, "height_m": %s}'
    )
    headers = {**firm.headers, "Content-Type": "application/json"}
    answer = await api.post("/v1/vehicles", content=(body % number).encode(), headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.height_m")


@pytest.mark.parametrize(
    "query",
    [
        "plate_number=XX",
        "plate_color=500",
        "at=yesterday",
        "limit=0",
        "limit=201",
        "cursor=%00",
        "cursor=W10",
    ],
)
async def test_bad_filters_are_refused(api: httpx.AsyncClient, firm: make.Firm, query: str) -> None:
    answer = await api.get(f"/v1/vehicles?{query}", headers=firm.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query." + query.partition("=")[0]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "1899-12-31T23:59:59Z", "9999-12-31T23:59:59Z"])
async def test_an_instant_no_record_can_have_is_refused(
    api: httpx.AsyncClient, firm: make.Firm, at: str
) -> None:
    refused = await api.post("/v1/vehicles", json=make.vehicle_body(valid_from=at), headers=firm.headers)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "datetime_range")
    vehicle = await make.register(api, firm)
    for step in ("deregistration", "re-plating", "transfer"):
        body = {"at": at, "reason": "x", "plate_number": make.plate(), "plate_color": 2}
        body = {**body, "enterprise_id": str(firm.id)}
        answer = await api.post(f"/v1/vehicles/{vehicle['id']}/{step}", json=body, headers=make.official())
        assert (answer.status_code, "datetime_range" in answer.text) == (422, True), step


async def test_a_vehicle_whose_end_is_decided_has_one_successor(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    vehicle = await make.register(api, firm)
    path = f"/v1/vehicles/{vehicle['id']}/re-plating"
    body = {"plate_color": 2, "reason": "号牌遗失"}
    later = {**body, "plate_number": make.plate(), "at": "2090-01-01T00:00:00Z"}
    assert (await api.post(path, json=later, headers=firm.headers)).status_code == 201
    again = await api.post(path, json={**body, "plate_number": make.plate()}, headers=firm.headers)
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "vehicle-ended")


async def test_a_transfer_needs_another_owner(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm)
    body = {"enterprise_id": str(firm.id), "reason": "过户"}
    same = await api.post(f"/v1/vehicles/{vehicle['id']}/transfer", json=body, headers=make.official())
    assert (same.status_code, same.json()["errors"][0]["code"]) == (422, "same_owner")
