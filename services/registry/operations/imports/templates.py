"""Templates that explain themselves: a heading to fill in below, and what may stand in each column."""

import codecs
import csv
import io
from functools import cache
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from services.registry.domain.sheets import Column, Kind
from services.registry.domain.sheets.limits import MAX_ROWS
from services.registry.domain.sheets.reading import COMMENT
from services.registry.domain.sheets.xlsx_sheet import HELP_SHEETS
from services.registry.operations.imports.catalogue import ENTITIES
from services.registry.operations.imports.entity import Entity
from services.registry.schemas.imports import Encoding, EntityName, TableFormat

_GUIDE, _CODES = HELP_SHEETS
_HEADINGS: Final = ("列 column", "必填 required", "规则 rule", "示例 example", "可填代码 codes")
_NOTES: Final = (
    "每行一条记录；表头请勿改动，可删去选填的列，删去的列不改动已登记的内容，空单元格则清空它。",
    "One record a row. Keep the heading; of an optional column taken out, what is on record stays.",
    "An empty cell clears what is on record.",
    "先检查，后导入：上传后逐行给出结果，确认后才写入。单元格不能是公式。",
    "A file is checked first, row by row; it is written when you say so. No formulas.",
)
_FORMATS: Final = {Kind.TEXT: "@", Kind.DAY: "yyyy-mm-dd", Kind.INSTANT: "yyyy-mm-dd hh:mm"}
_REQUIRED_FILL: Final = PatternFill("solid", fgColor="FFF2CC")
_OPTIONAL_FILL: Final = PatternFill("solid", fgColor="E7E6E6")


@cache
def template_of(name: EntityName, kind: TableFormat, encoding: Encoding) -> bytes:
    """Return the template of an entity."""
    entity = ENTITIES[name]
    return _as_xlsx(entity) if kind == "xlsx" else _as_csv(entity, encoding)


def _written(entity: Entity) -> list[Column]:
    return [column for column in entity.columns if column.writable]


def _guide(entity: Entity, column: Column) -> tuple[str, str, str, str, str]:
    codes = "；".join(_choice(code, names) for code, names in column.codes.items())
    required = "必填 yes" if column.required else "选填 no"
    return column.header, required, column.rule, entity.example.get(column.name, column.example), codes


def _choice(code: str, names: tuple[str, str]) -> str:
    """Return a code with its names, as a cell may hold it."""
    return " ".join(part for part in (code, *names) if part)


def _as_csv(entity: Entity, encoding: Encoding) -> bytes:
    """Return a heading and, below, rows that an import passes over."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    columns = _written(entity)
    writer.writerow([column.header for column in columns])
    for note in _NOTES:
        writer.writerow([COMMENT + note])
    example = [entity.example.get(column.name, "") for column in columns]
    writer.writerow([f"{COMMENT}示例 example: {example[0]}", *example[1:]])
    for column in columns:
        first, *rest = _guide(entity, column)
        writer.writerow([COMMENT + first, *rest])
    return (codecs.BOM_UTF8 if encoding == "utf-8" else b"") + text.getvalue().encode(encoding)


def _as_xlsx(entity: Entity) -> bytes:
    book = Workbook()
    data: Any = book.active
    data.title = f"{entity.title[0]} {entity.title[1]}"
    guide, codes = book.create_sheet(_GUIDE), book.create_sheet(_CODES)
    columns = _written(entity)
    _fill_guide(guide, entity, columns)
    for place, column in enumerate(columns, 1):
        _lay_out(data, place, column)
        if column.codes:
            _offer(data, codes, place, column)
    data.freeze_panes = "A2"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _fill_guide(guide: Any, entity: Entity, columns: list[Column]) -> None:
    for note in _NOTES:
        guide.append([note])
    guide.append([])
    guide.append(_HEADINGS)
    for cell in guide[guide.max_row]:
        cell.font = Font(bold=True)
    for column in columns:
        guide.append(_guide(entity, column))
        for cell in guide[guide.max_row]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cell.number_format = "@"
    for place, width in enumerate((36, 14, 60, 28, 80), 1):
        guide.column_dimensions[get_column_letter(place)].width = width


def _lay_out(data: Any, place: int, column: Column) -> None:
    """Write a heading, and the format that keeps a program from changing what is typed below it."""
    letter = get_column_letter(place)
    data.column_dimensions[letter].width = max(14, 2 * len(column.zh))
    data.column_dimensions[letter].number_format = _FORMATS.get(column.kind, "General")
    cell = data.cell(1, place, column.header)
    cell.font = Font(bold=True)
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    cell.fill = _REQUIRED_FILL if column.required else _OPTIONAL_FILL


def _offer(data: Any, codes: Any, place: int, column: Column) -> None:
    """Let the cells of a column be chosen from its codes, which stand on a sheet of their own."""
    letter = get_column_letter(place)
    codes.cell(1, place, column.header).font = Font(bold=True)
    for row, (code, names) in enumerate(column.codes.items(), 2):
        codes.cell(row, place, _choice(code, names)).number_format = "@"
    offered = f"'{_CODES}'!${letter}$2:${letter}${len(column.codes) + 1}"
    choice = DataValidation(type="list", formula1=offered, allow_blank=True, showErrorMessage=True)
    choice.errorTitle, choice.error = "代码 code", "请从列表中选择 / choose from the list"
    choice.add(f"{letter}2:{letter}{MAX_ROWS + 1}")
    data.add_data_validation(choice)
