"""Files that are wrong, or made to do harm: refused with the reason, and nothing stored."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.workbook.defined_name import DefinedName

from services.registry.domain.sheets.limits import MAX_BYTES
from tests.factories import imports as files
from tests.factories import registry as make

Json = dict[str, Any]
HEADING = ",".join(files.VEHICLE)


async def sent(desk: files.Desk, firm: make.Firm, content: bytes, kind: str = files.CSV) -> Any:
    headers = {**firm.headers, "Content-Type": kind}
    return await desk.api.post("/v1/imports?entity=vehicles", content=content, headers=headers)


async def failed(desk: files.Desk, firm: make.Firm, content: bytes, kind: str = files.CSV) -> str:
    """Code of the reason for which a file as a whole is refused."""
    answer = await sent(desk, firm, content, kind)
    assert answer.status_code == 201, answer.text
    found = await desk.work(answer.json()["id"], firm.headers)
    assert found["status"] == "failed", found
    assert " / " in found["reason"]["message"]
    listed = await desk.api.get("/v1/vehicles", headers=firm.headers)
    assert listed.json()["items"] == []
    return str(found["reason"]["code"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
async def test_the_encoding_is_told_by_the_bytes(desk: files.Desk, firm: make.Firm, encoding: str) -> None:
    rows = [files.vehicle_row() for _ in range(3)]
    checked = await desk.check(files.csv_of(rows, encoding=encoding), firm.headers)
    assert checked["totals"]["created"] == 3
    await desk.apply(checked["id"], firm.headers)
    page = await desk.api.get("/v1/vehicles", headers=firm.headers)
    assert {item["plate_number"] for item in page.json()["items"]} == {row["plate_number"] for row in rows}


CHINESE = "\n".join(f"辽L{n:05d},盘锦顺达城配有限公司双台子区分公司" for n in range(20))
WRONG: list[tuple[str, bytes]] = [
    ("encoding_other", CHINESE.encode("utf-16")),
    ("encoding_other", CHINESE.encode("utf-16-le")),
    ("encoding_other", b"plate_number\x00,plate_color\n"),
    ("encoding_broken", CHINESE.encode()[:300] + b"\xff" + CHINESE.encode()[300:]),
    ("encoding_broken", b"\xef\xbb\xbf" + CHINESE.encode("gb18030")),
    ("encoding_unknown", "盤錦順達城配有限公司雙臺子區分公司,遼寧省貨運車輛電動運輸".encode("big5") * 20),
    ("encoding_unknown", "車両番号,あいうえおかきくけこ".encode("shift_jis") * 20),
    ("encoding_unknown", "plaque,Ä,é,ü\n".encode("latin-1")),
    ("heading_missing", b"\n\n,,,\n"),
    ("heading_missing", b"# only a remark\n"),
    ("column_unknown", HEADING.replace("payload_kg", "payload").encode()),
    ("column_twice", f"{HEADING},payload_kg".encode()),
    ("column_twice", f"{HEADING},核定载质量".encode()),
    ("column_missing", HEADING.replace(",payload_kg", "").encode()),
    ("csv_malformed", f'{HEADING}\n"never ends,1,2'.encode()),
    ("csv_malformed", f'{HEADING}\n"a"b,1,2\n'.encode()),
    ("csv_malformed", f"{HEADING}\n{'x' * 40_000},1\n".encode()),
    ("column_unknown", b"<html><body>error</body></html>"),
    ("column_unknown", b'{"plate_number": 1}'),
]


@pytest.mark.parametrize(("code", "content"), WRONG)
async def test_a_csv_that_is_none_is_refused(
    desk: files.Desk, firm: make.Firm, code: str, content: bytes
) -> None:
    assert await failed(desk, firm, content) == code


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", files.CSV, 422, "file_unreadable"),
        (b"  \n", files.CSV, 422, "file_unreadable"),
        (b"MZ\x90\x00 program", files.CSV, 422, "file_unreadable"),
        (b"%PDF-1.7 ...", files.XLSX, 422, "file_unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", files.XLSX, 422, "xls_old"),
        (b"plate_number\n", files.XLSX, 422, "content_other"),
        (b"PK\x03\x04", files.CSV, 422, "content_other"),
        (b"plate_number\n", "application/json", 415, None),
        (b"plate_number\n", "application/vnd.ms-excel.sheet.macroEnabled.12", 415, None),
        (b"x" * (MAX_BYTES + 1), files.CSV, 413, None),
        (b"x" * (MAX_BYTES + 2), files.CSV, 413, None),
        (b"x" * 100 * 2**20, files.CSV, 413, None),
    ],
)
async def test_what_is_no_table_is_refused_at_once(
    desk: files.Desk, firm: make.Firm, content: bytes, kind: str, status: int, code: str | None
) -> None:
    answer = await sent(desk, firm, content, kind)
    assert answer.status_code == status, answer.text
    assert [item["code"] for item in answer.json()["errors"]] == ([code] if code else [])
    assert (await desk.api.get("/v1/imports", headers=firm.headers)).json()["items"] == []


async def test_a_body_of_another_route_is_no_larger_for_it(desk: files.Desk, firm: make.Firm) -> None:
    checked = await desk.check(files.csv_of([files.vehicle_row()]), firm.headers)
    path = f"/v1/imports/{checked['id']}/application"
    answer = await desk.api.post(path, content=b"{" + b" " * 2**21, headers=firm.headers)
    assert answer.status_code == 413


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|'/C calc'!A0", "＝1+1", " =1", "-"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_formulas_are_refused_by_row_and_field(desk: files.Desk, firm: make.Firm, kind: str) -> None:
    rows = [files.vehicle_row(vehicle_type=formula) for formula in FORMULAS]
    rows += [files.vehicle_row(plate_number="=A1"), files.vehicle_row(payload_kg="=1000+1")]
    make_file, media = (files.csv_of, files.CSV) if kind == "csv" else (files.xlsx_of, files.XLSX)
    checked = await desk.check(make_file(rows), firm.headers, media_type=media)
    found = await desk.rows(checked["id"], firm.headers)
    assert [row["row_number"] for row in found] == [*range(2, len(rows) + 2)]
    fields = ["vehicle_type"] * len(FORMULAS) + ["plate_number", "payload_kg"]
    assert [[(f["field"], f["code"]) for f in row["faults"]] for row in found] == [
        [(field, "formula")] for field in fields
    ]


async def test_a_number_may_have_a_sign(desk: files.Desk, firm: make.Firm) -> None:
    content = files.csv_of([files.vehicle_row(payload_kg="+1000"), files.vehicle_row(payload_kg="-5")])
    found = await desk.rows((await desk.check(content, firm.headers))["id"], firm.headers)
    assert [(row["outcome"], [f["code"] for f in row["faults"]]) for row in found] == [
        ("created", []),
        ("invalid", ["greater_than_equal"]),
    ]


CELLS: list[tuple[str, Any, str]] = [
    ("payload_kg", "1,490", "int_parsing"),
    ("payload_kg", "１４９０", "int_parsing"),
    ("payload_kg", "1490.5", "int_parsing"),
    ("payload_kg", "1" * 30, "int_parsing"),
    ("payload_kg", "1e3", "int_parsing"),
    ("payload_kg", "", "missing"),
    ("payload_kg", "300000", "less_than_equal"),
    ("height_m", "NaN", "float_parsing"),
    ("height_m", "Infinity", "float_parsing"),
    ("height_m", "1e999", "finite_number"),
    ("height_m", "#REF!", "cell_error"),
    ("height_m", "#N/A", "cell_error"),
    ("plate_color", "7", "standard"),
    ("plate_color", "紫色", "int_parsing"),
    ("plate_number", "辽LO2345", "standard"),
    ("plate_number", "辽L2345", "standard"),
    ("plate_number", "X" * 300, "standard"),
    ("plate_number", "辽L12345D", "standard"),
    ("powertrain", "STEAM", "enum"),
    ("energy_code", "B", "standard"),
    ("gross_mass_kg", "1000", "standard"),
    ("valid_from", "yesterday", "datetime_invalid"),
    ("valid_from", "2026-02-30 08:00", "datetime_invalid"),
    ("valid_from", "2026-02-03 28:00", "datetime_invalid"),
    ("valid_from", "0000-01-01", "datetime_invalid"),
]


@pytest.mark.parametrize(("field", "value", "code"), CELLS)
async def test_bad_cells_are_named(
    desk: files.Desk, firm: make.Firm, field: str, value: str, code: str
) -> None:
    row = {**files.vehicle_row(), field: value}
    content = files.csv_of([row], [*files.VEHICLE, "valid_from"])
    (found,) = await desk.rows((await desk.check(content, firm.headers))["id"], firm.headers)
    assert found["outcome"] == "invalid", found
    named = [(fault["field"], fault["code"]) for fault in found["faults"]]
    assert (("plate_color" if value == "辽L12345D" else field), code) in named, named
    assert not any(value and value in fault["message"] for fault in found["faults"])


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("plate_color", "黄色", 2),
        ("plate_color", "2 黄色 yellow", 2),
        ("plate_color", "YELLOW", 2),
        ("vehicle_type", "轻型厢式货车", "H32"),
        ("powertrain", "纯电动", "BEV"),
        ("powertrain", "bev", "BEV"),
        ("energy_code", "电", "C"),
        ("refrigeration", "冷藏 refrigerated", "refrigerated"),
        ("refrigeration", "", "none"),
        ("height_m", "", None),
        ("height_m", "+2.50", 2.5),
        ("payload_kg", " 1000 ", 1000),
    ],
)
async def test_cells_are_taken_as_people_write_them(
    desk: files.Desk, firm: make.Firm, field: str, value: str, kept: Any
) -> None:
    checked = await desk.check(files.csv_of([{**files.vehicle_row(), field: value}]), firm.headers)
    await desk.apply(checked["id"], firm.headers)
    (vehicle,) = (await desk.api.get("/v1/vehicles", headers=firm.headers)).json()["items"]
    assert vehicle[field] == kept


async def test_empty_rows_and_remarks_are_passed_over(desk: files.Desk, firm: make.Firm) -> None:
    line = files.csv_of([files.vehicle_row()]).decode().splitlines()
    text = "\n".join([line[0], "", "# 示例,1,2", ",,,", line[1], " ,", "# the end"])
    checked = await desk.check(text.encode(), firm.headers)
    (row,) = await desk.rows(checked["id"], firm.headers)
    assert (row["row_number"], row["outcome"], checked["rows_total"]) == (5, "created", 1)


async def test_a_cell_outside_the_heading_is_not_lost_in_silence(desk: files.Desk, firm: make.Firm) -> None:
    lines = files.csv_of([files.vehicle_row(), files.vehicle_row()]).decode().splitlines()
    content = "\n".join([lines[0], f"{lines[1]},", f"{lines[2]},my remark"]).encode()
    found = await desk.rows((await desk.check(content, firm.headers))["id"], firm.headers)
    assert [row["outcome"] for row in found] == ["created", "invalid"]
    assert found[1]["faults"][0]["code"] == "cell_astray"


def altered(change: Callable[[Any], Any]) -> bytes:
    """A good workbook, changed."""
    book = load_workbook(io.BytesIO(files.xlsx_of([files.vehicle_row()])))
    change(book)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def with_member(name: str, data: bytes = b"x", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A good workbook with one more part, or another one in a part's place."""
    parts = zipfile.ZipFile(io.BytesIO(files.xlsx_of([files.vehicle_row()])))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for member in parts.infolist():
            if member.filename != name:
                archive.writestr(member.filename, parts.read(member))
        archive.writestr(name, data)
    return content.getvalue()


