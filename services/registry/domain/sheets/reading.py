"""A file as rows by column: what it is by its content, which columns its heading names, then row by row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from services.registry.domain.sheets.columns import Cell, Column
from services.registry.domain.sheets.csv_sheet import csv_lines
from services.registry.domain.sheets.limits import MAX_COLUMNS, MAX_LINES, MAX_ROWS
from services.registry.domain.sheets.refusals import SheetRefused
from services.registry.domain.sheets.xlsx_archive import SIGNATURE
from services.registry.domain.sheets.xlsx_sheet import XlsxRows

SheetFormat = Literal["csv", "xlsx"]
COMMENT: Final = "# "
"""A row whose first cell begins so is passed over: the guide in the CSV template."""

_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"
_OTHER_FILES: Final = (
    b"%PDF-",
    b"MZ",
    b"\x7fELF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"\x1f\x8b",
    b"Rar!",
    b"7z\xbc",
)
_FOLDED: Final = str.maketrans({" ": None, "\u3000": None, "\xa0": None, "（": "(", "）": ")", "*": None})


@dataclass(frozen=True, slots=True)
class Line:
    """One row with something in it."""

    number: int
    cells: Mapping[str, Cell]
    """By column; only columns that the heading names."""
    astray: bool = False
    """Whether a cell stands outside the columns that the heading names."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """An opened file."""

    columns: tuple[Column, ...]
    """Those its heading names that an import takes, in its order."""
    stated: int
    """How many rows it seems to have, for who waits; only its own word."""
    lines: Iterator[Line]


def format_of(content: bytes) -> SheetFormat:
    """Return what a file is by its first bytes; whether it can be read shows later.

    Raises:
        SheetRefused: An old Excel file, or something that is no table at all.
    """
    if content.startswith(SIGNATURE):
        return "xlsx"
    if content.startswith(_OLD_EXCEL):
        raise SheetRefused(
            "xls_old",
            "旧版 Excel 文件（.xls）或有密码保护；请另存为 .xlsx",
            "an old Excel file (.xls) or one with a password; save it as .xlsx",
        )
    if not content.strip() or content.startswith(_OTHER_FILES):
        raise SheetRefused("file_unreadable", "不是 CSV 或 XLSX 文件，或文件为空", "no CSV or XLSX, or empty")
    return "csv"


def open_sheet(content: bytes, columns: Sequence[Column]) -> Sheet:
    """Read the heading; the rows are read as they are asked for.

    Raises:
        SheetRefused: The file as a whole; while rows are asked for, too.
    """
    book = XlsxRows(content) if format_of(content) == "xlsx" else None
    lines = _filled(book or csv_lines(content))
    heading = next(lines, None)
    if heading is None:
        raise SheetRefused("heading_missing", "没有表头", "there is no heading")
    places = _places(heading[1], columns)
    taken = tuple(column for column in places.values() if column.writable)
    stated = min(book.stated if book else content.count(b"\n"), MAX_LINES)
    return Sheet(taken, max(0, stated - 1), _by_column(lines, places))


def _filled(lines: Iterable[tuple[int, Sequence[Cell]]]) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Leave out what is empty or a comment."""
    for number, cells in lines:
        if number > MAX_LINES:
            raise _too_many(MAX_LINES)
        first = cells[0] if cells else None
        if isinstance(first, str) and first.startswith(COMMENT):
            continue
        if any(not _is_empty(cell) for cell in cells):
            yield number, cells


def _is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _places(heading: Sequence[Cell], columns: Sequence[Column]) -> dict[int, Column]:
    known = {name: column for column in columns for name in _names(column)}
    places: dict[int, Column] = {}
    for place, cell in enumerate(heading):
        if _is_empty(cell):
            continue
        column = known.get(_folded(str(cell)))
        if column is None:
            shown = _shown(place)
            raise SheetRefused(
                "column_unknown", f"第 {shown} 列的表头不认识", f"the heading of column {shown} is not known"
            )
        if column in places.values():
            raise SheetRefused("column_twice", f"列重复：{column.zh}", f"column given twice: {column.name}")
        places[place] = column
    missing = [column for column in columns if column.required and column not in places.values()]
    if missing:
        zh, en = "、".join(each.zh for each in missing), ", ".join(each.name for each in missing)
        raise SheetRefused("column_missing", f"缺少必填列：{zh}", f"columns missing: {en}")
    return places


def _names(column: Column) -> set[str]:
    plain = column.zh.partition("（")[0]
    return {_folded(name) for name in (column.name, column.zh, plain, column.header)}


def _folded(text: str) -> str:
    return text.strip().translate(_FOLDED).casefold()


def _shown(place: int) -> str:
    """Return a column's letters, as a spreadsheet shows them."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _by_column(lines: Iterator[tuple[int, Sequence[Cell]]], places: Mapping[int, Column]) -> Iterator[Line]:
    wanted = {place: column.name for place, column in places.items() if column.writable}
    for taken, (number, cells) in enumerate(lines, 1):
        if taken > MAX_ROWS:
            raise _too_many(MAX_ROWS)
        found = {name: cells[place] for place, name in wanted.items() if place < len(cells)}
        astray = any(place not in places and not _is_empty(cell) for place, cell in enumerate(cells))
        yield Line(number, found, astray or len(cells) > MAX_COLUMNS)


def _too_many(most: int) -> SheetRefused:
    return SheetRefused(
        "too_many_rows", f"超过 {most} 行，请分成几个文件", f"more than {most} rows: split it"
    )
