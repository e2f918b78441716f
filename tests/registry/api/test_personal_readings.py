"""Values in the clear: with the scope, for a purpose, on record before the answer; and their destruction."""

import asyncio
import json
from typing import Any, TypeAlias
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.registry.models import FEED
from services.shared.audit import access_log_of, find_break
from services.shared.auth import Role
from services.shared.changes import verify_feed
from services.shared.db import Database
from tests.factories import people, supervision
from tests.factories import registry as make
from tests.factories.media import pdf
from tests.support.probe_databases import drain

LOG = access_log_of("registry")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def _readings(api: httpx.AsyncClient, subject_id: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/personal-readings?subject_id={subject_id}", headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_reading_is_answered_and_on_record(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Connection, database_urls: dict[str, str]
) -> None:
    body = people.driver_body()
    made = await people.register(api, firm, **body)
    answer = await people.read_values(api, made["id"], people.reader(Role.postal_bureau), "id_number", "name")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["values"] == {"name": body["name"], "id_number": body["id_number"]}
    (shown,) = await _readings(api, made["id"], firm.headers)
    assert shown["log_pos"] == answer.json()["log_pos"]
    assert (shown["role"], shown["reader_name"], shown["subject_kind"]) == ("postal_bureau", "李工", "driver")
    assert (shown["fields"], shown["purpose"]) == (["id_number", "name"], "核实事故当事人")
    assert (shown["subject_id"], shown["enterprise_id"]) == (made["id"], str(firm.id))
    assert await _readings(api, made["id"], make.official(Role.commerce_bureau)) == [shown]
    assert await _readings(api, made["id"], (await make.admit_firm(api)).headers) == []
    entries = await superuser.fetch("SELECT entry FROM registry.access_log")
    for value in (body["id_number"], body["name"], body["mobile_phone"]):
        assert not [row for row in entries if value.encode() in row["entry"]]
    worker = Database(database_urls["registry_worker"], pool_size=1)
    try:
        assert await find_break(worker, LOG) is None
    finally:
        await worker.close()


