"""Tables in and out: what could be run is neutralised and comes back as it was; XLSX is what others read."""

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from services.registry.domain.imports import Seen
from services.registry.domain.sheets import CellRefused, Column, Kind, SheetRefused, open_sheet
from services.registry.domain.sheets.columns import read_cell
from services.registry.domain.sheets.csv_sheet import encoding_of
from services.registry.domain.sheets.formulas import SQL_PATTERN, is_formula, neutral, original
from services.registry.domain.sheets.xlsx_sheet import XlsxRows
from services.registry.domain.sheets.xlsx_writing import XlsxStream
from services.registry.domain.slots import Slots

SHANGHAI = ZoneInfo("Asia/Shanghai")
signs = st.text(st.sampled_from("'=+-@\t\r＝＋－＠ a1"), max_size=6)
storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)

INJECTIONS = [
    "=1+1", "+1+1", "-1+1", "@SUM(1+1)", "\t=1+1", "\r=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")',
    "-2+3+cmd|' /C calc'!D2", "@foo", "＝1+1", "＋1", "－1", "＠x", "'=1", "''+1",
]  # fmt: skip
"""OWASP, CSV Injection, and the full-width signs."""


@given(signs | storable)
def test_a_neutral_text_cannot_be_run_and_comes_back(text: str) -> None:
    shown = neutral(text)
    assert not is_formula(shown)
    assert original(shown) == text


@given(signs | storable)
def test_postgresql_neutralises_the_same_texts(text: str) -> None:
    assert (neutral(text) != text) == (re.match(SQL_PATTERN, text) is not None)


@pytest.mark.parametrize("text", INJECTIONS)
def test_injections_are_neutralised(text: str) -> None:
    assert neutral(text).startswith("'")


@pytest.mark.parametrize("text", ["-5", "+86", "-1.5", "+.5", "-1e3", "1+1", "辽A-1", "a=b", "", "'"])
def test_numbers_and_texts_are_none(text: str) -> None:
    assert not is_formula(text)


@given(st.lists(st.lists(storable | st.integers(-(10**15), 10**15) | st.none(), min_size=1), min_size=1))
def test_another_reader_reads_what_was_streamed(rows: list[list[Any]]) -> None:
    stream = XlsxStream()
    content = b"".join([*(stream.rows([row]) for row in rows), stream.end()])
    sheet: Any = load_workbook(io.BytesIO(content)).active
    for number, row in enumerate(rows, 1):
        for place, value in enumerate(row, 1):
            cell = sheet.cell(number, place)
            assert cell.data_type != "f"
            assert (cell.value if cell.value != "" else None) == _readable(value)


def _readable(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # XML 1.0 §2.2 cannot hold most control characters.
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", value) or None


@given(
    st.lists(st.sampled_from(["盘锦顺达城配有限公司", "辽L12345", "payload", "双台子区", "一"]), min_size=1)
)
def test_both_encodings_are_told_apart(words: list[str]) -> None:
    text = ",".join(words)
    assert encoding_of(text.encode()) == encoding_of(text.encode("utf-8-sig")) == "utf-8-sig"
    expected = "utf-8-sig" if text.isascii() else "gb18030"
    assert encoding_of(text.encode("gb18030")) == expected


COLUMN = {kind: Column("x", "某列", kind) for kind in Kind}


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        (Kind.DAY, "2026-01-31", "2026-01-31"),
        (Kind.DAY, "2026/1/5", "2026-01-05"),
        (Kind.DAY, "2026年1月5日", "2026-01-05"),
        (Kind.DAY, "2026.1.5", "2026-01-05"),
        (Kind.DAY, datetime(2026, 1, 5), "2026-01-05"),  # noqa: DTZ001 - a spreadsheet has no zones
        (Kind.DAY, date(2026, 1, 5), "2026-01-05"),
        (Kind.BOOLEAN, "是", True),
        (Kind.BOOLEAN, "NO", False),
        (Kind.BOOLEAN, True, True),
        (Kind.BOOLEAN, 0, False),
        (Kind.TEXT, 12345, "12345"),
        (Kind.TEXT, 12345.0, "12345"),
        (Kind.TEXT, "'=1", "=1"),
        (Kind.TEXT, "\u3000a b\xa0", "a b"),
        (Kind.TEXT, "  ", None),
        (Kind.INTEGER, "0012", 12),
        (Kind.NUMBER, 3, 3),
        (Kind.INSTANT, "2026-01-05", "2026-01-05T00:00:00+08:00"),
        (Kind.INSTANT, "2026/1/5 8:05:09", "2026-01-05T08:05:09+08:00"),
        (Kind.INSTANT, "2026-01-05T08:05:00Z", "2026-01-05T08:05:00Z"),
    ],
)
def test_cells_are_read_as_their_column_says(kind: Kind, cell: Any, value: Any) -> None:
    assert read_cell(COLUMN[kind], cell, SHANGHAI) == value