def encrypted() -> bytes:
    content = bytearray(files.xlsx_of([files.vehicle_row()]))
    place = 0
    while (place := content.find(b"PK\x01\x02", place)) >= 0:
        content[place + 8] |= 1
        place += 4
    return bytes(content)


def lying() -> bytes:
    """Declares fewer bytes than a part unpacks to."""
    content = bytearray(with_member("xl/worksheets/sheet1.xml", b"<x/>" + b" " * 50_000))
    place = content.rfind(b"PK\x01\x02")
    content[place + 24 : place + 28] = (100).to_bytes(4, "little")
    return bytes(content)


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;" * 10) for n in range(9)
    ) + b']><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
    b'<c t="inlineStr"><is><t>&a8;</t></is></c></row></sheetData></worksheet>'
)  # fmt: skip
EXTERNAL = (
    b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
    b'<c t="inlineStr"><is><t>&e;</t></is></c></row></sheetData></worksheet>'
)
UNORDERED = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="3"><c r="A3" t="inlineStr"><is><t>plate_number</t></is></c></row>'
    b'<row r="2"><c r="A2"><v>1</v></c></row></sheetData></worksheet>'
)
LONG = UNORDERED.replace(b"plate_number", b"".join(b"%x" % n for n in range(12_000)))
HARMFUL: list[tuple[str, Callable[[], bytes]]] = [
    ("xlsx_bomb", lambda: with_member(SHEET, b"0" * 600 * 2**20)),
    ("xlsx_bomb", lambda: with_member("xl/media/image1.bmp", b"0" * 300 * 2**20)),
    ("xlsx_bomb", lambda: with_member("xl/styles.xml", bytes(range(256)) * 40_000, zipfile.ZIP_STORED)),
    ("xlsx_macros", lambda: with_member("xl/vbaProject.bin")),
    ("xlsx_links", lambda: with_member("xl/externalLinks/externalLink1.xml")),
    ("xlsx_links", lambda: with_member("xl/connections.xml")),
    ("xlsx_links", lambda: with_member("xl/embeddings/oleObject1.bin")),
    ("xlsx_encrypted", encrypted),
    ("file_unreadable", lying),
    ("file_unreadable", lambda: with_member(SHEET, LAUGHS)),
    ("file_unreadable", lambda: with_member(SHEET, EXTERNAL)),
    ("file_unreadable", lambda: with_member(SHEET, b"<worksheet><sheetData><row></sheet")),
    ("file_unreadable", lambda: files.xlsx_of([files.vehicle_row()])[:-30]),
    ("file_unreadable", lambda: b"PK\x03\x04" + b"\x00" * 200),
    ("file_unreadable", lambda: with_member("xl/workbook.xml", b"<workbook/>x")),
    ("file_unreadable", lambda: with_member("_rels/.rels", b"<Relationships/>")),
    ("file_unreadable", lambda: with_member(SHEET, UNORDERED)),
    ("file_unreadable", lambda: with_member(SHEET, UNORDERED.replace(b'r="3"', b'r="x"'))),
    ("file_unreadable", lambda: with_member(SHEET, LAUGHS.decode().encode("utf-16"))),
    ("cell_too_long", lambda: with_member(SHEET, LONG)),
    ("too_many_rows", lambda: with_member(SHEET, UNORDERED.replace(b'r="3"', b'r="1048577"'))),
    ("xlsx_sheets", lambda: with_member("xl/workbook.xml", b"<workbook><sheets/></workbook>")),
    ("xlsx_sheets", lambda: altered(lambda book: [book.create_sheet() for _ in range(10)])),
    ("xlsx_sheets", lambda: altered(lambda book: book.create_sheet().append(["more"]))),
]