async def test_a_value_there_is_not_is_null(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.rider(api, firm)
    answer = await people.read_values(api, made["id"], people.reader(), "qualification_number")
    assert answer.json()["values"] == {"qualification_number": None}


async def test_contacts_of_a_firm_are_read_the_same_way(api: httpx.AsyncClient, firm: make.Firm) -> None:
    contact = {"role": "operations", "name": "张伟", "phone": "13912345678"}
    path = f"/v1/enterprises/{firm.id}"
    changed = {"name": "城配", "kind": "carrier", "contacts": [contact]}
    put = await api.put(path, json=changed, headers=make.official())
    assert put.json()["contacts"] == [{"role": "operations", "name": "张*", "phone": "139******78"}], put.text
    ask = {
        "subject_kind": "enterprise",
        "subject_id": str(firm.id),
        "fields": ["contacts"],
        "purpose": "联系企业负责人",
    }
    assert (await api.post("/v1/personal-readings", json=ask, headers=firm.headers)).status_code == 403
    read = await api.post("/v1/personal-readings", json=ask, headers=people.reader())
    assert read.json()["values"] == {"contacts": [contact]}
    (shown,) = await _readings(api, str(firm.id), firm.headers)
    assert (shown["subject_kind"], shown["fields"]) == ("enterprise", ["contacts"])
    stranger = await people.firm_reader(api, await make.admit_firm(api))
    assert (await api.post("/v1/personal-readings", json=ask, headers=stranger)).status_code == 404


async def test_a_complainants_contact_is_the_offices_alone(api: httpx.AsyncClient, firm: make.Firm) -> None:
    contact = {"name": "王小明", "phone": "13900001234"}
    complaint = await supervision.complain(api, contact=contact)
    ask = {
        "subject_kind": "complaint",
        "subject_id": complaint["id"],
        "fields": ["phone"],
        "purpose": "回访投诉人",
    }
    own = await people.firm_reader(api, firm)
    assert (await api.post("/v1/personal-readings", json=ask, headers=own)).status_code == 404
    read = await api.post("/v1/personal-readings", json=ask, headers=people.reader())
    assert read.json()["values"] == {"phone": "13900001234"}
    (shown,) = await _readings(api, complaint["id"], make.official())
    assert (shown["subject_kind"], shown["enterprise_id"]) == ("complaint", None)
    assert await _readings(api, complaint["id"], firm.headers) == []
    code = {"X-Reference-Code": complaint["reference_code"]}
    await api.post(f"/v1/complaints/{complaint['id']}/contact-erasure", headers=code)
    gone = await api.post("/v1/personal-readings", json=ask, headers=people.reader())
    assert gone.status_code == 410


async def test_a_firm_reads_its_own_with_the_scope(api: httpx.AsyncClient, firm: make.Firm) -> None:
    body = people.driver_body()
    made = await people.register(api, firm, **body)
    assert (await people.read_values(api, made["id"], firm.headers)).status_code == 403
    own = await people.firm_reader(api, firm)
    read = await people.read_values(api, made["id"], own, "mobile_phone")
    assert read.json()["values"] == {"mobile_phone": body["mobile_phone"]}
    other = await make.admit_firm(api)
    stranger = await people.firm_reader(api, other)
    answers = [
        await people.read_values(api, name, {**stranger, "X-Request-ID": "same"})
        for name in (made["id"], str(uuid4()))
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].content == answers[1].content
    (shown,) = await _readings(api, made["id"], firm.headers)
    assert (shown["reader"], shown["reader_name"], shown["role"]) == (firm.client_id, None, "enterprise")


@pytest.mark.parametrize("role", [Role.police, Role.province, Role.public])
async def test_police_and_province_do_not_read(api: httpx.AsyncClient, firm: make.Firm, role: Role) -> None:
    made = await people.driver(api, firm)
    assert (await people.read_values(api, made["id"], people.reader(role))).status_code == 403
    headers = make.office_client(role)
    assert (await api.get("/v1/personal-readings", headers=headers)).status_code == 403
    assert (await api.get(f"/v1/drivers/{made['id']}", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"purpose": "x"}, "purpose"),
        ({"purpose": "     "}, "purpose"),
        ({"purpose": None}, "purpose"),
        ({"purpose": "查 139 1234 5678 的驾驶员"}, "purpose"),
        ({"purpose": "核实１１０１０５１９４９１２３１００２Ｘ"}, "purpose"),
        ({"fields": []}, "fields"),
        ({"fields": ["own_key"]}, "fields.0"),
        ({"fields": ["name", "contacts"]}, "fields"),
        ({"subject_kind": "enterprise"}, "fields"),
        ({"fields": ["name", "name"]}, "fields"),
        ({"subject_kind": "vehicle"}, "subject_kind"),
        ({"subject_id": "x"}, "subject_id"),
    ],
)
async def test_without_a_purpose_nothing_is_read(
    api: httpx.AsyncClient, firm: make.Firm, values: dict[str, Any], field: str
) -> None:
    made = await people.driver(api, firm)
    body = {"subject_kind": "driver", "subject_id": made["id"], "fields": ["name"], "purpose": "核实身份"}
    answer = await api.post("/v1/personal-readings", json={**body, **values}, headers=people.reader())
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [f"body.{field}"]
    assert await _readings(api, made["id"], firm.headers) == []


async def test_no_answer_without_its_entry(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Connection
) -> None:
    body = people.driver_body()
    made = await people.register(api, firm, **body)
    document = await people.document(api, firm)
    await superuser.execute("REVOKE INSERT ON registry.access_log FROM registry_api")
    try:
        refused = await people.read_values(api, made["id"], people.reader())
        download = await api.get(f"/v1/documents/{document}/content", headers=firm.headers)
    finally:
        await superuser.execute("GRANT INSERT ON registry.access_log TO registry_api")
    for answer in (refused, download):
        assert answer.status_code >= 500
        assert body["id_number"] not in answer.text
    assert (await people.read_values(api, made["id"], people.reader())).status_code == 201


async def test_an_idempotency_key_keeps_nothing_of_a_reading(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Connection
) -> None:
    made = await people.driver(api, firm)
    key = str(uuid4())
    headers = {**people.reader(), "Idempotency-Key": key}
    positions = {(await people.read_values(api, made["id"], headers)).json()["log_pos"] for _ in range(2)}
    assert len(positions) == 2
    assert not await superuser.fetchval("SELECT count(*) FROM registry.idempotency_keys WHERE key = $1", key)


