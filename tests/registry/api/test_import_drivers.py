"""Drivers by file: as by the API, and nothing personal but in the vault."""

import csv
import io
import json
import random
from typing import Any

import httpx
import pytest

from services.shared.auth import Role
from tests.factories import imports as files
from tests.factories import people
from tests.factories import registry as make

Json = dict[str, Any]
COLUMNS = (
    *("kind", "name", "id_number", "mobile_phone", "licence_class", "licence_number", "licence_issuer"),
    *("licence_valid_from", "licence_valid_to", "drives_over_4500_kg", "qualification_number"),
    *("qualification_valid_from", "qualification_valid_to", "trained_on", "employed_from"),
)
PERSONAL = ("name", "id_number", "mobile_phone", "licence_number", "qualification_number")


async def check(desk: files.Desk, firm: make.Firm, *rows: Json, columns: tuple[str, ...] = COLUMNS) -> Json:
    return await desk.check(files.csv_of(rows, columns), firm.headers, entity="drivers")


async def states(superuser: Any, driver_id: str) -> list[Any]:
    rows = await superuser.fetch(
        "SELECT kind, version, deleted, state FROM registry.outbox WHERE id = $1 ORDER BY seq", driver_id
    )
    return [
        (row["kind"], row["version"], row["deleted"], {**json.loads(row["state"]), "id": ""}) for row in rows
    ]


async def listed(api: httpx.AsyncClient, firm: make.Firm) -> list[Json]:
    items: list[Json] = (await api.get("/v1/drivers?limit=200", headers=firm.headers)).json()["items"]
    return items


@pytest.mark.parametrize(
    "body",
    [
        people.driver_body(employed_from="2025-01-01"),
        people.driver_body(employed_from="2025-01-01", licence_valid_to="2025-03-01"),
        people.driver_body(
            drives_over_4500_kg=False, qualification_number=None, licence_class="C1", licence_valid_to=None
        ),
        people.rider_body(employed_from="2025-01-01"),
    ],
)
async def test_a_driver_by_file_is_a_driver_by_the_api(
    desk: files.Desk, firm: make.Firm, superuser: Any, body: Json
) -> None:
    other = await make.admit_firm(desk.api)
    by_api = await people.register(desk.api, firm, **body)
    checked = await check(desk, other, {"kind": "driver", **body})
    assert checked["totals"]["created"] == 1, await desk.rows(checked["id"], other.headers)
    await desk.apply(checked["id"], other.headers)
    (by_file,) = await listed(desk.api, other)
    own = {"id", "enterprise_id", "created_at", "updated_at"}
    by_api.pop("warnings")
    assert {k: v for k, v in by_file.items() if k not in own} == {
        k: v for k, v in by_api.items() if k not in own
    }
    pair = [await states(superuser, each["id"]) for each in (by_api, by_file)]
    for published in pair:
        assert published[0][3].pop("enterprise_id")
    assert pair[0] == pair[1]
    values = await _values(desk, by_file["id"])
    assert values == {name: body.get(name) for name in PERSONAL}
    again = await check(desk, other, {"kind": "driver", **body})
    assert again["totals"]["unchanged"] == 1
    found = await desk.api.post(
        "/v1/driver-searches", json={"id_number": body["id_number"]}, headers=other.headers
    )
    assert [each["id"] for each in found.json()["items"]] == [by_file["id"]]


async def _values(desk: files.Desk, driver_id: str) -> Json:
    wanted = {
        "subject_kind": "driver",
        "subject_id": driver_id,
        "fields": [*PERSONAL],
        "purpose": "核对导入结果",
    }
    answer = await desk.api.post("/v1/personal-readings", json=wanted, headers=people.reader())
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()["values"]
    return found


async def test_people_are_corrected_by_their_number(
    desk: files.Desk, firm: make.Firm, superuser: Any
) -> None:
    body = people.driver_body(licence_number=None, employed_from="2025-01-01")
    driver = await people.register(desk.api, firm, **body)
    changed = {**body, "kind": "driver", "mobile_phone": people.mobile_phone(), "licence_class": "A2"}
    few = tuple(name for name in COLUMNS if not name.startswith("qualification"))
    checked = await check(desk, firm, changed, columns=few)
    assert checked["totals"]["updated"] == 1, await desk.rows(checked["id"], firm.headers)
    await desk.apply(checked["id"], firm.headers)
    (after,) = await listed(desk.api, firm)
    assert (after["id"], after["version"], after["licence_class"]) == (driver["id"], 2, "A2")
    assert after["qualification_valid_to"] == body["qualification_valid_to"], "no column, no change"
    expected = {**{name: body.get(name) for name in PERSONAL}, "mobile_phone": changed["mobile_phone"]}
    assert await _values(desk, driver["id"]) == expected
    assert [each[1] for each in await states(superuser, driver["id"])] == [1, 2]
    # An empty cell removes: a driver above 4.5 t then lacks a number it needs.
    checked = await check(desk, firm, {**changed, "qualification_number": ""})
    (row,) = await desk.rows(checked["id"], firm.headers)
    assert [fault["field"] for fault in row["faults"]] == ["qualification_number"]


