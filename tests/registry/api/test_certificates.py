"""Certificates and what they do to a standing, through the API."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.factories import registry as make

ZONE = ZoneInfo("Asia/Shanghai")


def day(offset: int) -> str:
    return (datetime.now(UTC).astimezone(ZONE).date() + timedelta(days=offset)).isoformat()


def midnight(offset: int) -> str:
    """The instant at which the day so many days ahead begins in the city, as the API writes it."""
    date = datetime.now(UTC).astimezone(ZONE).date() + timedelta(days=offset)
    at = datetime(date.year, date.month, date.day, tzinfo=ZONE).astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def record(api: httpx.AsyncClient, firm: make.Firm, **body: Any) -> httpx.Response:
    return await api.post("/v1/certificates", json=body, headers=firm.headers)


async def vehicle_of(api: httpx.AsyncClient, firm: make.Firm, vehicle_id: str) -> make.Json:
    found: make.Json = (await api.get(f"/v1/vehicles/{vehicle_id}", headers=firm.headers)).json()
    return found


async def test_a_lapse_and_a_renewal_change_the_vehicle_at_once(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    vehicle = await make.register(api, firm)
    assert vehicle["lapses"] == []
    of = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "insurance"}
    lapsed = await record(api, firm, **of, number="P-1", valid_from=day(-400), valid_to=day(-1))
    assert lapsed.status_code == 201, lapsed.text
    found = await vehicle_of(api, firm, vehicle["id"])
    assert (found["lapses"], found["insurance_valid_to"]) == (["insurance"], day(-1))
    assert found["version"] == 2
    renewed = await record(api, firm, **of, number="P-2", valid_from=day(0), valid_to=day(365))
    found = await vehicle_of(api, firm, vehicle["id"])
    assert (found["lapses"], found["insurance_valid_to"]) == ([], day(365))
    path = f"/v1/certificates/{renewed.json()['id']}/withdrawal"
    withdrawn = await api.post(path, json={"reason": "录入错误"}, headers=firm.headers)
    assert withdrawn.json()["withdrawn_at"] is not None
    assert (await vehicle_of(api, firm, vehicle["id"]))["lapses"] == ["insurance"]
    again = await api.post(path, json={"reason": "x"}, headers=firm.headers)
    assert again.json()["type"] == "urn:cityfreight:problem:certificate-withdrawn"
    rows = (await api.get(f"/v1/certificates?holder_id={vehicle['id']}", headers=firm.headers)).json()[
        "items"
    ]
    assert [row["number"] for row in rows] == ["P-1", "P-2"]


async def test_the_feed_carries_the_whole_course(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Any
) -> None:
    vehicle = await make.register(api, firm, inspection_valid_to=day(10), insurance_valid_to=day(20))
    state = await make.outbox_state(superuser, vehicle["id"])
    assert (state["status"], state["lapses"]) == ("active", [])
    assert [(each["since"], each["status"], each["causes"]) for each in state["standings"]] == [
        (vehicle["valid_from"], "active", []),
        (midnight(11), "lapsed", ["inspection"]),
        (midnight(21), "lapsed", ["inspection", "insurance"]),
    ]


async def test_days_on_the_form_renew_and_correct(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm, inspection_valid_to=day(-1))
    path = f"/v1/vehicles/{vehicle['id']}"
    body = {"powertrain": "BEV", "payload_kg": 1765}

    async def put(**days: Any) -> make.Json:
        answer = await api.put(path, json={**body, **days}, headers=firm.headers)
        assert answer.status_code == 200, answer.text
        found: make.Json = answer.json()
        return found

    async def counted() -> list[tuple[str | None, str | None, bool]]:
        query = f"/v1/certificates?holder_id={vehicle['id']}"
        rows = (await api.get(query, headers=firm.headers)).json()["items"]
        return [(row["valid_from"], row["valid_to"], row["withdrawn_at"] is None) for row in rows]

    assert vehicle["lapses"] == ["inspection"]
    assert (await put())["lapses"] == ["inspection"], "an absent day leaves what is on record"
    renewed = await put(inspection_valid_to=day(365))
    assert (renewed["lapses"], renewed["inspection_valid_to"]) == ([], day(365))
    assert await counted() == [(None, day(-1), True), (day(0), day(365), True)]
    corrected = await put(inspection_valid_to=day(300))
    assert (corrected["lapses"], corrected["inspection_valid_to"]) == ([], day(300))
    assert await counted() == [(None, day(-1), True), (day(0), day(365), False), (day(0), day(300), True)]
    back = await put(inspection_valid_to=day(-1))
    assert (back["lapses"], back["inspection_valid_to"]) == (["inspection"], day(-1))


@pytest.mark.parametrize(("gross", "lapses"), [(4495, []), (4501, ["road_transport_certificate"])])
async def test_up_to_4500_kg_no_road_transport_certificate_is_needed(
    api: httpx.AsyncClient, firm: make.Firm, gross: int, lapses: list[str]
) -> None:
    papers = {
        "road_transport_certificate_number": "211103000123",
        "road_transport_certificate_valid_to": day(-1),
    }
    vehicle = await make.register(api, firm, gross_mass_kg=gross, **papers)
    assert vehicle["lapses"] == lapses


async def test_a_heavy_truck_without_the_certificate_is_warned_about(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    heavy = await make.register(api, firm, gross_mass_kg=7000)
    light = await make.register(api, firm, gross_mass_kg=4500)
    assert [each["code"] for each in heavy["warnings"]] == ["road_transport_certificate.missing"]
    assert light["warnings"] == []
    filler = {"gross_mass_kg": 7000, "road_transport_certificate_number": "211103000000"}
    refused = await api.post("/v1/vehicles", json=make.vehicle_body(**filler), headers=firm.headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "body.road_transport_certificate_number"
    await make.register(api, firm, **{**filler, "gross_mass_kg": 4500})


async def test_a_licence_that_ran_out_suspends_the_firm_in_the_feed_and_a_renewal_restores(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Any
) -> None:
    of = {"holder_kind": "enterprise", "holder_id": str(firm.id), "kind": "road_transport_permit"}
    assert (await record(api, firm, **of, number="211103000001", valid_to=day(-1))).status_code == 201
    shown = (await api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)).json()
    assert (shown["status"], shown["lapses"]) == ("suspended", ["road_transport_permit"])
    for status, there in (("suspended", True), ("active", False)):
        params = {"status": status}
        page = (await api.get("/v1/enterprises", params=params, headers=firm.headers)).json()
        assert bool(page["items"]) is there
    refused = await api.post("/v1/vehicles", json=make.vehicle_body(), headers=firm.headers)
    assert refused.json()["type"] == "urn:cityfreight:problem:enterprise-suspended"
    state = await make.outbox_state(superuser, firm.id)
    assert state["status"] == "suspended"
    assert state["standings"][-1]["causes"] == ["road_transport_permit"]
    assert (await record(api, firm, **of, number="211103000001", valid_from=day(0))).status_code == 201
    state = await make.outbox_state(superuser, firm.id)
    assert (state["status"], state["standings"][-1]["causes"]) == ("active", [])


async def test_an_a_grade_certificate_is_stored_and_stops_nobody(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Any
) -> None:
    of = {"holder_kind": "enterprise", "holder_id": str(firm.id), "kind": "a_grade"}
    given = {"grade": "AAA", "category": "transport", "valid_from": day(-900), "valid_to": day(-1)}
    assert (await record(api, firm, **of, **given, number="CFLP-1")).status_code == 201
    state = await make.outbox_state(superuser, firm.id)
    assert state["status"] == "active"
    assert state["grades"] == [
        {"grade": "AAA", "category": "transport", "valid_from": day(-900), "valid_to": day(-1)}
    ]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "business_licence"}, "body"),
        ({"kind": "insurance", "valid_from": "2026-02-01", "valid_to": "2026-01-31"}, "body"),
        ({"kind": "insurance", "grade": "AAA"}, "body"),
        ({"kind": "insurance", "valid_to": "2026-02-30"}, "body.valid_to"),
        ({"kind": "insurance", "valid_to": 20260201}, "body.valid_to"),
        ({"kind": "insurance", "number": ""}, "body.number"),
        ({"kind": "insurance", "number": "a\x00b"}, "body.number"),
        ({"kind": "tax"}, "body.kind"),
        ({"kind": "insurance", "document_ids": ["x"]}, "body.document_ids.0"),
        ({"kind": "insurance", "colour": "red"}, "body.colour"),
    ],
)
async def test_bad_certificates_are_refused_with_the_field(
    api: httpx.AsyncClient, firm: make.Firm, given: make.Json, field: str
) -> None:
    vehicle = await make.register(api, firm)
    answer = await record(api, firm, holder_kind="vehicle", holder_id=vehicle["id"], **given)
    assert answer.status_code == 422, answer.text
    fault = answer.json()["errors"][0]
    assert fault["field"] == field
    assert " / " in fault["message"]
    assert (await vehicle_of(api, firm, vehicle["id"]))["version"] == 1


@pytest.mark.parametrize("kind", ["driver", "tricycle"])
async def test_papers_of_drivers_and_tricycles_are_not_recorded_here(
    api: httpx.AsyncClient, firm: make.Firm, kind: str
) -> None:
    answer = await record(api, firm, holder_kind=kind, holder_id=str(uuid4()), kind="insurance")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.holder_kind"


async def test_a_certificate_of_another_firms_vehicle_is_not_found(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    other = await make.admit_firm(api)
    vehicle = await make.register(api, other)
    answers = [
        await record(api, firm, holder_kind="vehicle", holder_id=holder, kind="insurance", valid_to=day(1))
        for holder in (vehicle["id"], str(uuid4()))
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert (await vehicle_of(api, other, vehicle["id"]))["version"] == 1


async def test_evidence_must_be_ones_own(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    foreign = (await make.upload(api, other)).json()["id"]
    own = (await make.upload(api, firm)).json()["id"]
    vehicle = await make.register(api, firm)
    of = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "insurance"}
    refused = await record(api, firm, **of, document_ids=[own, foreign])
    assert refused.json()["errors"] == [
        {
            "field": "body.document_ids.1",
            "code": "document_unknown",
            "message": "没有这份材料 / no such document",
        }
    ]
    assert (await record(api, firm, **of, document_ids=[own])).json()["document_ids"] == [own]


async def test_evidence_stays_with_its_owner(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm)
    document = (await make.upload(api, firm)).json()["id"]
    of = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "insurance"}
    await record(api, firm, **of, document_ids=[document])

    async def evidence(vehicle_id: str) -> list[list[str]]:
        path = f"/v1/certificates?holder_id={vehicle_id}"
        items = (await api.get(path, headers=make.official())).json()["items"]
        return [each["document_ids"] for each in items]

    plates = {"plate_number": make.plate(), "plate_color": 2, "reason": "换发"}
    answer = await api.post(f"/v1/vehicles/{vehicle['id']}/re-plating", json=plates, headers=firm.headers)
    assert await evidence(answer.json()["id"]) == [[document]]
    transfer = {"enterprise_id": str((await make.admit_firm(api)).id), "reason": "过户"}
    path = f"/v1/vehicles/{answer.json()['id']}/transfer"
    moved = await api.post(path, json=transfer, headers=make.official())
    assert await evidence(moved.json()["id"]) == [[]]


async def test_a_successor_inherits_the_papers(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm, insurance_valid_to=day(-1), entry_reason="new", entry_on=day(-9))
    plates = {"plate_number": make.plate(), "plate_color": 2, "reason": "换发"}
    answer = await api.post(f"/v1/vehicles/{vehicle['id']}/re-plating", json=plates, headers=firm.headers)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert new["predecessor_id"] == vehicle["id"]
    assert (new["plate_number"], new["lapses"]) == (plates["plate_number"], ["insurance"])
    assert (new["entry_reason"], new["entry_on"]) == ("new", day(-9)), "re-plated is not added to the fleet"
    old = await vehicle_of(api, firm, vehicle["id"])
    assert (old["valid_to"], old["exit_reason"]) == (new["valid_from"], "re_plated")
    other = await make.admit_firm(api)
    transfer = {"enterprise_id": str(other.id), "reason": "过户"}
    moved = await api.post(f"/v1/vehicles/{new['id']}/transfer", json=transfer, headers=make.official())
    assert (moved.json()["lapses"], moved.json()["entry_reason"]) == (["insurance"], "transfer_in")
    mine = f"/v1/certificates?holder_id={moved.json()['id']}"
    assert len((await api.get(mine, headers=other.headers)).json()["items"]) == 1
    assert (await api.get(mine, headers=firm.headers)).json()["items"] == []


def refusal(answer: httpx.Response) -> str:
    found: str = answer.json()["type"].removeprefix("urn:cityfreight:problem:")
    return found


@pytest.mark.parametrize("by_office", [True, False])
async def test_a_firm_lifts_no_lapse_by_taking_the_paper_away(
    api: httpx.AsyncClient, firm: make.Firm, *, by_office: bool
) -> None:
    vehicle = await make.register(api, firm)
    of = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "inspection", "valid_to": day(-1)}
    headers = make.official() if by_office else firm.headers
    made = (await api.post("/v1/certificates", json=of, headers=headers)).json()
    path = f"/v1/certificates/{made['id']}/withdrawal"
    taken = await api.post(path, json={"reason": "记录错误"}, headers=firm.headers)
    assert (taken.status_code, refusal(taken)) == (409, "certificate-stands")
    form = {"powertrain": "BEV", "payload_kg": 1765, "inspection_valid_to": day(-30)}
    await api.put(f"/v1/vehicles/{vehicle['id']}", json=form, headers=firm.headers)
    found = await vehicle_of(api, firm, vehicle["id"])
    assert (found["lapses"], found["inspection_valid_to"]) == (["inspection"], day(-1))
    withdrawn = await api.post(path, json={"reason": "记录错误"}, headers=make.official())
    assert withdrawn.status_code == 200
    assert (await vehicle_of(api, firm, vehicle["id"]))["lapses"] == []


async def test_what_an_office_recorded_stays_and_a_renewal_goes_beside_it(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    vehicle = await make.register(api, firm)
    of = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "inspection", "valid_to": day(30)}
    made = (await api.post("/v1/certificates", json=of, headers=make.official())).json()
    path = f"/v1/certificates/{made['id']}/withdrawal"
    assert refusal(await api.post(path, json={"reason": "x"}, headers=firm.headers)) == "certificate-stands"
    form = {"powertrain": "BEV", "payload_kg": 1765, "inspection_valid_to": day(390)}
    renewed = await api.put(f"/v1/vehicles/{vehicle['id']}", json=form, headers=firm.headers)
    assert renewed.json()["inspection_valid_to"] == day(390)
    kept = (await api.get(f"/v1/certificates/{made['id']}", headers=firm.headers)).json()
    assert kept["withdrawn_at"] is None


async def test_the_filler_of_light_vehicles_is_no_certificate_of_a_heavy_one(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    kind, number = "road_transport_certificate", "211100000000"
    heavy = await make.register(api, firm, gross_mass_kg=12_000, curb_mass_kg=5_000, payload_kg=6_000)
    of = {"holder_kind": "vehicle", "kind": kind, "number": number}
    refused = await record(api, firm, **of, holder_id=heavy["id"])
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.number")
    light = await make.register(api, firm, gross_mass_kg=4_490)
    assert (await record(api, firm, **of, holder_id=light["id"])).status_code == 201
    form = {"powertrain": "BEV", "payload_kg": 1765, "gross_mass_kg": 12_000}
    grown = await api.put(f"/v1/vehicles/{light['id']}", json=form, headers=firm.headers)
    assert (grown.status_code, grown.json()["errors"][0]["field"]) == (422, "body.gross_mass_kg")


async def test_one_of_two_officials_withdraws(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm)
    of = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "inspection", "valid_to": day(30)}
    for _ in range(5):
        made = (await record(api, firm, **of)).json()
        path = f"/v1/certificates/{made['id']}/withdrawal"
        reasons = ["甲", "乙"]
        answers = await asyncio.gather(
            *(api.post(path, json={"reason": reason}, headers=make.official()) for reason in reasons)
        )
        won = [reason for reason, answer in zip(reasons, answers, strict=True) if answer.status_code == 200]
        shown = (await api.get(f"/v1/certificates/{made['id']}", headers=firm.headers)).json()
        assert won == [shown["withdrawn_reason"]]