@pytest.mark.parametrize(
    ("kind", "cell", "code"),
    [
        (Kind.DAY, "2026-02-30", "date_parsing"),
        (Kind.DAY, "20260105", "date_parsing"),
        (Kind.DAY, 46027, "date_parsing"),
        (Kind.DAY, datetime(2026, 1, 5, 8), "date_parsing"),  # noqa: DTZ001 - the same
        (Kind.BOOLEAN, "maybe", "bool_parsing"),
        (Kind.TEXT, 1.5, "number_for_text"),
        (Kind.TEXT, 9.1211100123456e17, "number_for_text"),
        (Kind.TEXT, True, "number_for_text"),
        (Kind.TEXT, float("inf"), "number_for_text"),
        (Kind.TEXT, date(2026, 1, 5), "date_for_text"),
        (Kind.INTEGER, True, "int_parsing"),
        (Kind.INTEGER, float("inf"), "int_parsing"),
        (Kind.INTEGER, "٣", "int_parsing"),
        (Kind.NUMBER, float("nan"), "float_parsing"),
        (Kind.NUMBER, date(2026, 1, 5), "float_parsing"),
        (Kind.INSTANT, "08:30", "datetime_invalid"),
    ],
)
def test_other_cells_are_refused(kind: Kind, cell: Any, code: str) -> None:
    with pytest.raises(CellRefused) as refusal:
        read_cell(COLUMN[kind], cell, SHANGHAI)
    assert refusal.value.reason.code == code


COLUMNS = (Column("a", "甲（kg）", Kind.INTEGER, required=True), Column("b", "乙", Kind.TEXT))


@pytest.mark.parametrize("heading", ["a", "甲（kg）", "甲(kg) a", "甲", " A ", "甲（kg）*"])
def test_a_heading_is_known_by_either_name(heading: str) -> None:
    sheet = open_sheet(f"乙,{heading}\nx,1\n".encode(), COLUMNS)
    assert [column.name for column in sheet.columns] == ["b", "a"]
    assert [(line.number, dict(line.cells)) for line in sheet.lines] == [(2, {"b": "x", "a": "1"})]


def test_an_exports_own_columns_are_passed_over() -> None:
    sheet = open_sheet(b"a,id\n1,7\n", (*COLUMNS, Column("id", "编号", Kind.TEXT, writable=False)))
    assert [dict(line.cells) for line in sheet.lines] == [{"a": "1"}]


def test_more_lines_than_a_spreadsheet_has_are_refused() -> None:
    with pytest.raises(SheetRefused, match="too_many_rows"):
        list(open_sheet(b"a\n" + b"\n" * 1_048_577, COLUMNS).lines)


moments = st.none() | st.integers(0, 20).map(lambda day: datetime(2026, 1, 1 + day, tzinfo=UTC))