@pytest.mark.parametrize(
    ("values", "outcome", "field"),
    [
        ({"id_number": "211102199001010011"}, "invalid", "id_number"),
        ({"id_number": ""}, "invalid", "id_number"),
        ({"mobile_phone": "12345"}, "invalid", "mobile_phone"),
        ({"name": "=1+1"}, "invalid", "name"),
        ({"licence_class": "Z9"}, "invalid", "licence_class"),
        ({"licence_class": "C1"}, "invalid", "licence_class"),
        ({"licence_valid_to": "2001-01-01"}, "invalid", "licence_valid_to"),
        ({"qualification_number": ""}, "invalid", "qualification_number"),
        ({"drives_over_4500_kg": "perhaps"}, "invalid", "drives_over_4500_kg"),
        ({"employed_from": "2099-01-01"}, "invalid", "employed_from"),
        ({"employed_from": "2024-01-01"}, "conflict", "employed_from"),
        ({"kind": "rider", "drives_over_4500_kg": "否"}, "conflict", "kind"),
        ({"drives_over_4500_kg": "是"}, "unchanged", None),
    ],
)
async def test_what_is_wrong_is_named_without_the_value(
    desk: files.Desk, firm: make.Firm, values: Json, outcome: str, field: str | None
) -> None:
    body = {"kind": "driver", **people.driver_body(employed_from="2025-01-01")}
    await people.register(desk.api, firm, **body)
    checked = await check(desk, firm, {**body, **values})
    (row,) = await desk.rows(checked["id"], firm.headers)
    assert (row["outcome"], [fault["field"] for fault in row["faults"]]) == (
        outcome,
        [field] if field else [],
    )
    assert row["key"] is None


async def test_the_same_person_works_for_two_firms_and_once_for_each(
    desk: files.Desk, firm: make.Firm
) -> None:
    other, body = await make.admit_firm(desk.api), {"kind": "driver", **people.driver_body()}
    await people.register(desk.api, other, **body)
    written = {**body, "id_number": f"{body['id_number'][:6]} {body['id_number'][6:].lower()}"}
    checked = await check(desk, firm, body, written)
    found = await desk.rows(checked["id"], firm.headers)
    assert [row["outcome"] for row in found] == ["created", "invalid"]
    assert found[1]["faults"][0]["code"] == "row_double"
    await desk.apply(checked["id"], firm.headers, skip_refused=True)
    (driver,) = await listed(desk.api, firm)
    await desk.api.post(
        f"/v1/drivers/{driver['id']}/employment-end", json={"reason": "离职"}, headers=firm.headers
    )
    office = make.office_client(Role.transport_bureau)
    rows = [{**body, "enterprise_uscc": each.uscc} for each in (firm, other)]
    content = files.csv_of(rows, ("enterprise_uscc", *COLUMNS))
    checked = await desk.check(content, office, entity="drivers")
    found = await desk.rows(checked["id"], office)
    assert [row["outcome"] for row in found] == ["created", "unchanged"]


@pytest.mark.parametrize("owners", [("", None), (None, "")])
async def test_a_firms_own_code_and_none_are_the_same_firm(
    desk: files.Desk, firm: make.Firm, owners: tuple[str | None, ...]
) -> None:
    body = {"kind": "driver", **people.driver_body()}
    rows = [{**body, "enterprise_uscc": firm.uscc if owner is None else owner} for owner in owners]
    checked = await check(desk, firm, *rows, columns=("enterprise_uscc", *COLUMNS))
    found = await desk.rows(checked["id"], firm.headers)
    assert [row["outcome"] for row in found] == ["created", "invalid"]
    assert [fault["code"] for fault in found[1]["faults"]] == ["row_double"]
    await desk.apply(checked["id"], firm.headers, skip_refused=True)
    assert len(await listed(desk.api, firm)) == 1


