"""Evidence: type by content, one copy an owner, seen only by those who may, sealed at rest."""

import asyncio
import struct
import zlib
from hashlib import sha256
from typing import Any

import httpx
import pytest

from services.shared.auth import Role
from tests.factories import people
from tests.factories import registry as make
from tests.factories.media import jpeg, pdf, pdf_with_stream

PDF, JPEG = pdf(), jpeg()
MIB = 1024 * 1024


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
EXE = b"MZ\x90\x00" + bytes(200)


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("application/pdf", PDF),
        ("application/pdf", pdf_with_stream()),
        ("image/jpeg", JPEG),
        ("image/jpeg", JPEG + b"\x00\x00" + JPEG),
        ("image/png", PNG),
    ],
)
async def test_a_document_comes_back_byte_for_byte(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Any, media_type: str, content: bytes
) -> None:
    made = await make.upload(api, firm, content, media_type)
    assert made.status_code == 201, made.text
    document = made.json()
    assert (document["sha256"], document["size_bytes"]) == (sha256(content).hexdigest(), len(content))
    path = f"/v1/documents/{document['id']}"
    for headers in (firm.headers, make.official(Role.postal_bureau)):
        answer = await api.get(f"{path}/content", headers=headers)
        assert (answer.content, answer.headers["content-type"]) == (content, media_type)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
    box = await superuser.fetchval("SELECT box FROM registry.documents WHERE id = $1::uuid", document["id"])
    assert content[:16] not in box
    again = (await make.upload(api, firm, content, media_type)).json()
    assert again["id"] == document["id"], "the same bytes are kept once"


async def test_the_same_bytes_of_another_owner_are_another_document(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    other = await make.admit_firm(api)
    mine = (await make.upload(api, firm, PDF)).json()
    theirs = (await make.upload(api, other, PDF)).json()
    assert mine["id"] != theirs["id"]
    for path in (f"/v1/documents/{theirs['id']}", f"/v1/documents/{theirs['id']}/content"):
        assert (await api.get(path, headers=firm.headers)).status_code == 404
    headers = {**firm.headers, "Content-Type": "application/pdf"}
    named = await api.post(f"/v1/documents?enterprise_id={other.id}", content=PDF, headers=headers)
    assert named.status_code == 404
    listed = (await api.get(f"/v1/documents?enterprise_id={other.id}", headers=firm.headers)).json()
    assert listed["items"] == []
    assert (
        await api.get(f"/v1/documents/{theirs['id']}", headers=make.official(Role.police))
    ).status_code == 403


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (EXE, "application/pdf", 422),
        (b"%PDF-1.7\n" + EXE, "application/pdf", 422),
        (PDF + EXE, "application/pdf", 422),
        (PDF + b"PK\x03\x04" + bytes(2000), "application/pdf", 422),
        (PNG + EXE, "image/png", 422),
        (PNG[:-6], "image/png", 422),
        (JPEG + EXE, "image/jpeg", 422),
        (JPEG[:-2], "image/jpeg", 422),
        (b"\xff\xd8\xff" + EXE + b"\xff\xd9", "image/jpeg", 422),
        (b"\xff\xd8\xff\xd9", "image/jpeg", 422),
        (JPEG[:20] + EXE + JPEG[20:], "image/jpeg", 422),
        (JPEG + EXE + JPEG, "image/jpeg", 422),
        (JPEG * 11, "image/jpeg", 422),
        (b"\xff\xd8" + b"\xff\xfe\x00\x02" * 20_000 + JPEG[2:], "image/jpeg", 422),
        (b"%PDF-1.7\n" + EXE + b"\n%%EOF\n", "application/pdf", 422),
        (b"%PDF-1.7\n" + EXE + b"\nstartxref\n9\n%%EOF\n", "application/pdf", 422),
        (PDF.replace(b"startxref\n", b"startxref\n9"), "application/pdf", 422),
        (PDF.replace(b"%%EOF", b"%%EO"), "application/pdf", 422),
        (PNG, "image/jpeg", 422),
        (PDF, "image/png", 422),
        (b"", "application/pdf", 422),
        (b"GIF89a" + bytes(20), "image/gif", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 415),
        (PDF, "", 415),
        (PDF, "multipart/form-data; boundary=x", 415),
    ],
)
async def test_what_is_not_what_it_says_is_refused(
    api: httpx.AsyncClient, firm: make.Firm, superuser: Any, content: bytes, media_type: str, status: int
) -> None:
    count = "SELECT count(*) FROM registry.documents"
    before = await superuser.fetchval(count)
    answer = await make.upload(api, firm, content, media_type)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert " / " in problem["title"]
    assert " / " in problem["detail"]
    assert await superuser.fetchval(count) == before


async def test_the_same_bytes_at_once_are_kept_once(api: httpx.AsyncClient, firm: make.Firm) -> None:
    office = {**make.official(), "Content-Type": "application/pdf"}
    for n in range(5):
        content = pdf(f"{firm.id} {n}")
        for headers in ({**firm.headers, "Content-Type": "application/pdf"}, office):
            sent = [api.post("/v1/documents", content=content, headers=headers) for _ in range(4)]
            answers = await asyncio.gather(*sent)
            assert [answer.status_code for answer in answers] == [201] * 4
            assert len({answer.json()["id"] for answer in answers}) == 1


