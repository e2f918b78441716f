"""Firms by file, with a person to reach, membership and licences: as by the API, contacts sealed."""

import csv
import io
from typing import Any

import pytest

from tests.factories import imports as files
from tests.factories import registry as make

Json = dict[str, Any]


def row_of(uscc: str, **values: Any) -> Json:
    return {
        "uscc": uscc,
        "name": "盘锦某某物流有限公司",
        "kind": "carrier",
        "address": "盘锦市兴隆台区工业街1号",
        "contact_role": "业务联系人",
        "contact_name": "张伟",
        "contact_phone": "13900001234",
        "member_from": "2026-01-01",
        "member_to": "",
        "business_licence_number": "盘市监 2026 第 7 号",
        "road_transport_permit_number": "211100000123",
        "road_transport_permit_valid_to": "2098-12-31",
        **values,
    }


async def check(desk: files.Desk, *rows: Json) -> Json:
    return await desk.check(files.csv_of(rows, [*rows[0]]), make.official(), entity="enterprises")


async def apply(desk: files.Desk, *rows: Json) -> Json:
    checked = await check(desk, *rows)
    return await desk.apply(checked["id"], make.official())


async def firm_of(desk: files.Desk, uscc: str) -> Json:
    cursor = None
    while True:
        params = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = (await desk.api.get("/v1/enterprises", params=params, headers=make.official())).json()
        found: list[Json] = [each for each in page["items"] if each["uscc"] == uscc]
        if found:
            return found[0]
        cursor = page["next_cursor"]
        assert cursor, uscc


async def licences(desk: files.Desk, firm_id: str) -> list[tuple[str, str | None, str | None, bool]]:
    path = f"/v1/certificates?holder_id={firm_id}"
    items = (await desk.api.get(path, headers=make.official())).json()["items"]
    return [(each["kind"], each["number"], each["valid_to"], each["withdrawn_at"] is None) for each in items]


async def test_a_firm_comes_with_all_that_a_row_says(desk: files.Desk) -> None:
    uscc = make.uscc()
    applied = await apply(desk, row_of(uscc))
    assert applied["totals"]["created"] == 1, await desk.rows(applied["id"], make.official())
    firm = await firm_of(desk, uscc)
    assert firm["contacts"] == [{"role": "operations", "name": "张*", "phone": "139******34"}]
    assert (firm["member_from"], firm["member_to"], firm["version"]) == ("2026-01-01", None, 1)
    assert await licences(desk, firm["id"]) == [
        ("business_licence", "盘市监 2026 第 7 号", None, True),
        ("road_transport_permit", "211100000123", "2098-12-31", True),
    ]
    again = await check(desk, row_of(uscc))
    assert again["totals"]["unchanged"] == 1


async def test_a_row_renews_corrects_and_keeps(desk: files.Desk) -> None:
    uscc = make.uscc()
    await apply(desk, row_of(uscc))
    kept = {"contact_role": "", "contact_name": "", "contact_phone": "", "business_licence_number": ""}
    renewed = {"road_transport_permit_valid_to": "2099-12-31", "member_to": "2026-12-31"}
    applied = await apply(desk, row_of(uscc, **kept, **renewed))
    assert applied["totals"]["updated"] == 1, await desk.rows(applied["id"], make.official())
    firm = await firm_of(desk, uscc)
    assert (len(firm["contacts"]), firm["member_to"], firm["version"]) == (1, "2026-12-31", 2)
    assert [each[1:] for each in await licences(desk, firm["id"])] == [
        ("盘市监 2026 第 7 号", None, True),
        ("211100000123", "2098-12-31", True),
        ("211100000123", "2099-12-31", True),
    ]
    corrected = {"business_licence_number": "盘市监 2026 第 8 号", "contact_name": "李娜"}
    await apply(desk, row_of(uscc, **{**renewed, **corrected}))
    firm = await firm_of(desk, uscc)
    assert [each["name"] for each in firm["contacts"]] == ["李*"], "in the place of the one of this role"
    assert [each[1:] for each in await licences(desk, firm["id"])][0::3] == [
        ("盘市监 2026 第 7 号", None, False),
        ("盘市监 2026 第 8 号", None, True),
    ]
    second = {**renewed, **corrected, "contact_role": "safety", "contact_name": "王芳"}
    await apply(desk, row_of(uscc, **second))
    assert [each["role"] for each in (await firm_of(desk, uscc))["contacts"]] == ["operations", "safety"]
    few = {"uscc": uscc, "name": "盘锦某某物流有限公司", "kind": "carrier"}
    assert (await check(desk, few))["totals"]["unchanged"] == 1, "no column, no change"