@pytest.mark.parametrize(
    ("edit", "lost"),
    [
        ({"mobile_phone": "13900004321"}, "contact"),
        ({"licence_class": "A2"}, "licence"),
        ({"name": "新姓名"}, "identity"),
        ({"trained_on": "2025-02-03"}, "qualification"),
    ],
)
async def test_a_file_resets_the_groups_it_edits_and_no_other(
    desk: files.Desk, firm: make.Firm, superuser: Any, edit: Json, lost: str
) -> None:
    body = people.driver_body(employed_from="2025-01-01")
    driver = await people.register(desk.api, firm, **body)
    groups = ("identity", "contact", "licence", "qualification")
    verifications = {}
    for group in groups:
        given = {"subject_kind": "driver", "subject_id": driver["id"], "field_group": group}
        given |= {"level": "document_checked", "source": "原件"}
        made = await desk.api.post("/v1/verifications", json=given, headers=make.official())
        verifications[group] = made.json()["id"]
    checked = await check(desk, firm, {**body, "kind": "driver", **edit})
    await desk.apply(checked["id"], firm.headers)
    (after,) = await listed(desk.api, firm)
    assert after["verified"] == dict.fromkeys({*groups} - {lost}, "document_checked")
    assert (await make.outbox_state(superuser, driver["id"]))["verified"] == after["verified"]
    ended = "SELECT end_cause FROM registry.verifications WHERE id = $1::uuid"
    for group, verification in verifications.items():
        cause = await superuser.fetchval(ended, verification)
        assert cause == ("edited" if group == lost else None)


async def test_nothing_personal_is_anywhere_but_sealed(
    desk: files.Desk, firm: make.Firm, superuser: Any
) -> None:
    bodies = [{"kind": "driver", **people.driver_body()} for _ in range(5)]
    wrong = [f"2{random.randrange(10**10):010d}" for _ in range(5)]  # none that another test may have made
    bad = [{**people.driver_body(), "kind": "driver", "mobile_phone": phone} for phone in wrong]
    waiting = await desk.hand_in(files.csv_of([*bodies, *bad], COLUMNS), firm.headers, entity="drivers")
    await _find_nothing(superuser, [*bodies, *bad])
    await desk.work(waiting["id"], firm.headers)
    await _find_nothing(superuser, [*bodies, *bad])
    report = await desk.api.get(f"/v1/imports/{waiting['id']}/report", headers=firm.headers)
    shown = report.text + str(await desk.rows(waiting["id"], firm.headers))
    applied = await desk.apply(waiting["id"], firm.headers, skip_refused=True)
    assert applied["totals"]["created"] == 5
    await _find_nothing(superuser, [*bodies, *bad])
    for body in [*bodies, *bad]:
        assert not [body[name] for name in ("id_number", "mobile_phone") if body[name] in shown]


async def _find_nothing(superuser: Any, bodies: list[Json]) -> None:
    """Look for the numbers in every row of every table, as a dump would have it.

    Bytes are shown as hex, whose digits may spell any number: there the number's own bytes are looked for.
    """
    tables = await superuser.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'registry'")
    values = [body[name] for body in bodies for name in ("id_number", "mobile_phone")]
    for table in tables:
        found = await superuser.fetchval(
            f"SELECT count(*) FROM registry.{table['tablename']} AS t, unnest($1::text[]) AS v"  # noqa: S608 - names of the catalogue
            r" WHERE strpos(regexp_replace(t::text, '\\+x[0-9a-f]+', '', 'g'), v) > 0"
            " OR strpos(t::text, encode(convert_to(v, 'UTF8'), 'hex')) > 0",
            values,
        )
        assert found == 0, table["tablename"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_an_export_shows_people_masked_and_is_no_import(
    desk: files.Desk, firm: make.Firm, kind: str
) -> None:
    other = await make.admit_firm(desk.api)
    mine = [await people.driver(desk.api, firm) for _ in range(3)]
    await people.driver(desk.api, other)
    query = {"entity": "drivers", "format": kind}
    answer = await desk.api.get("/v1/exports", params=query, headers=firm.headers)
    assert answer.status_code == 200, answer.text
    media = files.CSV if kind == "csv" else files.XLSX
    if kind == "csv":
        lines = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
        rows = [{name.rpartition(" ")[2]: value for name, value in row.items()} for row in lines]
        assert [row["id"] for row in rows] == [each["id"] for each in mine]
        assert [row["id_number"] for row in rows] == [each["id_number"] for each in mine]
        assert {row["enterprise_uscc"] for row in rows} == {firm.uscc}
        assert {row["drives_over_4500_kg"] for row in rows} == {"true"}
    checked = await desk.check(answer.content, firm.headers, entity="drivers", media_type=media)
    assert checked["totals"]["invalid"] == checked["rows_total"] == 3
    for query in ({"status": "ended"}, {"enterprise_id": str(other.id)}):
        empty = await desk.api.get("/v1/exports", params={"entity": "drivers", **query}, headers=firm.headers)
        assert (empty.status_code, len(empty.content.splitlines())) == (200, 1)
