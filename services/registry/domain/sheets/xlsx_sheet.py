"""XLSX read row by row, after its archive has been looked over: an upload may be made to do harm."""

import io
import itertools
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final

from openpyxl import load_workbook

from services.registry.domain.sheets.columns import Cell
from services.registry.domain.sheets.limits import MAX_COLUMNS
from services.registry.domain.sheets.refusals import SheetRefused

SIGNATURE: Final = b"PK\x03\x04"
HELP_SHEETS: Final = ("填表说明 guide", "代码 codes")
"""Sheets of our own template beside the data."""

_ENCRYPTED: Final = 1
_MAX_MEMBERS: Final = 200
_MAX_SHEETS: Final = 10
_MAX_UNPACKED: Final = 512 * 1024 * 1024
_MAX_STRINGS: Final = 96 * 1024 * 1024
_MAX_PART: Final = 8 * 1024 * 1024
_MAX_RATIO: Final = 200
"""Measured: 100,000 equal rows pack to 1/60; DEFLATE ends at 1/1032, where bombs are."""
_RATIO_FROM: Final = 1024 * 1024
_REACHING_OUT: Final = (
    "externallinks/",
    "connections.xml",
    "querytables/",
    "embeddings/",
    "activex/",
    "ctrlprops/",
)
_FORMULA: Final = "="


def check_archive(content: bytes) -> None:
    """Look over the archive's directory.

    Raises:
        SheetRefused: No archive, encrypted, too large when unpacked, with macros or links to elsewhere.
    """
    try:
        members = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise _unreadable() from error
    names = [member.filename.casefold().replace("\\", "/") for member in members]
    if len(names) > _MAX_MEMBERS or len(set(names)) != len(names):
        raise _unreadable()
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise SheetRefused("xlsx_encrypted", "文件有密码保护", "the file is protected by a password")
    if any("vbaproject" in name or "/macrosheets/" in name for name in names):
        raise SheetRefused("xlsx_macros", "文件含有宏（.xlsm）；请另存为 .xlsx", "with macros; save as .xlsx")
    if any(part in name for part in _REACHING_OUT for name in names):
        raise SheetRefused(
            "xlsx_links",
            "文件含有外部链接、数据连接或嵌入对象",
            "with external links, connections or embedded objects",
        )
    if sum(member.file_size for member in members) > _MAX_UNPACKED or any(map(_is_bomb, members)):
        raise SheetRefused("xlsx_bomb", "压缩内容过大，疑似压缩炸弹", "unpacks to far too much: a zip bomb?")


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    name = member.filename.casefold()
    if member.file_size > _RATIO_FROM and member.file_size > _MAX_RATIO * max(member.compress_size, 1):
        return True
    if "/worksheets/" in name or "/media/" in name:
        return False
    return member.file_size > (_MAX_STRINGS if name.endswith("sharedstrings.xml") else _MAX_PART)


def _unreadable() -> SheetRefused:
    return SheetRefused("file_unreadable", "不是可读取的 XLSX 文件", "not an XLSX file that can be read")


def open_xlsx(content: bytes) -> tuple[int, Iterator[tuple[int, list[Cell]]]]:
    """Return how many rows the file says it has, and each row of its data with its number, the first being 1.

    Raises:
        SheetRefused: As `check_archive`; no sheet or several with data; damaged, also while rows are read.
        MemoryError: It needs more memory than this process may take.
    """
    check_archive(content)
    with _as_refusal(), _quiet():
        sheet = _data_sheet(load_workbook(io.BytesIO(content), read_only=True))
        stated = sheet.max_row or 0
    return stated, _lines(sheet)


def _lines(sheet: Any) -> Iterator[tuple[int, list[Cell]]]:
    rows = _rows(sheet)
    for number in itertools.count(1):
        with _as_refusal(), _quiet():
            row = next(rows, None)
        if row is None:
            return
        yield number, [_cell(value) for value in row[: MAX_COLUMNS + 1]]


@contextmanager
def _as_refusal() -> Iterator[None]:
    """Turn what the library fails with on a damaged file, which can be any error, into a refusal."""
    try:
        yield
    except (SheetRefused, MemoryError):
        raise
    except Exception as error:
        raise _unreadable() from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's remarks about parts of a workbook it leaves out from anybody's log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    # The size a file states is only its own word.
    sheet.reset_dimensions()
    yield from sheet.iter_rows(values_only=True)


def _data_sheet(book: Any) -> Any:
    if len(book.sheetnames) > _MAX_SHEETS:
        raise SheetRefused("xlsx_sheets", f"工作表超过 {_MAX_SHEETS} 个", f"more than {_MAX_SHEETS} sheets")
    sheets = [sheet for sheet in book.worksheets if sheet.title not in HELP_SHEETS]
    if not sheets:
        raise SheetRefused("xlsx_sheets", "没有数据工作表", "no sheet of data")
    if any(_has_content(sheet) for sheet in sheets[1:]):
        raise SheetRefused(
            "xlsx_sheets",
            "数据只能放在第一个工作表，请清空其他工作表",
            "data stand on the first sheet only; empty the others",
        )
    return sheets[0]


def _has_content(sheet: Any) -> bool:
    return any(value is not None for row in _rows(sheet) for value in row)


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str | int | float | datetime | date):
        return value
    # A time of day or a duration is no value of ours; all else is one of the library's kinds of formula.
    return str(value) if type(value).__module__ == "datetime" else _FORMULA
