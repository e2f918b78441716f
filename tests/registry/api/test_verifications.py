"""Verification by field group: by whom, when, on which evidence; editing a group resets that group alone."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.shared.auth import Role
from tests.factories import people
from tests.factories import registry as make


async def verify(api: httpx.AsyncClient, **body: Any) -> httpx.Response:
    given = {"subject_kind": "vehicle", "level": "document_checked", "source": "行驶证原件", **body}
    return await api.post("/v1/verifications", json=given, headers=make.official())


async def test_editing_one_group_resets_that_group_alone(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Any
) -> None:
    vehicle = await make.register(api, firm, vin="LNBSCCAH4PJ000001")
    document = (await make.upload(api, firm)).json()["id"]
    for group in ("identity", "technical", "insurance"):
        answer = await verify(api, subject_id=vehicle["id"], field_group=group, document_ids=[document])
        assert answer.status_code == 201, answer.text
    path = f"/v1/vehicles/{vehicle['id']}"
    shown = (await api.get(path, headers=firm.headers)).json()
    assert shown["verified"] == dict.fromkeys(("identity", "technical", "insurance"), "document_checked")
    body = {
        name: vehicle[name] for name in make.vehicle_body() if name not in {"plate_number", "plate_color"}
    }
    same = await api.put(path, json={**body, "vin": vehicle["vin"]}, headers=firm.headers)
    assert same.json()["verified"] == shown["verified"], "nothing was edited"
    edited = await api.put(
        path, json={**body, "vin": vehicle["vin"], "payload_kg": 900}, headers=firm.headers
    )
    assert edited.json()["verified"] == dict.fromkeys(("identity", "insurance"), "document_checked")
    insured = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "insurance"}
    await api.post("/v1/certificates", json=insured, headers=firm.headers)
    assert (await api.get(path, headers=firm.headers)).json()["verified"] == {"identity": "document_checked"}
    assert (await make.outbox_state(superuser, vehicle["id"]))["verified"] == {"identity": "document_checked"}
    listed = (await api.get(f"/v1/verifications?subject_id={vehicle['id']}", headers=firm.headers)).json()
    assert [
        (row["field_group"], row["level"], row["verified_by_name"], row["document_ids"], row["end_cause"])
        for row in listed["items"]
    ] == [
        ("identity", "document_checked", "李工", [document], None),
        ("technical", "document_checked", "李工", [document], "edited"),
        ("insurance", "document_checked", "李工", [document], "edited"),
    ]
    in_force = f"/v1/verifications?subject_id={vehicle['id']}&in_force=true"
    assert len((await api.get(in_force, headers=firm.headers)).json()["items"]) == 1


async def test_a_higher_level_supersedes_and_a_revocation_ends(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    of = {"subject_kind": "enterprise", "subject_id": str(firm.id), "field_group": "identity"}
    first = (await verify(api, **of)).json()
    second = (await verify(api, **of, level="confirmed_by_authority", source="市场监管局")).json()
    path = f"/v1/enterprises/{firm.id}"
    shown = (await api.get(path, headers=firm.headers)).json()
    assert shown["verified"] == {"identity": "confirmed_by_authority"}
    rows = (await api.get(f"/v1/verifications?subject_id={firm.id}", headers=firm.headers)).json()["items"]
    assert [row["end_cause"] for row in rows] == ["superseded", None]
    path_of_second = f"/v1/verifications/{second['id']}/revocation"
    told = {"reason": "与11010519491231002X不符"}
    assert (await api.post(path_of_second, json=told, headers=make.official())).status_code == 422
    for verification, status in ((first, 409), (second, 200), (second, 409)):
        revocation = f"/v1/verifications/{verification['id']}/revocation"
        answer = await api.post(revocation, json={"reason": "材料不实"}, headers=make.official())
        assert answer.status_code == status
    assert (await api.get(path, headers=firm.headers)).json()["verified"] == {}


async def test_a_firm_edits_itself_and_resets_what_it_edits(api: httpx.AsyncClient, firm: make.Firm) -> None:
    path = f"/v1/enterprises/{firm.id}"
    shown = (await api.get(path, headers=firm.headers)).json()
    for group in ("identity", "contacts"):
        await verify(api, subject_kind="enterprise", subject_id=str(firm.id), field_group=group)
    contact = {"role": "operations", "name": "张伟", "phone": "139 0000 1234"}
    body = {"name": shown["name"], "kind": shown["kind"], "contacts": [contact]}
    answer = await api.put(path, json=body, headers=firm.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["verified"] == {"identity": "document_checked"}
    assert answer.json()["contacts"] == [{"role": "operations", "name": "张*", "phone": "139******34"}]
    answer = await api.put(path, json={**body, "name": "新名称有限公司"}, headers=firm.headers)
    assert answer.json()["verified"] == {}
    assert answer.json()["contacts"] == [{"role": "operations", "name": "张*", "phone": "139******34"}]
    stale = await api.put(path, json=body, headers={**firm.headers, "If-Match": '"1"'})
    assert stale.status_code == 412
    await api.post(f"{path}/suspension", json={"reason": "x"}, headers=make.official())
    assert (await api.put(path, json=body, headers=firm.headers)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"field_group": "nothing"},
        {"field_group": "contacts"},
        {"field_group": "identity", "level": "self_declared"},
        {"field_group": "identity", "source": ""},
        {"field_group": "identity", "subject_kind": "dog"},
        {"field_group": "identity", "note": "本人电话 139-0000-1234"},
        {"field_group": "identity", "source": "身份证 11010519491231002X"},
    ],
)
async def test_bad_verifications_are_refused(
    api: httpx.AsyncClient, firm: make.Firm, body: make.Json
) -> None:
    vehicle = await make.register(api, firm)
    answer = await verify(api, **{"subject_id": vehicle["id"], **body})
    assert answer.status_code == 422
    assert all(" / " in fault["message"] for fault in answer.json()["errors"])


async def test_only_a_named_official_verifies(api: httpx.AsyncClient, firm: make.Firm) -> None:
    body = {
        "subject_kind": "enterprise",
        "subject_id": str(firm.id),
        "field_group": "identity",
        "level": "document_checked",
        "source": "x",
    }
    for headers in (firm.headers, make.office_client(Role.transport_bureau), make.official(Role.police)):
        assert (await api.post("/v1/verifications", json=body, headers=headers)).status_code == 403
    unknown = {**body, "subject_id": str(uuid4())}
    assert (await api.post("/v1/verifications", json=unknown, headers=make.official())).status_code == 404


async def test_a_drivers_groups_are_verified_and_reset_one_by_one(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Any
) -> None:
    body = people.driver_body()
    driver = (await api.post("/v1/drivers", json=body, headers=firm.headers)).json()
    groups = ("identity", "contact", "licence", "qualification")
    for group in groups:
        given = {"subject_kind": "driver", "subject_id": driver["id"], "field_group": group}
        assert (await verify(api, **given)).status_code == 201
    path = f"/v1/drivers/{driver['id']}"
    update = {name: value for name, value in body.items() if name not in {"kind", "employed_from"}}
    expected = dict.fromkeys(groups, "document_checked")
    for edit, lost in (
        ({}, None),
        ({"mobile_phone": people.mobile_phone()}, "contact"),
        ({"licence_class": "A2"}, "licence"),
        ({"name": "新姓名"}, "identity"),
    ):
        update |= edit
        expected.pop(lost or "", None)
        answer = await api.put(path, json=update, headers=firm.headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["verified"] == expected, edit
    assert (await make.outbox_state(superuser, driver["id"]))["verified"] == expected
    erasure = {"reason": "本人要求", "requested_by": "subject"}
    assert (await api.post(f"{path}/erasure", json=erasure, headers=firm.headers)).status_code == 201
    assert (await api.get(path, headers=firm.headers)).json()["verified"] == {}
    late = {"subject_kind": "driver", "subject_id": driver["id"], "field_group": "identity"}
    assert (await verify(api, **late)).status_code == 404


async def test_what_was_edited_since_it_was_looked_at_is_not_vouched_for(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    vehicle = await make.register(api, firm)
    body = {"subject_kind": "vehicle", "subject_id": vehicle["id"], "field_group": "technical"}
    body |= {"level": "document_checked", "source": "行驶证原件"}
    late = await api.post("/v1/verifications", json=body, headers={**make.official(), "If-Match": '"99"'})
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (412, "precondition-failed")
    looked = {**make.official(), "If-Match": '"1"'}
    assert (await api.post("/v1/verifications", json=body, headers=looked)).status_code == 201