@given(st.lists(st.tuples(st.sampled_from("ab"), moments, moments), max_size=8))
def test_doubles_are_those_that_share_an_instant(rows: list[Any]) -> None:
    """Against every hour of the month, asked one by one."""
    rows = [row for row in rows if row[1] is None or row[2] is None or row[1] < row[2]]
    hours = [datetime(2025, 12, 31, 12, tzinfo=UTC)]
    hours += [datetime(2026, 1, day, 12, tzinfo=UTC) for day in range(1, 23)]

    def covered(row: Any) -> set[datetime]:
        return {h for h in hours if (row[1] is None or row[1] <= h) and (row[2] is None or h < row[2])}

    seen, taken = Seen(), list[tuple[int, Any]]()
    for number, row in enumerate(rows):
        expected = [other for other, each in taken if each[0] == row[0] and covered(each) & covered(row)]
        earlier = seen.earlier(number, row[0], row[1], row[2])
        assert (earlier in expected) if expected else earlier is None
        if earlier is None:
            taken.append((number, row))


def test_a_place_is_given_to_so_many_and_given_back() -> None:
    slots = Slots(in_all=3, each=2)
    assert [slots.take(party) for party in "aaabb"] == [True, True, False, True, False]
    slots.give_back("a")
    assert slots.take("b")
    assert not slots.take("c")


def test_the_csv_module_reads_what_was_escaped() -> None:
    text = io.StringIO()
    csv.writer(text).writerow([neutral(each) for each in INJECTIONS])
    (row,) = csv.reader(io.StringIO(text.getvalue(), newline=""))
    assert [original(cell) for cell in row] == INJECTIONS