async def test_what_was_checked_of_a_firm_is_to_be_checked_again(desk: files.Desk) -> None:
    uscc = make.uscc()
    await apply(desk, row_of(uscc))
    firm = await firm_of(desk, uscc)
    for group in ("contacts", "licences"):
        body = {
            "subject_kind": "enterprise",
            "subject_id": firm["id"],
            "field_group": group,
            "level": "document_checked",
            "source": "原件",
            "document_ids": [],
        }
        answer = await desk.api.post("/v1/verifications", json=body, headers=make.official())
        assert answer.status_code == 201, answer.text
    await apply(desk, row_of(uscc, contact_phone="13900005678"))
    assert (await firm_of(desk, uscc))["verified"] == {"licences": "document_checked"}
    await apply(desk, row_of(uscc, contact_phone="13900005678", business_licence_number="2"))
    assert (await firm_of(desk, uscc))["verified"] == {}


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"contact_phone": ""}, "contact_phone"),
        ({"contact_name": ""}, "contact_phone"),
        ({"contact_phone": "12"}, "contact_phone"),
        ({"contact_role": "chef"}, "contact_role"),
        ({"member_to": "2025-12-31"}, "member_to"),
        ({"member_from": "", "member_to": "2026-12-31"}, "member_to"),
        ({"road_transport_permit_valid_to": "2098-02-30"}, "road_transport_permit_valid_to"),
        ({"business_licence_number": "7" * 65}, "business_licence_number"),
    ],
)
async def test_what_is_wrong_is_named_without_the_value(desk: files.Desk, values: Json, column: str) -> None:
    checked = await check(desk, row_of(make.uscc(), **values))
    (row,) = await desk.rows(checked["id"], make.official())
    assert (row["outcome"], [each["field"] for each in row["faults"]]) == ("invalid", [column])
    assert "张伟" not in str(row)


async def test_a_check_changes_nothing_of_a_firm(desk: files.Desk) -> None:
    uscc = make.uscc()
    await apply(desk, row_of(uscc))
    firm = await firm_of(desk, uscc)
    checked = await check(desk, row_of(uscc, business_licence_number="2", contact_name="李娜"))
    assert checked["totals"]["updated"] == 1
    assert await firm_of(desk, uscc) == firm
    assert all(each[3] for each in await licences(desk, firm["id"]))


async def test_an_export_has_licences_and_no_contacts_and_goes_in_unchanged(desk: files.Desk) -> None:
    uscc = make.uscc()
    await apply(desk, row_of(uscc))
    answer = await desk.api.get("/v1/exports", params={"entity": "enterprises"}, headers=make.official())
    text = answer.content.decode("utf-8-sig")
    heading, *rows = csv.reader(io.StringIO(text, newline=""))
    names = [each.rpartition(" ")[2] for each in heading]
    (own,) = [dict(zip(names, row, strict=True)) for row in rows if uscc in row]
    expected = {**row_of(uscc), "contact_role": "", "contact_name": "", "contact_phone": ""}
    assert {name: own[name] for name in expected} == expected
    checked = await check(desk, own)
    assert checked["totals"]["unchanged"] == 1, await desk.rows(checked["id"], make.official())


async def test_contacts_are_nowhere_but_sealed(desk: files.Desk, superuser: Any) -> None:
    uscc = make.uscc()
    await apply(desk, row_of(uscc, contact_name="欧阳七七", contact_phone="13987654321"))
    for table in ("outbox", "import_rows", "import_pieces", "personal_values", "enterprises"):
        rows = await superuser.fetch(f"SELECT t::text AS row FROM registry.{table} AS t")  # noqa: S608
        assert not [row for row in rows if "欧阳七七" in row["row"] or "13987654321" in row["row"]], table