async def test_erased_bytes_may_be_handed_in_again(api: httpx.AsyncClient, firm: make.Firm) -> None:
    scan = pdf(str(firm.id))
    first = (await make.upload(api, firm, scan)).json()["id"]
    driver = await people.driver(api, firm, document_ids=[first])
    erasure = {"reason": "本人申请删除", "requested_by": "subject"}
    await api.post(f"/v1/drivers/{driver['id']}/erasure", json=erasure, headers=firm.headers)
    assert (await api.get(f"/v1/documents/{first}/content", headers=firm.headers)).status_code == 410
    again = await make.upload(api, firm, scan)
    assert again.status_code == 201, again.text
    assert again.json()["id"] != first
    read = await api.get(f"/v1/documents/{again.json()['id']}/content", headers=firm.headers)
    assert read.content == scan


async def test_ten_mebibytes_pass_and_one_byte_more_does_not(api: httpx.AsyncClient, firm: make.Firm) -> None:
    # The end names the table's place in decimals: seven more digits than that of the smallest.
    digits = len(str(10 * MIB)) - len(PDF.split()[-2])
    largest = pdf("x" * (10 * MIB - len(PDF) - digits))
    assert len(largest) == 10 * MIB
    assert (await make.upload(api, firm, largest)).status_code == 201
    over = await make.upload(api, firm, largest + b"\n")
    assert (over.status_code, over.json()["type"]) == (413, "urn:cityfreight:problem:payload-too-large")
    assert (await make.upload(api, firm, largest * 2)).status_code == 413


async def test_an_applicant_adds_evidence_until_it_is_decided_and_the_firm_keeps_it(
    api: httpx.AsyncClient,
) -> None:
    code = make.uscc()
    contact = {"role": "legal_representative", "name": "欧阳锋", "phone": "0427-2823456"}
    body = {
        "name": "证据公司",
        "uscc": code,
        "kind": "carrier",
        "address": "工业街1号",
        "contacts": [contact],
    }
    made = (await api.post("/v1/enterprise-applications", json=body)).json()
    path = f"/v1/enterprise-applications/{made['id']}"
    shown = {"X-Reference-Code": made["reference_code"], "Content-Type": "application/pdf"}
    first = await api.post(f"{path}/documents", content=PDF, headers=shown)
    assert first.status_code == 201, first.text
    wrong = {**shown, "X-Reference-Code": "x" * 43}
    assert (await api.post(f"{path}/documents", content=PDF, headers=wrong)).status_code == 404
    listed = (await api.get(f"{path}/documents", headers=make.official())).json()["items"]
    assert [row["id"] for row in listed] == [first.json()["id"]]
    evidence = f"/v1/documents/{first.json()['id']}/content"
    assert (await api.get(evidence, headers=make.official())).content == PDF
    approved = (await api.post(f"{path}/approval", json={}, headers=make.official())).json()
    assert approved["decided_by_name"] == "李工"
    assert (await api.post(f"{path}/documents", content=PDF, headers=shown)).status_code == 409
    reference = {"reference_code": made["reference_code"]}
    client = (await api.post(f"{path}/credentials", json=reference)).json()
    headers = await make.client_headers(api, client["client_id"], client["client_secret"])
    assert (await api.get(evidence, headers=headers)).content == PDF
    firm = (await api.get(f"/v1/enterprises/{approved['enterprise_id']}", headers=headers)).json()
    assert firm["address"] == "工业街1号"
    assert firm["contacts"] == [{"role": "legal_representative", "name": "欧**", "phone": "042******56"}]


async def test_an_applicant_may_add_twenty_and_no_more(api: httpx.AsyncClient) -> None:
    body = {"name": "二十份公司", "uscc": make.uscc(), "kind": "carrier"}
    made = (await api.post("/v1/enterprise-applications", json=body)).json()
    path = f"/v1/enterprise-applications/{made['id']}/documents"
    shown = {"X-Reference-Code": made["reference_code"], "Content-Type": "application/pdf"}
    answers = [(await api.post(path, content=pdf(str(n)), headers=shown)).status_code for n in range(21)]
    assert answers == [201] * 20 + [409]


async def test_a_rejected_applicants_contacts_and_evidence_are_gone(
    api: httpx.AsyncClient, superuser: Any
) -> None:
    contact = {"role": "platform", "name": "李四", "phone": "13900005678"}
    body = {"name": "被拒公司", "uscc": make.uscc(), "kind": "carrier", "contacts": [contact]}
    made = (await api.post("/v1/enterprise-applications", json=body)).json()
    count = "SELECT count(*) FROM registry.personal_values WHERE subject_id = $1::uuid"
    assert await superuser.fetchval(count, made["id"]) == 1
    path = f"/v1/enterprise-applications/{made['id']}"
    shown = {"X-Reference-Code": made["reference_code"], "Content-Type": "application/pdf"}
    document = (await api.post(f"{path}/documents", content=PDF, headers=shown)).json()
    evidence = f"/v1/documents/{document['id']}/content"
    assert (await api.get(evidence, headers=make.official())).content == PDF
    rejected = await api.post(f"{path}/rejection", json={"reason": "材料不全"}, headers=make.official())
    assert rejected.status_code == 200, rejected.text
    assert await superuser.fetchval(count, made["id"]) == 0
    assert (await api.get(evidence, headers=make.official())).status_code == 410
    kept = "SELECT count(*) FROM registry.personal_subjects WHERE id = $1::uuid"
    assert await superuser.fetchval(kept, document["id"]) == 0
    listed = (await api.get(f"{path}/documents", headers=make.official())).json()["items"]
    assert [row["id"] for row in listed] == [document["id"]], "that there was one stays on record"