def workbook(sheet: str, styles: str = "", strings: str = "", settings: str = "") -> bytes:
    """A workbook of these parts alone, as other programs than ours may write them."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'

    def related(*targets: tuple[str, str]) -> str:
        each = "".join(
            f'<Relationship Id="r{n}" Type="{office}/{kind}" Target="{target}"/>'
            for n, (kind, target) in enumerate(targets)
        )
        return f"<Relationships {package}>{each}</Relationships>"

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("_rels/.rels", related(("officeDocument", "/xl/workbook.xml")))
        targets = ("worksheet", "worksheets/a.xml"), ("styles", "styles.xml"), ("sharedStrings", "/xl/s.xml")
        archive.writestr("xl/_rels/workbook.xml.rels", related(*targets))
        archive.writestr(
            "xl/workbook.xml",
            f'<w:workbook xmlns:w="{main[7:-1]}" xmlns:r="{office}">{settings}<w:sheets>'
            '<w:sheet name="A" sheetId="1" r:id="r0"/></w:sheets></w:workbook>',
        )
        archive.writestr("xl/worksheets/a.xml", f"<worksheet {main}>{sheet}</worksheet>")
        archive.writestr("xl/styles.xml", f"<styleSheet {main}>{styles}</styleSheet>")
        archive.writestr("xl/s.xml", f"<sst {main}>{strings}</sst>")
    return content.getvalue()


def test_cells_are_read_wherever_and_however_they_stand() -> None:
    """ECMA-376 Part 1 §18.3.1.4: places and types; what has no place comes after the one before."""
    sheet = (
        '<dimension ref="A1:C90"/><sheetData><row r="2"><c r="C2" t="s"><v>1</v></c></row><row>'
        '<c/><c t="s"><v>0</v></c><c><v>1.50</v></c><c t="str"><v> x </v></c></row><row r="7"/>'
        '<row r="9"><c r="A9" t="b"><v>1</v></c><c r="AB9"><f>1+1</f><v>2</v></c><c r="AC9" t="e"><v>#REF!'
        '</v></c><c r="XFD9"><v>5</v></c></row></sheetData><extLst><c><v>no cell</v></c></extLst>'
    )
    strings = (
        "<si><t>甲</t></si><si><r><t>a</t></r><r><rPr/><t xml:space='preserve'> b</t></r>"
        "<rPh sb='0' eb='1'><t>read aloud</t></rPh></si>"
    )
    book = XlsxRows(workbook(sheet, strings=strings))
    rows = dict(book)
    assert list(rows) == [2, 3, 7, 9]
    assert rows[2] == [None, None, "a b"]
    assert rows[3] == [None, "甲", 1.5, " x "]
    assert rows[7] == []
    far = {place: cell for place, cell in enumerate(rows[9]) if cell is not None}
    assert far == {0: True, 27: "=", 28: "#REF!", 128: 5}
    assert book.stated == 90


@pytest.mark.parametrize(
    ("number", "code", "value"),
    [
        # §18.8.30: 14 is built in everywhere; 31 and 57 are in Chinese editions and never written out
        (14, None, datetime(2026, 1, 31)),  # noqa: DTZ001 - a spreadsheet has no zones
        (31, None, datetime(2026, 1, 31)),  # noqa: DTZ001 - the same
        (57, None, datetime(2026, 1, 31)),  # noqa: DTZ001 - the same
        (180, 'yyyy"年"m"月"d"日"', datetime(2026, 1, 31)),  # noqa: DTZ001 - the same
        (181, "0.00", 46053),
        (0, None, 46053),
    ],
)
def test_dates_are_told_by_their_format(number: int, code: str | None, value: Any) -> None:
    formats = f"<numFmts><numFmt numFmtId='{number}' formatCode='{code}'/></numFmts>" if code else ""
    styles = f"{formats}<cellXfs><xf numFmtId='0'/><xf numFmtId='{number}'/></cellXfs>"
    sheet = '<sheetData><row><c s="1"><v>46053</v></c><c s="1"><v>99999999</v></c></row></sheetData>'
    (row,) = dict(XlsxRows(workbook(sheet, styles))).values()
    assert row[0] == value
    assert row[1] == (99999999 if isinstance(value, int) else "99999999"), "no date that there is"


def test_dates_may_count_from_1904() -> None:
    styles = "<cellXfs><xf numFmtId='14'/></cellXfs>"
    sheet = '<sheetData><row><c s="0"><v>44591</v></c></row></sheetData>'
    settings = '<w:workbookPr date1904="1"/>'
    (row,) = dict(XlsxRows(workbook(sheet, styles, settings=settings))).values()
    assert row == [datetime(2026, 1, 31)]  # noqa: DTZ001 - a spreadsheet has no zones


tables = st.lists(
    st.lists(
        st.none()
        | st.booleans()
        | st.integers(-(10**14), 10**14)
        | st.floats(-1e9, 1e9).map(lambda number: round(number, 4))
        | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda m: m.replace(microsecond=0))  # noqa: DTZ001 - the same
        | storable.filter(lambda text: bool(text.strip()) and not re.search("[\x00-\x1f\ufffe\uffff]", text)),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=8,
)


@given(tables)
def test_what_another_program_wrote_is_read_as_it_reads_it_itself(rows: list[list[Any]]) -> None:
    """Openpyxl writes and reads; its own reading is the oracle."""
    book = Workbook()
    sheet: Any = book.active
    for number, row in enumerate(rows, 1):
        for place, value in enumerate(row, 1):
            cell = sheet.cell(number, place)
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"
    content = io.BytesIO()
    book.save(content)
    again: Any = load_workbook(io.BytesIO(content.getvalue())).active
    expected = {
        number: [cell.value for cell in row]
        for number, row in enumerate(again.rows, 1)
        if any(cell.value is not None for cell in row)
    }
    found = dict(XlsxRows(content.getvalue()))
    assert {number: _cut(row) for number, row in found.items() if _cut(row)} == {
        number: _cut(row) for number, row in expected.items()
    }


def _cut(row: list[Any]) -> list[Any]:
    """A row without the empty cells at its end; whole numbers are written without their point."""
    while row and row[-1] is None:
        row = row[:-1]
    return row
