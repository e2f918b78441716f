"""Templates: every column explained, its codes offered, and what is filled in is taken."""

import csv
import io
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from services.registry.operations.imports.catalogue import ENTITIES
from tests.factories import imports as files
from tests.factories import registry as make

ENTITY = pytest.mark.parametrize("entity", ENTITIES)


async def template(api: httpx.AsyncClient, firm: make.Firm, entity: str, **query: str) -> bytes:
    answer = await api.get(f"/v1/import-templates/{entity}", params=query, headers=firm.headers)
    assert answer.status_code == 200, answer.text
    return answer.content


def columns_of(entity: str) -> list[Any]:
    return [column for column in ENTITIES[entity].columns if column.writable]


@ENTITY
async def test_a_workbook_explains_each_of_its_columns(
    api: httpx.AsyncClient, firm: make.Firm, entity: str
) -> None:
    book = load_workbook(io.BytesIO(await template(api, firm, entity)))
    sheets: list[Any] = book.worksheets
    data, guide, codes = sheets
    headings = [cell.value for cell in data[1]]
    columns = columns_of(entity)
    assert headings == [column.header for column in columns]
    explained = {row[0].value: [cell.value or "" for cell in row] for row in guide.rows}
    offered = {
        str(each.sqref).partition(":")[0]: each.formula1 for each in data.data_validations.dataValidation
    }
    for place, column in enumerate(columns):
        _, required, rule, _example, listed = explained[column.header]
        assert required.startswith("必填") == column.required
        assert " / " in rule
        letter = data.cell(1, place + 1).column_letter
        assert (f"{letter}2" in offered) == bool(column.codes)
        assert all(code in listed for code in column.codes)
        choices = [cell.value for cell in codes[letter][1:] if cell.value is not None] if column.codes else []
        assert [choice.split(" ")[0] for choice in choices] == list(column.codes)
    texts = {column.header for column in columns if column.kind == "text"}
    as_text = {
        cell.value for cell in data[1] if data.column_dimensions[cell.column_letter].number_format == "@"
    }
    assert as_text == texts


@pytest.mark.parametrize("kind", ["xlsx", "csv", "gb18030"])
async def test_a_template_filled_in_is_an_import(desk: files.Desk, firm: make.Firm, kind: str) -> None:
    row = {**files.vehicle_row(), "plate_color": "2 黄色 yellow", "refrigeration": "none 无 no equipment"}
    values = [row.get(column.name) for column in columns_of("vehicles")]
    if kind == "xlsx":
        book = load_workbook(io.BytesIO(await template(desk.api, firm, "vehicles")))
        book.worksheets[0].append(values)
        filled = io.BytesIO()
        book.save(filled)
        content, media = filled.getvalue(), files.XLSX
    else:
        encoding = "utf-8" if kind == "csv" else kind
        given = await template(desk.api, firm, "vehicles", format="csv", encoding=encoding)
        line = io.StringIO()
        csv.writer(line).writerow(values)
        content, media = given + line.getvalue().encode(encoding), files.CSV
    checked = await desk.check(content, firm.headers, media_type=media)
    assert checked["totals"]["created"] == checked["rows_total"] == 1, await desk.rows(
        checked["id"], firm.headers
    )


@ENTITY
async def test_the_example_of_a_template_is_a_row_that_is_taken(
    desk: files.Desk, firm: make.Firm, entity: str
) -> None:
    text = (await template(desk.api, firm, entity, format="csv")).decode("utf-8-sig")
    heading, *rows = csv.reader(io.StringIO(text))
    shown = next(row for row in rows if row[0].startswith("# 示例 example: "))
    shown[0] = shown[0].removeprefix("# 示例 example: ")
    names = [column.name for column in columns_of(entity)]
    values = {**dict(zip(names, shown, strict=True)), **known_here(firm, entity)}
    line = io.StringIO()
    csv.writer(line).writerows([heading, [values[name] for name in names]])
    checked = await desk.check(line.getvalue().encode(), make.official(), entity=entity)
    assert checked["totals"]["invalid"] == 0, await desk.rows(checked["id"], make.official())


def known_here(firm: make.Firm, entity: str) -> dict[str, str]:
    """What an example cannot know: a firm that is on record."""
    return {"enterprise_uscc": firm.uscc} if entity in {"vehicles", "drivers"} else {}


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
@ENTITY
async def test_an_empty_template_is_an_empty_import(desk: files.Desk, entity: str, kind: str) -> None:
    official = make.official()
    path = f"/v1/import-templates/{entity}"
    content = (await desk.api.get(path, params={"format": kind}, headers=official)).content
    media = files.CSV if kind == "csv" else files.XLSX
    checked = await desk.check(content, official, entity=entity, media_type=media)
    assert (checked["status"], checked["rows_total"]) == ("checked", 0)
    assert set(checked["columns"]) == {column.name for column in columns_of(entity)}


async def test_there_is_no_template_of_anything_else(api: httpx.AsyncClient, firm: make.Firm) -> None:
    for path, status in (("drones", 422), ("vehicles?format=ods", 422), ("vehicles?x=1", 422)):
        answer = await api.get(f"/v1/import-templates/{path}", headers=firm.headers)
        assert answer.status_code == status
