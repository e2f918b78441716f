"""The workbook of an XLSX file: its sheets, and which number formats show a date (ECMA-376 Part 1)."""

import posixpath
import zipfile
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from services.registry.domain.sheets.xlsx_archive import attributes, open_archive, part, under

_CHINESE_DATES: Final = frozenset({*range(27, 37), *range(50, 59)})
"""Formats that Chinese editions have built in and do not write out (§18.8.30)."""
_ROOT: Final = "_rels/.rels"


@dataclass(frozen=True)
class Book:
    """A workbook whose archive has been looked over.

    Attributes:
        archive: Its parts.
        sheets: Name and part of each worksheet, in their order.
        epoch: The day its dates count from.
        styles: The part with its number formats, if any.
        strings: The part with its shared texts, if any.
    """

    archive: zipfile.ZipFile
    sheets: tuple[tuple[str, str], ...]
    epoch: datetime
    styles: str | None
    strings: str | None

    @cached_property
    def date_styles(self) -> frozenset[int]:
        """Numbers of the cell formats that show a date."""
        if self.styles is None:
            return frozenset()
        sheet = part(self.archive, self.styles)
        formats = dict(BUILTIN_FORMATS)
        for each in under(sheet, "numFmts", "numFmt"):
            given = attributes(each)
            formats[int(given["numFmtId"])] = given.get("formatCode", "")
        used = [int(attributes(each).get("numFmtId", 0)) for each in under(sheet, "cellXfs", "xf")]
        return frozenset(
            place
            for place, number in enumerate(used)
            if number in _CHINESE_DATES or is_date_format(formats.get(number, ""))
        )


def open_book(content: bytes) -> Book:
    """Return the workbook of a file.

    Raises:
        SheetRefused: As `open_archive`; other errors are the damaged file's.
    """
    archive = open_archive(content)
    office = dict(_related(archive, _ROOT, "").values())["officeDocument"]
    folder, name = posixpath.split(office)
    related = _related(archive, f"{folder}/_rels/{name}.rels", folder)
    workbook = part(archive, office)
    (settings, *_) = [*map(attributes, under(workbook, "workbookPr")), {}]
    named: list[tuple[str, Any]] = []
    for sheet in map(attributes, under(workbook, "sheets", "sheet")):
        kind, target = related[sheet["id"]]
        if kind == "worksheet":
            named.append((sheet["name"], target))
    by_kind = dict(related.values())
    is_mac = settings.get("date1904") in {"1", "true"}
    return Book(
        archive=archive,
        sheets=tuple(named),
        epoch=CALENDAR_MAC_1904 if is_mac else CALENDAR_WINDOWS_1900,
        styles=by_kind.get("styles"),
        strings=by_kind.get("sharedStrings"),
    )


def _related(archive: zipfile.ZipFile, name: str, folder: str) -> dict[str, tuple[str, str]]:
    """Return the kind and the part of each relationship inside the file, by its id."""
    found = {}
    for each in map(attributes, under(part(archive, name), "Relationship")):
        if each.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, each["Target"])).lstrip("/")
            found[each["Id"]] = (each["Type"].rpartition("/")[2], target)
    return found