async def test_downloads_of_documents_are_on_record(api: httpx.AsyncClient, firm: make.Firm) -> None:
    document = await people.document(api, firm)
    assert (await api.get(f"/v1/documents/{document}", headers=firm.headers)).status_code == 200
    assert await _readings(api, document, firm.headers) == []
    for headers in (firm.headers, make.official()):
        assert (await api.get(f"/v1/documents/{document}/content", headers=headers)).status_code == 200
    shown = await _readings(api, document, firm.headers)
    assert [(each["role"], each["subject_kind"], each["fields"]) for each in shown] == [
        ("enterprise", "document", ["content"]),
        ("transport_bureau", "document", ["content"]),
    ]
    stranger = await make.admit_firm(api)
    assert (await api.get(f"/v1/documents/{document}/content", headers=stranger.headers)).status_code == 404
    assert len(await _readings(api, document, firm.headers)) == 2


async def test_a_drivers_papers_are_read_with_the_scope_for_a_purpose(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    scan, checked, other = [await people.document(api, firm) for _ in range(3)]
    made = await people.driver(api, firm, document_ids=[scan])
    await _verify(api, made["id"], checked)
    purpose = "核实驾驶证"
    for document in (scan, checked):
        path = f"/v1/documents/{document}/content"
        refused = await api.get(path, headers={**make.official(), "X-Purpose": quote(purpose)})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:cityfreight:problem:forbidden")
        for bad in ({}, {"X-Purpose": "x"}, {"X-Purpose": "%FF%FF%FF%FF"}, {"X-Purpose": "13912345678"}):
            refused = await api.get(path, headers={**people.reader(), **bad})
            assert refused.status_code == 422
            assert [each["field"] for each in refused.json()["errors"]] == ["header.X-Purpose"]
        assert (await api.get(f"/v1/documents/{document}", headers=make.official())).status_code == 200
        assert await _readings(api, document, firm.headers) == []
        for value in (quote(purpose).encode(), purpose.encode()):
            given = [(b"Authorization", people.reader()["Authorization"].encode()), (b"X-Purpose", value)]
            read = await api.get(path, headers=given)
            assert read.status_code == 200, read.text
        assert (await api.get(path, headers=firm.headers)).status_code == 200
        shown = await _readings(api, document, firm.headers)
        assert [each["purpose"] for each in shown] == [purpose, purpose, None]
    read = await api.get(f"/v1/documents/{other}/content", headers=make.official())
    assert read.status_code == 200, "evidence of no person"


async def _verify(
    api: httpx.AsyncClient, subject_id: str, document: str, group: str = "identity", **values: Any
) -> None:
    body = {
        "subject_kind": "driver",
        "subject_id": subject_id,
        "field_group": group,
        "level": "document_checked",
        "source": "身份证原件",
        "document_ids": [document],
        **values,
    }
    answer = await api.post("/v1/verifications", json=body, headers=make.official())
    assert answer.status_code == 201, answer.text


async def test_erasure_takes_what_verified_the_person(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    scan, ended, checked, shared, unseen = [await people.document(api, firm) for _ in range(5)]
    office = {**make.official(), "Content-Type": "application/pdf"}
    made = await people.driver(api, firm, document_ids=[scan, unseen])
    offices = (await api.post("/v1/documents", content=pdf(made["id"]), headers=office)).json()["id"]
    await _verify(api, made["id"], scan, note="与王强本人核对")
    await _verify(api, made["id"], ended)
    await _verify(api, made["id"], checked)
    await _verify(api, made["id"], offices, "licence")
    await _verify(api, made["id"], shared, "contact")
    await _verify(api, str(firm.id), shared, subject_kind="enterprise")
    # Of another firm's verification this one sees nothing, and yet the document is evidence there.
    await _verify(api, str(other.id), unseen, subject_kind="enterprise")
    request = {"reason": "本人申请删除", "requested_by": "subject"}
    done = await api.post(f"/v1/drivers/{made['id']}/erasure", json=request, headers=firm.headers)
    assert (done.status_code, done.json()["documents_erased"]) == (201, 4), done.text
    reader = {**people.reader(), "X-Purpose": "check"}
    for document, status in (
        *((each, 410) for each in (scan, ended, checked, offices)),
        *((each, 200) for each in (shared, unseen)),
    ):
        read = await api.get(f"/v1/documents/{document}/content", headers=reader)
        assert read.status_code == status, document
    path = f"/v1/verifications?subject_id={made['id']}"
    items = (await api.get(path, headers=firm.headers)).json()["items"]
    assert len(items) == 5
    assert {(each["source"], each["note"]) for each in items} == {(None, None)}
    assert all(each["ended_at"] for each in items)


async def test_erasure_takes_all_employments_of_the_person(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    body = people.driver_body()
    ended = await people.register(api, firm, **body)
    path = f"/v1/drivers/{ended['id']}/employment-end"
    await api.post(path, json={"reason": "离职"}, headers=firm.headers)
    scan = await people.document(api, firm)
    active = await people.register(api, firm, **body, document_ids=[scan])
    elsewhere = await people.register(api, other, **body)
    namesake = await people.driver(api, firm, name=body["name"])
    request = {"reason": "本人申请删除", "requested_by": "subject"}
    done = await api.post(f"/v1/drivers/{active['id']}/erasure", json=request, headers=firm.headers)
    assert done.status_code == 201, done.text
    assert (done.json()["subject_id"], done.json()["also_erased"]) == (active["id"], [ended["id"]])
    assert done.json()["documents_erased"] == 1
    found = await people.search(api, firm.headers, None, id_number=body["id_number"])
    assert found.json()["items"] == []
    for each in (active, ended):
        left = (await api.get(f"/v1/drivers/{each['id']}", headers=firm.headers)).json()
        assert (left["status"], left["id_number"]) == ("erased", None)
        listed = await api.get(f"/v1/erasures?subject_id={each['id']}", headers=firm.headers)
        assert len(listed.json()["items"]) == 1
    found = await people.search(api, other.headers, None, id_number=body["id_number"])
    assert [each["id"] for each in found.json()["items"]] == [elsewhere["id"]], "another firm's is its own"
    assert (await api.get(f"/v1/drivers/{namesake['id']}", headers=firm.headers)).json()["status"] == "active"
    again = await people.register(api, firm, **body)
    done = await api.post(f"/v1/drivers/{again['id']}/erasure", json=request, headers=make.official())
    assert done.json()["also_erased"] == [elsewhere["id"]], "an office sees every firm's"


_TAMPERINGS = (
    "UPDATE registry.access_log SET subject = 'x'",
    "DELETE FROM registry.access_log",
    "TRUNCATE registry.access_log",
    "UPDATE registry.erasures SET reason = 'x'",
    "DELETE FROM registry.erasures",
)


async def test_the_log_is_written_and_read_and_nothing_else(
    api: httpx.AsyncClient, firm: make.Firm, database_urls: dict[str, str]
) -> None:
    made = await people.driver(api, firm)
    await people.read_values(api, made["id"], people.reader())
    for role in ("registry_api", "registry_worker"):
        connection = await asyncpg.connect(database_urls[role])
        try:
            await connection.execute("SELECT set_config('app.role', 'service', false)")
            for statement in _TAMPERINGS:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        finally:
            await connection.close()


async def test_erasure_destroys_what_is_personal_and_is_on_record(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Connection
) -> None:
    own, shared = await people.document(api, firm), await people.document(api, firm)
    body = people.driver_body(document_ids=[own, shared])
    made = await people.register(api, firm, **body)
    await people.driver(api, firm, document_ids=[shared])
    path = f"/v1/drivers/{made['id']}"
    request = {"reason": "本人申请删除", "requested_by": "subject"}
    done = await api.post(f"{path}/erasure", json=request, headers=firm.headers)
    assert done.status_code == 201, done.text
    assert (done.json()["documents_erased"], done.json()["erased_by"]) == (1, firm.client_id)
    left = (await api.get(path, headers=firm.headers)).json()
    told = {name for name, value in left.items() if value not in (None, [], {}, False)}
    assert told == {"id", "enterprise_id", "kind", "status", "version", "created_at", "updated_at"}
    assert (left["status"], left["version"]) == ("erased", 2)
    assert await superuser.fetchval(
        "SELECT count(*) = 0 FROM registry.personal_subjects WHERE id = $1", UUID(made["id"])
    )
    for answer in (
        await people.read_values(api, made["id"], people.reader()),
        await api.post(f"{path}/erasure", json=request, headers=firm.headers),
        await api.put(path, json={"licence_class": "A2"}, headers=firm.headers),
        await api.post(f"{path}/employment-end", json={"reason": "x"}, headers=firm.headers),
        await api.get(f"/v1/documents/{own}/content", headers=firm.headers),
    ):
        assert answer.status_code == 410, answer.text
    assert (await api.get(f"/v1/documents/{shared}/content", headers=firm.headers)).status_code == 200
    found = await people.search(api, people.reader(), id_number=body["id_number"])
    assert found.json()["items"] == []
    listed = await api.get(f"/v1/erasures?subject_id={made['id']}", headers=make.official())
    erasure = done.json()
    assert erasure.pop("also_erased") == []
    assert listed.json()["items"] == [erasure]
    again = await api.post("/v1/drivers", json={**body, "document_ids": []}, headers=firm.headers)
    assert again.status_code == 201, "the person may come back as somebody new"


async def test_who_may_erase(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.driver(api, firm)
    path = f"/v1/drivers/{made['id']}/erasure"
    request = {"reason": "监管要求", "requested_by": "authority"}
    stranger = await make.admit_firm(api)
    for headers, status in (
        ({}, 401),
        (make.official(Role.police), 403),
        (make.official(Role.postal_bureau), 403),
        (make.office_client(Role.transport_bureau), 403),
        (stranger.headers, 404),
    ):
        assert (await api.post(path, json=request, headers=headers)).status_code == status
    for bad in ({"reason": "x"}, {**request, "requested_by": "me"}, {**request, "reason": "13912345678"}):
        assert (await api.post(path, json=bad, headers=make.official())).status_code == 422
    await api.post(f"/v1/enterprises/{firm.id}/suspension", json={"reason": "x"}, headers=make.official())
    done = await api.post(path, json=request, headers=make.official())
    assert (done.status_code, done.json()["erased_by_name"]) == (201, "李工")
    assert (await api.get("/v1/erasures", headers=stranger.headers)).json()["items"] == []


async def test_after_erasures_every_chain_verifies(
    api: httpx.AsyncClient, firm: make.Firm, database_urls: dict[str, str], superuser: Connection
) -> None:
    bodies = [people.driver_body() for _ in range(12)]
    made = [await people.register(api, firm, **body) for body in bodies]
    for each in made:
        await people.read_values(api, each["id"], people.reader())
    request = {"reason": "本人申请删除", "requested_by": "subject"}
    for each in made[::2]:
        await api.post(f"/v1/drivers/{each['id']}/erasure", json=request, headers=firm.headers)
    await drain(FEED, database_urls["registry_worker"])
    worker = Database(database_urls["registry_worker"], pool_size=2)
    try:
        verified = await verify_feed(FEED, worker)
        assert await find_break(worker, LOG) is None
    finally:
        await worker.close()
    assert verified.head > 0
    rows = await superuser.fetch(
        "SELECT id, version, deleted, state FROM registry.changes WHERE kind = 'driver' AND id = ANY($1)"
        " ORDER BY pos",
        [UUID(each["id"]) for each in made],
    )
    states: dict[str, list[Any]] = {}
    for row in rows:
        said = row["version"], row["deleted"], json.loads(row["state"])
        states.setdefault(str(row["id"]), []).append(said)
        for body in bodies:
            for field in ("id_number", "mobile_phone", "name"):
                assert body[field].encode() not in row["state"]
    for number, each in enumerate(made):
        expected = [(1, False)] if number % 2 else [(1, False), (2, True)]
        assert [(version, gone) for version, gone, _ in states[each["id"]]] == expected
    erased = states[made[0]["id"]][-1][2]
    assert (erased["status"], erased["licence_class"], erased["employed_from"]) == ("erased", None, None)
    heads = await superuser.fetch("SELECT state FROM registry.heads WHERE id = $1", UUID(made[0]["id"]))
    assert not [row for row in heads if b"B2" in row["state"]]


async def test_readings_at_once_share_commits_and_one_chain(
    api: httpx.AsyncClient, firm: make.Firm, database_urls: dict[str, str]
) -> None:
    made = await people.driver(api, firm)
    headers = people.reader()
    answers = await asyncio.gather(*(people.read_values(api, made["id"], headers, "name") for _ in range(60)))
    positions = sorted(answer.json()["log_pos"] for answer in answers)
    assert len(set(positions)) == 60
    assert len(await _readings(api, made["id"], firm.headers)) == 50, "a page"
    worker = Database(database_urls["registry_worker"], pool_size=1)
    try:
        assert await find_break(worker, LOG) is None
    finally:
        await worker.close()


async def test_a_registration_said_again_after_the_erasure_shows_nobody(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    body, headers = people.driver_body(), {**firm.headers, "Idempotency-Key": str(uuid4())}
    made = await api.post("/v1/drivers", json=body, headers=headers)
    again = await api.post("/v1/drivers", json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, made.json())
    path = f"/v1/drivers/{made.json()['id']}/erasure"
    given = {"requested_by": "subject", "reason": "本人申请"}
    erased = await api.post(path, json=given, headers=make.official())
    assert erased.status_code == 201, erased.text
    late = await api.post("/v1/drivers", json=body, headers=headers)
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (410, "answer-erased")
    assert "*" not in late.text
