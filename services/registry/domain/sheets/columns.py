"""Columns of a table and how a cell becomes the value that the API's own schema takes.

A reader hands over what the file holds (text, number, date); the result is a JSON value, so that a row is
checked by the very schema a request body is.
"""

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum
from typing import Any, Final

from services.registry.domain.sheets.formulas import is_formula, original
from services.shared.standards.check import Reason

Cell = str | int | float | bool | date | datetime | None
"""What a file can hold; anything else a reader hands over as the text of a formula."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DAY = "day"
    INSTANT = "instant"
    LIST = "list"


class CellRefused(ValueError):
    """A cell that cannot be read, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called in a file, what it holds and what a clerk must know.

    Attributes:
        name: The field of the API.
        zh: Its Chinese name, with the unit.
        kind: What it holds.
        required: Whether a row without it is refused.
        codes: Code → Chinese and English name, where only codes are allowed.
        rule: What else holds, Chinese and English.
        example: A value that would be taken.
        writable: Whether an import takes it; otherwise an export shows it and an import passes it over.
    """

    name: str
    zh: str
    kind: Kind
    required: bool = False
    codes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    rule: str = ""
    example: str = ""
    writable: bool = True
    meanings: Mapping[str, Sequence[str]] = field(init=False, repr=False, compare=False)
    """What a cell may say, folded → the codes it means: a code, or a name, which several may share."""

    def __post_init__(self) -> None:
        """Turn the codes round."""
        meant: dict[str, list[str]] = defaultdict(list)
        for code, names in self.codes.items():
            for name in {_folded(name) for name in names if name}:
                meant[name].append(code)
        by_code = {_folded(code): [code] for code in self.codes}
        object.__setattr__(self, "meanings", {**meant, **by_code})

    @property
    def header(self) -> str:
        """The heading in templates and exports; either half alone is known as well."""
        return f"{self.zh} {self.name}"


_FORMULA: Final = Reason(
    "formula", "单元格不能是公式，也不能以 = + - @ 开头", "no formulas, and no cell beginning with = + - @"
)
_NOT_INTEGER: Final = Reason("int_parsing", "须为整数", "must be an integer")
_NOT_NUMBER: Final = Reason("float_parsing", "须为数值", "must be a number")
_NOT_BOOLEAN: Final = Reason("bool_parsing", "须为是或否", "must be yes or no")
_NOT_DAY: Final = Reason("date_parsing", "须为日期，如 2026-01-31", "must be a date, as 2026-01-31")
_NOT_INSTANT: Final = Reason(
    "datetime_invalid", "须为时间，如 2026-01-31 08:30", "must be a time, as 2026-01-31 08:30"
)
_NUMBER_FOR_TEXT: Final = Reason(
    "number_for_text",
    "表格程序已把此列改成数值，请将单元格格式设为文本后重填",
    "the spreadsheet has turned this into a number; set the cells to text and enter it again",
)
_DATE_FOR_TEXT: Final = Reason("date_for_text", "须为文本，不是日期", "must be a text, not a date")
_ERROR: Final = Reason("cell_error", "单元格是表格程序的错误值", "the cell holds a spreadsheet's error")

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,3})?")
_DAY: Final = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")
_TIME_OF_DAY: Final = re.compile(r"[T ]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?")
_OFFSET: Final = re.compile(r".*[0-9](?:[Zz]|[+-][0-9]{2}:?[0-9]{2})")
_DIVIDERS: Final = re.compile(r"\s*[;；,，、]\s*")
_ERRORS: Final = re.compile(r"#(?:REF|N/A|NAME|VALUE|DIV/0|NUM|NULL|SPILL|CALC)[!?]?")
_EXACT: Final = 10**15
"""Spreadsheets keep fifteen digits of a number; a longer one has lost its end."""
_BOOLEANS: Final = {"true": True, "是": True, "y": True, "yes": True, "1": True} | {
    "false": False,
    "否": False,
    "n": False,
    "no": False,
    "0": False,
}


def read_cell(column: Column, cell: Cell, zone: tzinfo) -> Any:
    """Return the JSON value of a cell; None of an empty one; a list's items are divided by semicolons.

    Args:
        column: Where it stands.
        cell: What the file holds there.
        zone: The city's, in which times without an offset are meant.

    Raises:
        CellRefused: It cannot be read as what the column holds.
    """
    if isinstance(cell, str):
        if is_formula(cell) or is_formula(cell.strip()):
            raise CellRefused(_FORMULA)
        cell = original(cell.strip())
        if not cell:
            return None
        if _ERRORS.fullmatch(cell):
            raise CellRefused(_ERROR)
    if cell is None:
        return None
    if column.kind is Kind.LIST:
        return [_code(column, part) for part in _DIVIDERS.split(_text(cell, zone)) if part]
    if column.codes and not isinstance(cell, date):
        cell = _code(column, cell)
    return _READERS[column.kind](cell, zone)


def _code(column: Column, cell: str | float) -> str:
    """Return the code a cell means: written itself or by a name, alone or with what the template adds."""
    text = _text(cell, UTC).strip()
    folded = _folded(text)
    for said in (folded, folded.split(maxsplit=1)[0]):
        meant = column.meanings.get(said, ())
        if len(meant) > 1:
            codes = "、".join(meant)
            raise CellRefused(
                Reason("ambiguous", f"此名称对应多个代码，请填代码：{codes}", f"means one of {codes}")
            )
        if meant:
            return meant[0]
    return text


def _folded(text: str) -> str:
    """Return a text as it is compared: full-width forms and capitals make no difference."""
    return unicodedata.normalize("NFKC", text).casefold()


def _text(cell: Cell, _zone: tzinfo) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, date):
        raise CellRefused(_DATE_FOR_TEXT)
    if cell is None or isinstance(cell, bool) or not _is_whole(cell) or abs(cell) >= _EXACT:
        raise CellRefused(_NUMBER_FOR_TEXT)
    return str(int(cell))


def _is_whole(number: float) -> bool:
    return math.isfinite(number) and number == int(number)


def _integer(cell: Cell, _zone: tzinfo) -> int:
    if isinstance(cell, str) and _INTEGER.fullmatch(cell):
        return int(cell)
    if isinstance(cell, int | float) and not isinstance(cell, bool) and _is_whole(cell):
        return int(cell)
    raise CellRefused(_NOT_INTEGER)


def _number(cell: Cell, _zone: tzinfo) -> int | float:
    if isinstance(cell, str) and _DECIMAL.fullmatch(cell):
        return float(cell)
    if isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell):
        return cell
    raise CellRefused(_NOT_NUMBER)


def _boolean(cell: Cell, _zone: tzinfo) -> bool:
    if isinstance(cell, bool):
        return cell
    found = _BOOLEANS.get(str(cell).casefold())
    if found is None:
        raise CellRefused(_NOT_BOOLEAN)
    return found


def _day(cell: Cell, _zone: tzinfo) -> str:
    if isinstance(cell, datetime):
        if cell.time() != datetime.min.time():
            raise CellRefused(_NOT_DAY)
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return _as_day(str(cell), _NOT_DAY).isoformat()


def _as_day(text: str, reason: Reason) -> date:
    found = _DAY.fullmatch(text)
    if not found:
        raise CellRefused(reason)
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError as error:
        raise CellRefused(reason) from error


def _instant(cell: Cell, zone: tzinfo) -> str:
    """Return an RFC 3339 text; the schema reads one with an offset itself."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=zone).isoformat()
    if isinstance(cell, date):
        return datetime.combine(cell, datetime.min.time(), zone).isoformat()
    text = str(cell)
    if _OFFSET.fullmatch(text):
        return text
    head = _DAY.match(text)
    day = _as_day(head[0] if head else "", _NOT_INSTANT)
    rest = text[len(head[0]) :] if head else ""
    clock = _TIME_OF_DAY.fullmatch(rest)
    if rest and not clock:
        raise CellRefused(_NOT_INSTANT)
    hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
    try:
        return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone).isoformat()
    except ValueError as error:
        raise CellRefused(_NOT_INSTANT) from error


_READERS: Final = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.DAY: _day,
    Kind.INSTANT: _instant,
}
