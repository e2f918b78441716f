"""Complaints from the public: intake, matching, progress, erasure."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.registry.main import create_app
from services.shared.standards.coordinates import wgs84_to_gcj02
from tests.factories import registry as make
from tests.factories import supervision as given

PATH = "/v1/complaints"


def _code(receipt: make.Json) -> dict[str, str]:
    return {"X-Reference-Code": receipt["reference_code"]}


async def _seen(api: httpx.AsyncClient, complaint_id: str) -> make.Json:
    answer = await api.get(f"{PATH}/{complaint_id}", headers=make.official())
    assert answer.status_code == 200, answer.text
    found: make.Json = answer.json()
    return found


async def test_anybody_complains_and_asks_how_far_it_is(api: httpx.AsyncClient) -> None:
    receipt = await given.complain(api)
    assert set(receipt) == {
        "id",
        "status",
        "submitted_at",
        "accepted_at",
        "decided_at",
        "outcome",
        "reply",
        "contact_kept",
        "reference_code",
    }
    assert (receipt["status"], receipt["contact_kept"]) == ("submitted", True)
    progress = await api.get(f"{PATH}/{receipt['id']}/progress", headers=_code(receipt))
    assert progress.json() == {name: value for name, value in receipt.items() if name != "reference_code"}


@pytest.mark.parametrize("field", ["text", "place"])
@pytest.mark.parametrize("said", ["请打 139 0000 1234", "我是１１０１０５１９４９１２３１００２Ｘ"])
async def test_a_number_belongs_into_the_contact(api: httpx.AsyncClient, field: str, said: str) -> None:
    refused = await api.post(PATH, json=given.complaint_body(**{field: said}))
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert fault["field"] == f"body.{field}"
    assert "contact" in fault["message"]
    assert " / " in fault["message"]
    assert said not in refused.text


async def test_without_the_code_there_is_nothing_to_see(api: httpx.AsyncClient) -> None:
    mine, other = await given.complain(api), await given.complain(api)
    for method, step in (("GET", "progress"), ("POST", "contact-erasure")):
        path = f"{PATH}/{mine['id']}/{step}"
        same = {"X-Request-Id": "same"}
        wrong = await api.request(method, path, headers={**_code(other), **same})
        unknown = await api.request(
            method, path.replace(mine["id"], str(uuid4())), headers={**_code(other), **same}
        )
        assert (wrong.status_code, unknown.status_code) == (404, 404)
        assert wrong.content == unknown.content.replace(
            unknown.json()["instance"].encode(), wrong.json()["instance"].encode()
        )
        missing = await api.request(method, path)
        assert [item["field"] for item in missing.json()["errors"]] == ["header.X-Reference-Code"]
    assert (await api.get(f"{PATH}/{mine['id']}", headers=_code(mine))).status_code == 401
    assert (await api.get(PATH)).status_code == 401


async def test_it_is_matched_and_the_public_is_told_nothing(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm, valid_from="2020-01-01T00:00:00Z")
    plate = {"plate_number": vehicle["plate_number"], "plate_color": vehicle["plate_color"]}
    known = await given.complain(api, **plate)
    unknown = await given.complain(api)
    stable = ("id", "submitted_at", "reference_code")
    assert {k: v for k, v in known.items() if k not in stable} == {
        k: v for k, v in unknown.items() if k not in stable
    }
    seen = await _seen(api, known["id"])
    assert (seen["enterprise_id"], seen["vehicle_id"]) == (str(firm.id), vehicle["id"])
    assert seen["text"] == given.complaint_body()["text"]
    nothing = await _seen(api, unknown["id"])
    assert (nothing["enterprise_id"], nothing["vehicle_id"]) == (None, None)


async def test_a_plate_is_read_as_written_and_judged_at_its_time(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    other = await make.admit_firm(api)
    long_ago, turn = "2020-01-01T00:00:00Z", datetime.now(UTC) - timedelta(days=5)
    vehicle = await make.register(api, firm, valid_from=long_ago)
    body = {"enterprise_id": str(other.id), "at": turn.isoformat(), "reason": "转让"}
    new = (
        await api.post(f"/v1/vehicles/{vehicle['id']}/transfer", json=body, headers=make.official())
    ).json()
    plate = vehicle["plate_number"]
    full_width = plate[:2] + "·" + "".join(chr(ord(char) + 0xFEE0) for char in plate[2:])
    for days, owner, registration in ((6, firm.id, vehicle["id"]), (4, other.id, new["id"])):
        at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        made = await given.complain(api, plate_number=full_width, plate_color=2, occurred_at=at)
        seen = await _seen(api, made["id"])
        assert seen["reported_plate_number"] == plate
        assert (seen["enterprise_id"], seen["vehicle_id"]) == (str(owner), registration)


async def test_a_firm_is_found_by_code_or_by_its_only_name(api: httpx.AsyncClient, firm: make.Firm) -> None:
    nothing = {"plate_number": None, "plate_color": None}
    by_code = await given.complain(api, **nothing, uscc=firm.uscc.lower())
    name = (await api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)).json()["name"]
    by_name = await given.complain(api, **nothing, enterprise_name=name)
    by_part = await given.complain(api, **nothing, enterprise_name=name[:-1])
    found = [(await _seen(api, made["id"]))["enterprise_id"] for made in (by_code, by_name, by_part)]
    assert found == [str(firm.id), str(firm.id), None]
    other = await make.admit_firm(api)
    vehicle = await make.register(api, other, valid_from="2020-01-01T00:00:00Z")
    both = await given.complain(api, uscc=firm.uscc, plate_number=vehicle["plate_number"], plate_color=2)
    seen = await _seen(api, both["id"])
    assert (seen["enterprise_id"], seen["vehicle_id"]) == (str(other.id), vehicle["id"]), "its owner's"


async def test_places_are_kept_in_wgs84(api: httpx.AsyncClient) -> None:
    lon, lat = wgs84_to_gcj02(122.07, 41.12)
    made = await given.complain(api, lon=lon, lat=lat, crs="GCJ-02")
    seen = await _seen(api, made["id"])
    assert (seen["lon"], seen["lat"]) == (pytest.approx(122.07, abs=1e-9), pytest.approx(41.12, abs=1e-9))
    nowhere = await _seen(api, (await given.complain(api, lon=None, lat=None))["id"])
    assert (nowhere["lon"], nowhere["lat"]) == (None, None)


async def test_the_contact_is_sealed_masked_and_erased_on_request(
    api: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    name, phone = "欧阳小明", f"139{uuid4().int % 10**8:08d}"
    receipt = await given.complain(api, contact={"name": name, "phone": f"+86 {phone}"})
    path = f"{PATH}/{receipt['id']}"
    masked = await api.get(f"{path}/contact", headers=make.official())
    assert masked.json() == {"name": "欧***", "phone": f"139******{phone[-2:]}", "erased_at": None}
    assert await _tables_with(superuser, name, phone) == []
    assert "complaints" in await _tables_with(superuser, given.complaint_body()["text"]), "it can find"
    done = await api.post(f"{path}/contact-erasure", headers=_code(receipt))
    assert (done.status_code, done.json()["contact_kept"]) == (200, False)
    again = await api.post(f"{path}/contact-erasure", headers=_code(receipt))
    assert again.json() == done.json()
    gone = (await api.get(f"{path}/contact", headers=make.official())).json()
    assert (gone["name"], gone["phone"]) == (None, None)
    assert gone["erased_at"] is not None
    kept = "SELECT count(*) FROM registry.personal_subjects WHERE id = $1::uuid"
    assert await superuser.fetchval(kept, receipt["id"]) == 0
    events = (await api.get(f"{path}/events", headers=make.official())).json()["items"]
    assert [(each["kind"], each["by_name"]) for each in events] == [
        ("submitted", None),
        ("contact_erased", None),
    ]


async def _tables_with(superuser: "asyncpg.Connection[asyncpg.Record]", *values: str) -> list[str]:
    """Every table of the service with one of the values in plain text or as bytes."""
    tables = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'registry'::regnamespace AND relkind IN ('r', 'p')"
    )
    needles = [part for value in values for part in (value, value.encode().hex())]
    return [
        table["relname"]
        for table in tables
        if await superuser.fetchval(
            f"SELECT EXISTS (SELECT FROM registry.{table['relname']} AS t WHERE EXISTS"  # noqa: S608 - names of the catalogue
            " (SELECT FROM unnest($1::text[]) AS needle WHERE strpos(t::text, needle) > 0))",
            needles,
        )
    ]


async def test_a_complaint_without_a_contact_has_none(api: httpx.AsyncClient) -> None:
    for contact in (None, {}, {"name": None, "phone": None}):
        receipt = await given.complain(api, contact=contact)
        assert receipt["contact_kept"] is False
        done = await api.post(f"{PATH}/{receipt['id']}/contact-erasure", headers=_code(receipt))
        assert done.status_code == 200
        read = await api.get(f"{PATH}/{receipt['id']}/contact", headers=make.official())
        assert read.json() == {"name": None, "phone": None, "erased_at": None}


async def test_a_repeated_complaint_is_one_and_comes_without_the_code(
    api: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    body, key = given.complaint_body(), {"Idempotency-Key": str(uuid4())}
    first = await api.post(PATH, json=body, headers=key)
    again = await api.post(PATH, json=body, headers=key)
    assert again.status_code == 201
    assert again.json() == {name: value for name, value in first.json().items() if name != "reference_code"}
    stored = await superuser.fetchval(
        "SELECT convert_from(body, 'UTF8') FROM registry.idempotency_keys WHERE key = $1",
        key["Idempotency-Key"],
    )
    assert not any(word in stored for word in ("13900001234", "王小明", first.json()["reference_code"]))


async def test_script_is_text_and_comes_back_as_it_was(api: httpx.AsyncClient) -> None:
    text = "<script>alert('投诉')</script>\r\n=cmd|' /C calc'!A0 \u202e 𠮷 ' OR 1=1; --"
    made = await given.complain(api, text=text, place="<img src=x onerror=alert(1)>")
    answer = await api.get(f"{PATH}/{made['id']}", headers=make.official())
    assert (answer.json()["text"], answer.json()["place"]) == (text, "<img src=x onerror=alert(1)>")
    assert answer.headers["content-type"] == "application/json"


async def test_a_flood_from_one_address_is_stopped(
    database_urls: dict[str, str], tmp_path: Path, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    app = create_app(make.api_settings(database_urls, tmp_path, complaints_per_minute=3))
    count = "SELECT count(*) FROM registry.complaints"
    before = await superuser.fetchval(count)
    async with make.running(app) as edge:

        async def post(address: str) -> httpx.Response:
            return await edge.post(PATH, json=given.complaint_body(), headers={"X-Real-IP": address})

        answers = await asyncio.gather(*(post("203.0.113.7") for _ in range(50)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 47
        refused = [answer for answer in answers if answer.status_code == 429]
        assert all(1 <= int(answer.headers["retry-after"]) <= 20 for answer in refused)
        assert refused[0].json()["title"] == "请求过于频繁 / Too many requests"
        assert (await post("203.0.113.8")).status_code == 201
    assert await superuser.fetchval(count) == before + 4


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"plate_number": None, "plate_color": None}, ""),
        ({"plate_number": "辽LI2345"}, ".plate_number"),
        ({"plate_number": "辽L\x0012345"}, ".plate_number"),
        ({"plate_number": "X" * 300}, ".plate_number"),
        ({"plate_color": None}, ".plate_color"),
        ({"plate_number": None}, ".plate_color"),
        ({"plate_color": 7}, ".plate_color"),
        ({"plate_color": 94}, ".plate_color"),
        ({"plate_color": "2"}, ".plate_color"),
        ({"uscc": "91110000600037341M"}, ".uscc"),
        ({"uscc": "1" * 17}, ".uscc"),
        ({"enterprise_name": " "}, ".enterprise_name"),
        ({"enterprise_name": "长" * 201}, ".enterprise_name"),
        ({"category": "weather"}, ".category"),
        ({"text": ""}, ".text"),
        ({"text": " \n"}, ".text"),
        ({"text": "长" * 10_001}, ".text"),
        ({"text": "a\x00b"}, ".text"),
        ({"text": 5}, ".text"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, ".occurred_at"),
        ({"occurred_at": "2001-01-01T00:00:00Z"}, ".occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, ".occurred_at"),
        ({"occurred_at": "2026-10-08"}, ".occurred_at"),
        ({"place": "长" * 501}, ".place"),
        ({"lon": 181.0}, ".lon"),
        ({"lat": -91.0}, ".lat"),
        ({"lon": None}, ".lat"),
        ({"lat": None}, ".lat"),
        ({"lon": True}, ".lon"),
        ({"crs": "MARS"}, ".crs"),
        ({"contact": {"phone": "139-99887"}}, ".contact.phone"),
        ({"contact": {"name": "长" * 101}}, ".contact.name"),
        ({"contact": {"name": "\x00"}}, ".contact.name"),
        ({"contact": {"id_number": "11010519491231002X"}}, ".contact.id_number"),
        ({"status": "closed"}, ".status"),
        ({"enterprise_id": str(uuid4())}, ".enterprise_id"),
    ],
)
async def test_bad_complaints_are_refused_by_field(
    api: httpx.AsyncClient,
    superuser: "asyncpg.Connection[asyncpg.Record]",
    values: dict[str, Any],
    field: str,
) -> None:
    count = "SELECT count(*) FROM registry.complaints"
    before = await superuser.fetchval(count)
    answer = await api.post(PATH, json=given.complaint_body(**values))
    assert answer.status_code == 422, answer.text
    assert [item["field"] for item in answer.json()["errors"]] == [f"body{field}"]
    assert all(" / " in item["message"] for item in answer.json()["errors"])
    assert "99887" not in answer.text, "a refused value is not echoed"
    assert await superuser.fetchval(count) == before


@pytest.mark.parametrize("part", ["NaN", "Infinity", "1e999", "1" + "0" * 400])
async def test_numbers_that_are_none_are_refused(api: httpx.AsyncClient, part: str) -> None:
    body = (
        '{"uscc": "%s", "category": "noise", "text": "x", "occurred_at": "2026-01-01T00:00:00Z", "lon": %s}'
    )
    headers = {"Content-Type": "application/json"}
    answer = await api.post(PATH, content=(body % (make.uscc(), part)).encode(), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.lon"


async def test_a_lone_surrogate_is_refused(api: httpx.AsyncClient) -> None:
    body = '{"uscc": "%s", "category": "noise", "text": "\\ud800", "occurred_at": "2026-01-01T00:00:00Z"}'
    headers = {"Content-Type": "application/json"}
    answer = await api.post(PATH, content=(body % make.uscc()).encode(), headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.text")


@pytest.mark.parametrize("code", ["short", "x" * 101, "码" * 30, "a b" * 10, ""])
async def test_what_is_no_code_is_refused(api: httpx.AsyncClient, code: str) -> None:
    made = await given.complain(api)
    headers = [(b"X-Reference-Code", code.encode())]
    answer = await api.get(f"{PATH}/{made['id']}/progress", headers=headers)
    assert answer.status_code == 422
