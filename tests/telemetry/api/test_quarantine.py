"""Quarantine: filters, one row, exports, and who may have it judged again."""

import asyncio
import csv
import io
import json
import re
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.local.cluster import PROJECT
from services.shared.auth import Principal, Role
from services.shared.clock import utc_now
from services.shared.schemas import format_instant
from services.shared.standards.zones import CITY_ZONE
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.operations.quarantine import export_quarantine
from services.telemetry.operations.readings import Asked
from services.telemetry.operations.releasing import release_some
from services.telemetry.queries.quarantine import QuarantineFilter
from services.telemetry.schemas.quarantine import Reason
from tests.factories.telemetry import fix, headers
from tests.support.positions_stage import Stage

PATH = "/v1/quarantined-positions"


async def items(stage: Stage, who: dict[str, str], **params: Any) -> list[dict[str, Any]]:
    answer = await stage.get(PATH, who, **params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def firm_with_bad(stage: Stage) -> tuple[UUID, list[str]]:
    """A firm with two terminals: three reasons, on three days."""
    firm = await stage.firm()
    one, two = await stage.van(firm), await stage.van(firm)
    now = utc_now()
    for number, payload, days in (
        (one.number, b"{", 4), (one.number, fix(lat=91), 2), (one.number, fix(lat=92), 2),
        (two.number, {"lon": 1}, 1), (one.number, b"{", 0),
    ):  # fmt: skip
        await stage.receive(number, payload, now - timedelta(days=days))
    await stage.fold()
    return firm, [one.number, two.number]


async def test_filters(stage: Stage) -> None:
    firm, (one, two) = await firm_with_bad(stage)
    mine = headers(enterprise_id=firm)
    now = utc_now()
    every = await items(stage, mine)
    reasons = ["malformed_json", "out_of_range", "out_of_range", "missing_field"]
    assert [each["reason"] for each in every] == reasons
    day = {back: (now - timedelta(days=back)).astimezone(CITY_ZONE).date().isoformat() for back in (0, 4)}
    assert (every[0]["times"], every[0]["days"]) == (2, {day[4]: 1, day[0]: 1})
    assert every[0]["enterprise_id"] == str(firm)
    ids = [each["id"] for each in every]

    async def found(**params: Any) -> list[int]:
        return [ids.index(each["id"]) for each in await items(stage, mine, **params)]

    assert await found(terminal_number=two) == [3]
    assert await found(reason=["malformed_json", "missing_field"]) == [0, 3]
    assert await found(reason="null_island") == []
    # The window touches what came first before it and last after it.
    about = {
        "from": format_instant(now - timedelta(days=2.5)),
        "to": format_instant(now - timedelta(days=1.5)),
    }
    assert await found(**about) == [0, 1, 2]
    assert await found(**about, terminal_number=one, reason="out_of_range") == [1, 2]
    assert await found(**{"from": format_instant(now - timedelta(days=1.5))}) == [0, 3]
    assert await found(to=format_instant(now - timedelta(days=3))) == [0]
    first = (await stage.get(PATH, mine, limit=3)).json()
    rest = (await stage.get(PATH, mine, limit=3, cursor=first["next_cursor"])).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == ids


def test_the_reasons_one_may_ask_for_are_the_published_ones() -> None:
    section = (PROJECT / "docs" / "terminals.md").read_text("utf-8").split("\n## Quarantine\n")[1]
    rows = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| `")]
    published = [code for row in rows for code in re.findall("`([a-z_]+)`", row.split("|")[1])]
    assert sorted(published) == sorted(get_args(Reason))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("terminal_number", "a/b"), ("terminal_number", "x" * 33), ("terminal_number", ""),
        ("reason", "A B"), ("reason", "unknown_fields"), ("reason", ["too_old"] * 51), ("from", "yesterday"),
        ("from", "2026-01-01T00:00:00"), ("to", "2026-02-30T00:00:00Z"),
    ],
)  # fmt: skip
async def test_bad_filters_get_a_problem(stage: Stage, field: str, value: Any) -> None:
    mine = headers(enterprise_id=await stage.firm())
    for path in (PATH, f"{PATH}/export"):
        answer = await stage.get(path, mine, **{field: value})
        assert answer.status_code == 422, answer.text
        assert {each["field"].split(".")[1] for each in answer.json()["errors"]} == {field}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (PATH, {"cursor": "x"}), (PATH, {"limit": 0}), (PATH, {"limit": 201}),
        (f"{PATH}/export", {"format": "xlsx"}),
        ("/v1/quarantine-releases", {"cursor": "x"}), ("/v1/quarantine-releases/x", {}),
        ("/v1/ingest-accounting", {"day": "today"}), ("/v1/ingest-accounting", {"day": "2026-02-30"}),
        ("/v1/ingest-accounting", {"terminal_number": "a/b"}), ("/v1/ingest-accounting", {"cursor": "x"}),
        ("/v1/ingest-totals", {"from": "x"}), ("/v1/ingest-totals", {"cursor": "x"}),
        ("/v1/ingest-totals", {"from": "9999-12-30", "to": "9999-12-31"}),
        ("/v1/ingest-totals", {"to": "0001-01-01"}), ("/v1/ingest-totals", {"from": "9999-12-31"}),
        ("/v1/position-readings", {"vehicle_id": "x"}), ("/v1/position-readings", {"cursor": "x"}),
        ("/v1/position-readings", {"from": "yesterday"}), ("/v1/position-readings", {"to": "2026-01-01"}),
    ],
)  # fmt: skip
async def test_bad_questions_get_a_problem(stage: Stage, path: str, params: dict[str, Any]) -> None:
    answer = await stage.get(path, headers(enterprise_id=await stage.firm()), **params)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


async def test_one_row_and_anothers_row(stage: Stage) -> None:
    firm, _ = await firm_with_bad(stage)
    mine = headers(enterprise_id=firm)
    first = (await items(stage, mine))[0]
    assert (await stage.get(f"{PATH}/{first['id']}", mine)).json() == first
    office = headers(Role.transport_bureau)
    assert (await stage.get(f"{PATH}/{first['id']}", office, purpose="核查")).json() == first
    other = {**headers(enterprise_id=await stage.firm()), "X-Request-ID": "same"}
    for missing in (first["id"], 10**17, 10**30, "x", "-1", "１"):
        answer = await stage.get(f"{PATH}/{missing}", other)
        assert (answer.status_code, answer.json()["type"]) == (
            404,
            "urn:cityfreight:problem:quarantined-position-not-found",
        )
    assert (await stage.get(f"{PATH}/{first['id']}", headers(Role.police))).status_code == 403


async def test_exports_are_whole_and_harmless(stage: Stage) -> None:
    firm = await stage.firm()
    van = await stage.van(firm)
    texts = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", '"quoted", and\r\nbroken', "汉字"]
    for text in texts:
        await stage.receive(van.number, text.encode())
    await stage.receive(van.number, b"\xff\xfe")
    mine = headers(enterprise_id=firm)
    exported = await stage.get(f"{PATH}/export", mine, format="csv")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    rows = list(csv.DictReader(io.StringIO(exported.text, newline="")))
    listed = await items(stage, mine)
    assert list(rows[0]) == list(listed[0])
    assert [row["id"] for row in rows] == [str(each["id"]) for each in listed]
    assert [row["raw"] for row in rows] == [
        "'=cmd|' /C calc'!A0", "'+1", "'-1", "'@SUM(A1)", texts[4], "汉字", "\\xff\\xfe",
    ]  # fmt: skip
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    lines = await stage.get(f"{PATH}/export", {**mine, "Accept": "application/x-ndjson"})
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    one = await stage.get(f"{PATH}/export", mine, format="ndjson", reason="not_an_object")
    assert {json.loads(line)["reason"] for line in one.text.splitlines()} <= {"not_an_object"}
    assert (await stage.get(f"{PATH}/export", {**mine, "Accept": "image/png"})).status_code == 406


async def test_an_export_streams_more_than_a_page(stage: Stage) -> None:
    firm = await stage.firm()
    van = await stage.van(firm)
    await stage.receive(van.number, [{"lon": n} for n in range(1700)])
    lines = (
        await stage.get(f"{PATH}/export", headers(enterprise_id=firm), format="ndjson")
    ).text.splitlines()
    assert len(lines) == 1700


async def test_an_export_that_is_read_slowly_holds_no_connection(stage: Stage) -> None:
    """More slow readers than there are connections; what comes while they read is not theirs."""
    firm = await stage.firm()
    van = await stage.van(firm)
    await stage.receive(van.number, [{"lon": n} for n in range(1100)])
    app = stage.api._transport.app  # type: ignore[attr-defined]  # the in-process transport
    database = app.state.database
    who = Principal("client-x", Role.enterprise, firm, client_id="test")
    asked = Asked(who, None, utc_now(), "request", app.state.access_log)
    readers = [await export_quarantine(database, asked, QuarantineFilter(), "ndjson") for _ in range(12)]
    begun = [await anext(reader) for reader in readers]
    assert database.engine.pool.checkedout() == 0
    await stage.receive(van.number, [{"lat": 1}])
    assert len(await items(stage, headers(enterprise_id=firm), limit=200)) == 200
    for first, reader in zip(begun, readers, strict=True):
        text = first + b"".join([piece async for piece in reader])
        assert sorted(json.loads(json.loads(line)["raw"])["lon"] for line in text.splitlines()) == [
            *range(1100)
        ]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["body"]),
        ({"ids": [1], "filter": {"reasons": ["undecodable"]}}, ["body"]),
        ({"ids": []}, ["body.ids"]),
        ({"ids": [0]}, ["body.ids.0"]),
        ({"ids": [2**63]}, ["body.ids.0"]),
        ({"ids": ["1"]}, ["body.ids.0"]),
        ({"ids": list(range(1, 1002))}, ["body.ids"]),
        ({"filter": {}}, ["body.filter"]),
        ({"filter": {"terminal_number": None}}, ["body.filter"]),
        ({"filter": {"terminal_number": "a/b"}}, ["body.filter.terminal_number"]),
        ({"filter": {"reasons": []}}, ["body.filter.reasons"]),
        ({"filter": {"reasons": ["A B"]}}, ["body.filter.reasons.0"]),
        ({"filter": {"reasons": ["unknown_fields"]}}, ["body.filter.reasons.0"]),
        ({"filter": {"received_from": "yesterday"}}, ["body.filter.received_from"]),
        ({"filter": {"enterprise_id": "x"}}, ["body.filter.enterprise_id"]),
    ],
)
async def test_bad_releases_are_refused(stage: Stage, body: dict[str, Any], fields: list[str]) -> None:
    mine = headers(enterprise_id=await stage.firm())
    answer = await stage.api.post("/v1/quarantine-releases", json=body, headers=mine)
    assert answer.status_code == 422, answer.text
    assert [each["field"] for each in answer.json()["errors"]] == fields


async def test_who_may_release(stage: Stage) -> None:
    firm, _ = await firm_with_bad(stage)
    ids = [each["id"] for each in await items(stage, headers(enterprise_id=firm))]
    stranger = headers(enterprise_id=await stage.firm())
    for who, status in (
        ({}, 401),
        (headers(Role.police, name="警官"), 403),
        (headers(Role.transport_bureau), 403),
        (stranger, 404),
        (headers(enterprise_id=firm), 201),
        (headers(Role.commerce_bureau, name="王工"), 201),
    ):
        answer = await stage.api.post("/v1/quarantine-releases", json={"ids": ids[:2]}, headers=who)
        assert answer.status_code == status, answer.text
    assert (answer.json()["requested_by_name"], answer.json()["enterprise_id"]) == ("王工", None)
    missing = await stage.api.post(
        "/v1/quarantine-releases", json={"ids": [ids[0], 10**15]}, headers=headers(enterprise_id=firm)
    )
    assert missing.status_code == 404
    mine = (await stage.get("/v1/quarantine-releases", headers(enterprise_id=firm))).json()["items"]
    assert [each["enterprise_id"] for each in mine] == [str(firm)]
    assert (await stage.get("/v1/quarantine-releases", stranger)).json()["items"] == []
    for wrong in (mine[0]["id"], str(uuid4())):
        assert (await stage.get(f"/v1/quarantine-releases/{wrong}", stranger)).status_code == 404


@pytest.mark.parametrize("official", [False, True])
async def test_open_releases_are_few(stage: Stage, official: bool) -> None:
    """Of a firm, and of the offices together, however they come at once; another owner's do not count."""
    await stage.superuser.execute("UPDATE telemetry.quarantine_releases SET status = 'done'")
    firm, other = await stage.firm(), headers(enterprise_id=await stage.firm())
    offices = [headers(role, name="王工") for role in (Role.transport_bureau, Role.commerce_bureau)]
    owner = offices if official else [headers(enterprise_id=firm)] * 2

    async def ask(who: dict[str, str]) -> httpx.Response:
        body = {"filter": {"reasons": ["null_island"]}}
        return await stage.api.post("/v1/quarantine-releases", json=body, headers=who)

    answers = await asyncio.gather(*(ask(who) for who in owner * 4))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    (kind,) = {answer.json()["type"] for answer in answers if answer.status_code == 409}
    assert kind == "urn:cityfreight:problem:too-many-quarantine-releases"
    assert (await ask(other)).status_code == 201
    while await release_some(stage.worker, "Asia/Shanghai", RetentionRules(), utc_now()):
        pass
    assert (await ask(owner[0])).status_code == 201


async def test_a_firms_release_reaches_its_own_alone(stage: Stage) -> None:
    first, second = await stage.firm(), await stage.firm()
    for firm in (first, second):
        van = await stage.van(firm)
        await stage.receive(van.number, fix(10, plate="x"))
        await stage.superuser.execute(
            "UPDATE telemetry.quarantined_positions SET raw = convert_to($2, 'UTF8')"
            " WHERE enterprise_id = $1",
            firm, json.dumps(fix(10)),
        )  # fmt: skip
    body = {"filter": {"reasons": ["unknown_field"]}}
    answer = await stage.api.post("/v1/quarantine-releases", json=body, headers=headers(enterprise_id=first))
    assert answer.status_code == 201
    while await release_some(stage.worker, "Asia/Shanghai", RetentionRules(), utc_now()):
        pass
    assert await items(stage, headers(enterprise_id=first)) == []
    assert len(await items(stage, headers(enterprise_id=second))) == 1


async def test_totals_are_the_sums_of_the_accounts(stage: Stage) -> None:
    first, second = await stage.firm(), await stage.firm()
    for firm, vans in ((first, 3), (second, 1)):
        for _ in range(vans):
            van = await stage.van(firm)
            again = fix(10)
            await stage.receive(van.number, [again, fix(20), {"lon": 1}])
            await stage.receive(van.number, [again])
    await stage.receive("NOBODY-AT-ALL", [fix(10)])
    await stage.fold()
    today = utc_now().astimezone(CITY_ZONE).date().isoformat()
    office = headers(Role.transport_bureau)
    pages: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await stage.get("/v1/ingest-totals", office, limit=2, **cursor)).json()
        pages += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    totals = {each["enterprise_id"]: each for each in pages if each["day"] == today}
    counts = ("terminals", "received", "stored", "duplicate", "quarantined")
    assert [totals[str(first)][name] for name in counts] == [3, 12, 6, 3, 3]
    assert [totals[str(second)][name] for name in counts] == [1, 4, 2, 1, 1]
    assert totals[None]["received"] >= 1
    row = await stage.superuser.fetchrow(
        "SELECT sum(received), sum(stored), sum(duplicate), sum(quarantined) FROM telemetry.ingest_accounting"
    )
    assert row is not None
    assert [sum(each[name] for each in pages) for name in counts[1:]] == [int(value) for value in row]
    assert all(each["received"] == each["stored"] + each["duplicate"] + each["quarantined"] for each in pages)
    mine = (await stage.get("/v1/ingest-totals", headers(enterprise_id=first))).json()["items"]
    assert mine == [totals[str(first)]]
    for bad in ({"from": "2026-01-02", "to": "2026-01-01"}, {"from": "2026-01-01", "to": "2026-02-01"}):
        assert (await stage.get("/v1/ingest-totals", office, **bad)).status_code == 422
