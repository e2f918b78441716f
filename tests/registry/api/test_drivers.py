"""Drivers and riders: what is personal goes out masked; papers, employment, who is there twice."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.shared.auth import Role
from services.shared.standards.id_number import check_id_number
from tests.factories import people
from tests.factories import registry as make


async def test_a_driver_is_shown_masked_everywhere(api: httpx.AsyncClient, firm: make.Firm) -> None:
    body = people.driver_body(
        name="欧阳娜娜", id_number="11010519491231002X", mobile_phone="+86 139-1234-5678"
    )
    made = await api.post("/v1/drivers", json=body, headers=firm.headers)
    assert made.status_code == 201, made.text
    path = f"/v1/drivers/{made.json()['id']}"
    read = await api.get(path, headers=firm.headers)
    listed = await api.get("/v1/drivers", headers=firm.headers)
    found = await api.post(
        "/v1/driver-searches", json={"id_number": "11010519491231002x"}, headers=firm.headers
    )
    for shown in (made.json(), read.json(), listed.json()["items"][0], found.json()["items"][0]):
        assert (shown["name"], shown["id_number"], shown["mobile_phone"]) == (
            "欧***",
            "110*************2X",
            "139******78",
        )
        assert shown["qualification_number"][3:-2] == "*" * 13
        assert shown["licence_number"] is None
    for answer in (made, read, listed, found):
        assert "11010519491231002X" not in answer.text
        assert "13912345678" not in answer.text
        assert "娜" not in answer.text
    assert read.headers["etag"] == '"1"'


async def test_what_is_valid_and_odd_is_accepted_with_a_warning(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    old = "110105491231002"
    assert check_id_number(old).valid
    made = await people.driver(api, firm, id_number=old, mobile_phone="92812345678")
    assert [(each["field"], each["code"]) for each in made["warnings"]] == [
        ("id_number", "id_number.old_form"),
        ("mobile_phone", "phone.rare_range"),
    ]
    assert old not in json.dumps(made)


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"id_number": "110105194912310021"}, "id_number", "id_number.check_character"),
        ({"id_number": "110105194913310021"}, "id_number", "id_number.birth_date"),
        ({"id_number": "12345"}, "id_number", "id_number.format"),
        ({"mobile_phone": "12912345678"}, "mobile_phone", "phone.mobile"),
        ({"mobile_phone": "0427-2821234"}, "mobile_phone", "phone.mobile"),
        ({"name": "　 "}, "name", "name.blank"),
        ({"name": "王13912345678"}, "name", "text.personal_number"),
        ({"licence_number": "110105194912310021"}, "licence_number", "id_number.check_character"),
        ({"licence_number": "京A-##"}, "licence_number", "licence_number.format"),
        ({"qualification_number": "1"}, "qualification_number", "qualification_number.format"),
        ({"licence_class": None}, "licence_class", "missing"),
        ({"licence_class": "C1"}, "licence_class", "licence_class.too_light"),
        ({"licence_valid_from": None}, "licence_valid_from", "missing"),
        ({"licence_valid_to": "2020-01-01"}, "licence_valid_to", "interval"),
        ({"qualification_number": None}, "qualification_number", "missing"),
        ({"qualification_valid_to": None}, "qualification_valid_to", "missing"),
        ({"qualification_valid_to": "2020-01-01"}, "qualification_valid_to", "interval"),
        ({"trained_on": "2199-01-01"}, "trained_on", "future"),
        ({"employed_from": "2199-01-01"}, "employed_from", "future"),
        ({"kind": "rider"}, "drives_over_4500_kg", "rider.heavy"),
    ],
)
async def test_bad_values_are_refused_by_field_and_never_repeated(
    api: httpx.AsyncClient, firm: make.Firm, values: dict[str, Any], field: str, code: str
) -> None:
    answer = await api.post("/v1/drivers", json=people.driver_body(**values), headers=firm.headers)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (f"body.{field}", code)
    assert " / " in error["message"]
    given = str(values.get(field) or "")
    assert len(given) < 5 or given not in answer.text
    assert (await api.get("/v1/drivers", headers=firm.headers)).json()["items"] == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "pilot"}, "kind"),
        ({"licence_class": "Z9"}, "licence_class"),
        ({"licence_class": "A2A2"}, "licence_class"),
        ({"licence_valid_from": "2021-13-01"}, "licence_valid_from"),
        ({"licence_valid_from": 1609459200}, "licence_valid_from"),
        ({"licence_valid_from": "2021-03-01T00:00:00Z"}, "licence_valid_from"),
        ({"licence_valid_to": "9999-12-31"}, "licence_valid_to"),
        ({"drives_over_4500_kg": "yes"}, "drives_over_4500_kg"),
        ({"name": "x" * 65}, "name"),
        ({"id_number": "1" * 65}, "id_number"),
        ({"id_number": "1\x00"}, "id_number"),
        ({"id_number": 110105194912310021}, "id_number"),
        ({"mobile_phone": None}, "mobile_phone"),
        ({"document_ids": ["x"]}, "document_ids.0"),
        ({"salary": 1}, "salary"),
    ],
)
async def test_malformed_drivers_are_refused_by_field(
    api: httpx.AsyncClient, firm: make.Firm, values: dict[str, Any], field: str
) -> None:
    answer = await api.post("/v1/drivers", json=people.driver_body(**values), headers=firm.headers)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [f"body.{field}"]
    given = str(next(iter(values.values())))
    assert len(given) < 11 or given not in answer.text


async def test_up_to_4500_kg_no_qualification_is_needed(api: httpx.AsyncClient, firm: make.Firm) -> None:
    light = {
        "licence_class": "c1、d",
        "drives_over_4500_kg": False,
        "qualification_number": None,
        "qualification_valid_from": None,
        "qualification_valid_to": "2020-01-01",
    }
    made = await people.driver(api, firm, **light)
    assert (made["licence_class"], made["lapses"]) == ("C1D", [])
    run_out = await people.driver(
        api, firm, licence_valid_to="2022-01-01", qualification_valid_to="2022-01-01"
    )
    assert run_out["lapses"] == ["driving_licence", "qualification"]


async def test_a_person_is_in_active_employment_of_a_firm_once(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    body = people.driver_body()
    made = (await api.post("/v1/drivers", json=body, headers=firm.headers)).json()
    again = {**people.rider_body(), "id_number": body["id_number"]}
    twice = await api.post("/v1/drivers", json=again, headers=firm.headers)
    assert (twice.status_code, twice.json()["type"].rpartition(":")[2]) == (409, "driver-registered")
    assert made["id"] not in twice.text
    assert body["id_number"] not in twice.text
    other = await make.admit_firm(api)
    elsewhere = await api.post("/v1/drivers", json=body, headers=other.headers)
    assert elsewhere.status_code == 201, "another firm is told nothing of it"
    ended = await api.post(
        f"/v1/drivers/{made['id']}/employment-end", json={"reason": "离职"}, headers=firm.headers
    )
    assert (ended.json()["status"], ended.json()["end_reason"]) == ("ended", "离职")
    back = await api.post("/v1/drivers", json=body, headers=firm.headers)
    assert back.status_code == 201
    found = await api.post("/v1/driver-searches", json={"id_number": body["id_number"]}, headers=firm.headers)
    assert [each["status"] for each in found.json()["items"]] == ["ended", "active"]


async def test_two_at_once_register_a_person_once(api: httpx.AsyncClient, firm: make.Firm) -> None:
    for _ in range(10):
        body = people.driver_body()
        answers = await asyncio.gather(
            *(api.post("/v1/drivers", json=body, headers=firm.headers) for _ in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_search_is_by_one_exact_value(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    body = people.driver_body()
    mine = await people.register(api, firm, **body)
    await people.driver(api, other, id_number=body["id_number"])
    phone = {"mobile_phone": f"0086{body['mobile_phone']}"}
    for given, headers, count in (
        (phone, firm.headers, 1),
        ({"id_number": body["id_number"]}, firm.headers, 1),
        ({"id_number": body["id_number"], "purpose": "事故调查"}, people.reader(Role.postal_bureau), 2),
        (phone, other.headers, 0),
        ({"id_number": people.id_number()}, firm.headers, 0),
    ):
        answer = await api.post("/v1/driver-searches", json=given, headers=headers)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) == count
    first = await api.post("/v1/driver-searches", json=phone, headers=firm.headers)
    assert first.json()["items"][0]["id"] == mine["id"]
    for bad in ({}, {**phone, "id_number": body["id_number"]}, {"id_number": "1"}, {"name": "王强"}):
        assert (await api.post("/v1/driver-searches", json=bad, headers=firm.headers)).status_code == 422
    assert (await api.post("/v1/driver-searches", json=phone)).status_code == 401
    police = make.official(Role.police)
    assert (await api.post("/v1/driver-searches", json=phone, headers=police)).status_code == 403


async def test_a_search_is_for_a_purpose_and_on_record(api: httpx.AsyncClient, firm: make.Firm) -> None:
    body = people.driver_body()
    made = await people.register(api, firm, **body)
    sought = {"id_number": body["id_number"]}
    office = people.reader(Role.commerce_bureau)
    assert (await people.search(api, make.official(), **sought)).status_code == 403
    assert (await people.search(api, make.office_client(Role.transport_bureau), **sought)).status_code == 403
    for bad in (None, "x", f"查 {body['mobile_phone']}"):
        refused = await people.search(api, office, bad, **sought)
        assert refused.status_code == 422
        assert [each["field"] for each in refused.json()["errors"]] == ["body.purpose"]
    found = await people.search(api, office, "事故调查", **sought)
    assert [each["id"] for each in found.json()["items"]] == [made["id"]], found.text
    own = await people.search(api, firm.headers, None, mobile_phone=body["mobile_phone"])
    assert [each["id"] for each in own.json()["items"]] == [made["id"]]
    log = await api.get(f"/v1/personal-readings?subject_id={made['id']}", headers=firm.headers)
    assert [
        (each["role"], each["subject_kind"], each["fields"], each["purpose"]) for each in log.json()["items"]
    ] == [
        ("commerce_bureau", "driver", ["found_by_id_number"], "事故调查"),
        ("enterprise", "driver", ["found_by_mobile_phone"], None),
    ]


async def test_papers_are_replaced_against_a_version_and_values_stay(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    body = people.driver_body(trained_on="2024-01-01")
    made = await people.register(api, firm, **body)
    path = f"/v1/drivers/{made['id']}"
    papers = {
        "licence_class": "A2",
        "licence_valid_from": "2022-01-01",
        "mobile_phone": people.mobile_phone(),
    }
    headers = {**firm.headers, "If-Match": '"1"'}
    done = await api.put(path, json=papers, headers=headers)
    assert done.status_code == 200, done.text
    assert (done.json()["version"], done.json()["licence_class"], done.json()["trained_on"]) == (
        2,
        "A2",
        None,
    )
    assert (await api.put(path, json=papers, headers=headers)).status_code == 412
    values = (await people.read_values(api, made["id"], people.reader())).json()["values"]
    assert values == {
        "name": body["name"],
        "id_number": body["id_number"],
        "mobile_phone": papers["mobile_phone"],
    }
    removed = await api.put(path, json={**papers, "id_number": None}, headers=firm.headers)
    assert [each["field"] for each in removed.json()["errors"]] == ["body.id_number"]
    heavy = {**papers, "drives_over_4500_kg": True, "qualification_valid_to": "2041-01-01"}
    assert (await api.put(path, json=heavy, headers=firm.headers)).status_code == 200, "the number is known"
    gone = await api.put(path, json={**heavy, "qualification_number": None}, headers=firm.headers)
    assert [each["field"] for each in gone.json()["errors"]] == ["body.qualification_number"]
    other = await people.register(api, firm, **people.driver_body())
    same = await api.put(
        f"/v1/drivers/{other['id']}", json={**papers, "id_number": body["id_number"]}, headers=firm.headers
    )
    assert same.status_code == 409


async def test_a_firm_that_is_not_active_changes_nobody(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.driver(api, firm)
    path = f"/v1/drivers/{made['id']}"
    await api.post(f"/v1/enterprises/{firm.id}/suspension", json={"reason": "x"}, headers=make.official())
    papers = {"licence_class": "A2", "licence_valid_from": "2022-01-01"}
    end = {"reason": "离职"}
    for answer in (
        await api.post("/v1/drivers", json=people.driver_body(), headers=firm.headers),
        await api.put(path, json=papers, headers=firm.headers),
        await api.post(f"{path}/employment-end", json=end, headers=firm.headers),
    ):
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "enterprise-suspended")
    assert (await api.get(path, headers=firm.headers)).status_code == 200
    assert (await api.post(f"{path}/employment-end", json=end, headers=make.official())).status_code == 200


async def test_an_employment_ends_between_its_first_day_and_today(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    made = await people.driver(api, firm, employed_from="2024-05-01")
    path = f"/v1/drivers/{made['id']}/employment-end"
    for day in ("2024-04-30", "2199-01-01"):
        refused = await api.post(path, json={"reason": "离职", "on": day}, headers=firm.headers)
        assert [each["field"] for each in refused.json()["errors"]] == ["body.on"]
    told = await api.post(path, json={"reason": "电话13912345678"}, headers=firm.headers)
    assert [each["field"] for each in told.json()["errors"]] == ["body.reason"]
    done = await api.post(path, json={"reason": "离职", "on": "2024-05-01"}, headers=firm.headers)
    assert (done.json()["employed_to"], done.json()["lapses"]) == ("2024-05-01", [])
    for again in (
        await api.post(path, json={"reason": "离职"}, headers=firm.headers),
        await api.put(path.rpartition("/")[0], json={"licence_class": "A2"}, headers=firm.headers),
    ):
        assert again.json()["type"].rpartition(":")[2] == "driver-ended"


async def test_lists_are_narrowed(api: httpx.AsyncClient, firm: make.Firm) -> None:
    one, two = await people.driver(api, firm), await people.rider(api, firm)
    await api.post(f"/v1/drivers/{one['id']}/employment-end", json={"reason": "离职"}, headers=firm.headers)
    for query, expected in (
        ("", [one["id"], two["id"]]),
        ("?status=active", [two["id"]]),
        ("?status=ended&kind=driver", [one["id"]]),
        ("?kind=rider", [two["id"]]),
        ("?limit=1", [one["id"]]),
        (f"?enterprise_id={uuid4()}", []),
    ):
        answer = await api.get(f"/v1/drivers{query}", headers=firm.headers)
        assert [each["id"] for each in answer.json()["items"]] == expected, query
    assert (await api.get("/v1/drivers?status=x", headers=firm.headers)).status_code == 422


async def test_an_idempotent_registration_leaves_no_value_behind(
    api: httpx.AsyncClient, firm: make.Firm, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    body = people.driver_body()
    headers = {**firm.headers, "Idempotency-Key": str(uuid4())}
    first = await api.post("/v1/drivers", json=body, headers=headers)
    again = await api.post("/v1/drivers", json=body, headers=headers)
    assert again.headers["idempotent-replay"] == "true"
    assert again.json() == first.json()
    kept = b"".join(
        row["body"] + row["fingerprint"]
        for row in await superuser.fetch("SELECT body, fingerprint FROM registry.idempotency_keys")
    )
    assert first.json()["id"].encode() in kept
    for field in ("id_number", "mobile_phone", "name"):
        assert body[field].encode() not in kept
    searched = await api.post(
        "/v1/driver-searches",
        json={"id_number": body["id_number"]},
        headers={**headers, "Idempotency-Key": "s"},
    )
    assert searched.status_code == 200
    assert not await superuser.fetchval("SELECT count(*) FROM registry.idempotency_keys WHERE key = 's'")


async def test_evidence_is_the_firms_own(api: httpx.AsyncClient, firm: make.Firm) -> None:
    mine = await people.document(api, firm)
    theirs = await people.document(api, await make.admit_firm(api))
    assert (await people.driver(api, firm, document_ids=[mine]))["document_ids"] == [mine]
    body = people.driver_body(document_ids=[mine, theirs])
    refused = await api.post("/v1/drivers", json=body, headers=firm.headers)
    assert [each["field"] for each in refused.json()["errors"]] == ["body.document_ids.1"]