@pytest.mark.parametrize(("code", "content"), HARMFUL)
async def test_a_workbook_made_to_do_harm_is_refused(
    desk: files.Desk, firm: make.Firm, code: str, content: Callable[[], bytes]
) -> None:
    assert await failed(desk, firm, content(), files.XLSX) == code


async def test_a_workbook_with_harmless_additions_is_taken(desk: files.Desk, firm: make.Firm) -> None:
    def change(book: Workbook) -> None:
        book.create_sheet("Sheet2")
        book.defined_names["x"] = DefinedName("x", attr_text="Sheet1!$A$1")
        sheet: Any = book.worksheets[0]
        sheet["A1"].value = "号牌号码"
        sheet.freeze_panes = "A2"
        sheet.row_dimensions[500].height = 30

    checked = await desk.check(altered(change), firm.headers, media_type=files.XLSX)
    assert checked["totals"]["created"] == 1


async def test_numbers_and_dates_of_a_spreadsheet_are_understood(desk: files.Desk, firm: make.Firm) -> None:
    columns = [*files.VEHICLE, "valid_from"]
    rows: list[Json] = [
        files.vehicle_row(payload_kg=1000.0, height_m=3, valid_from=datetime(2026, 3, 1, 8, 30)),  # noqa: DTZ001 - a spreadsheet has no zones
        files.vehicle_row(valid_from=date(2026, 3, 1)),
        files.vehicle_row(plate_number=12345),
        files.vehicle_row(payload_kg=1000.5),
        files.vehicle_row(payload_kg=True),
        files.vehicle_row(vehicle_type=datetime(2026, 3, 1)),  # noqa: DTZ001 - the same
    ]
    content = files.xlsx_of(rows, columns)
    checked = await desk.check(content, firm.headers, media_type=files.XLSX)
    found = await desk.rows(checked["id"], firm.headers)
    assert [row["outcome"] for row in found] == ["created"] * 2 + ["invalid"] * 4
    assert [row["faults"][0]["field"] for row in found[2:]] == [
        *("plate_number", "payload_kg", "payload_kg", "vehicle_type")
    ]
    await desk.apply(checked["id"], firm.headers, skip_refused=True)
    page = (await desk.api.get("/v1/vehicles", headers=firm.headers)).json()["items"]
    begins = {item["plate_number"]: item["valid_from"] for item in page}
    assert begins[rows[0]["plate_number"]] == "2026-03-01T00:30:00.000Z"
    assert begins[rows[1]["plate_number"]] == "2026-02-28T16:00:00.000Z"


async def test_too_many_rows_are_refused(
    desk: files.Desk, firm: make.Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.registry.domain.sheets.reading.MAX_ROWS", 5)
    content = files.csv_of([files.vehicle_row() for _ in range(6)])
    assert await failed(desk, firm, content) == "too_many_rows"
    assert (await desk.check(content.rstrip().rpartition(b"\r\n")[0], firm.headers))["totals"]["created"] == 5
