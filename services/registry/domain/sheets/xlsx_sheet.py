"""The rows of an XLSX sheet, read as they come: nothing of it is kept, no formula is looked at or run."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Final

from openpyxl.utils.datetime import from_excel

from services.registry.domain.sheets.columns import Cell
from services.registry.domain.sheets.limits import MAX_COLUMNS, MAX_LINES
from services.registry.domain.sheets.refusals import SheetRefused
from services.registry.domain.sheets.xlsx_archive import damage_refused
from services.registry.domain.sheets.xlsx_book import Book, open_book
from services.registry.domain.sheets.xlsx_parts import PartReader, Row, parsed, shared_strings

HELP_SHEETS: Final = ("填表说明 guide", "代码 codes")
"""Sheets of our own template beside the data."""

_MAX_SHEETS: Final = 10
_FORMULA: Final = "="
"""What a cell with a formula is handed over as."""
_FAR: Final = MAX_COLUMNS + 1
_VALUE_TAGS: Final = frozenset({"v", "t"})


class XlsxRows:
    """The rows of the one sheet with data, to be read once."""

    def __init__(self, content: bytes) -> None:
        """Open the file.

        Raises:
            SheetRefused: As `open_book`; no sheet or several with data; damaged.
        """
        with damage_refused():
            book = open_book(content)
            sheets = [target for name, target in book.sheets if name not in HELP_SHEETS]
            _check_sheets(book, sheets)
            strings = shared_strings(book)
        self._reader = _SheetReader(book, strings)
        self._rows = parsed(book.archive, sheets[0], self._reader)

    @property
    def stated(self) -> int:
        """How many rows the file says it has; known once the first row has been read."""
        return self._reader.stated

    def __iter__(self) -> Iterator[Row]:
        """Yield each row that the file has, with its number.

        Raises:
            SheetRefused: Damaged, or more than can be taken.
            MemoryError: It needs more memory than this process may take.
        """
        while True:
            with damage_refused():
                row = next(self._rows, None)
            if row is None:
                return
            yield row


def _check_sheets(book: Book, sheets: Sequence[str]) -> None:
    if len(book.sheets) > _MAX_SHEETS:
        raise SheetRefused("xlsx_sheets", f"工作表超过 {_MAX_SHEETS} 个", f"more than {_MAX_SHEETS} sheets")
    if not sheets:
        raise SheetRefused("xlsx_sheets", "没有数据工作表", "no sheet of data")
    for sheet in sheets[1:]:
        # The texts of these do not matter, only whether there are any.
        rows = parsed(book.archive, sheet, _SheetReader(book, None))
        if any(cell is not None for _, cells in rows for cell in cells):
            raise SheetRefused(
                "xlsx_sheets",
                "数据只能放在第一个工作表，请清空其他工作表",
                "data stand on the first sheet only; empty the others",
            )


class _SheetReader(PartReader):
    """Cells of a sheet (§18.3.1.4) by row."""

    def __init__(self, book: Book, strings: Sequence[str] | None) -> None:
        super().__init__()
        self.stated = 0
        self._book, self._strings, self._dates = book, strings, book.date_styles
        self._row, self._cells, self._inside = 0, list[Cell](), False
        self._column, self._kind, self._style = 0, "n", ""
        self._formula = False

    def start(self, name: str, given: dict[str, str]) -> None:
        kind = name.rpartition(":")[2] if ":" in name else name
        if not self._inside:
            self._start_outside(kind, given)
        elif kind == "c":
            self._column = _column(given["r"]) if "r" in given else self._column + 1
            self._kind, self._style, self._formula = given.get("t", "n"), given.get("s", ""), False
            self.begin_text()
        elif kind in _VALUE_TAGS:
            self._taking = True
        elif kind == "f":
            self._formula = True

    def _start_outside(self, kind: str, given: dict[str, str]) -> None:
        if kind == "row":
            self._begin_row(given.get("r"))
        elif kind == "dimension":
            self.stated = _last_row(given.get("ref", ""))

    def end(self, name: str) -> None:
        kind = name.rpartition(":")[2] if ":" in name else name
        if not self._inside:
            return
        if kind == "c":
            self._put(_FORMULA if self._formula else self._value())
        elif kind in _VALUE_TAGS:
            self._taking = False
        elif kind == "row":
            self._inside = False
            self.ready.append((self._row, self._cells))

    def _begin_row(self, given: str | None) -> None:
        number = int(given) if given else self._row + 1
        if number <= self._row:
            raise ValueError(number)
        if number > MAX_LINES:
            raise SheetRefused("too_many_rows", f"超过 {MAX_LINES} 行", f"more than {MAX_LINES} rows")
        self._row, self._cells, self._column, self._inside = number, [], 0, True

    def _put(self, value: Cell) -> None:
        place = min(self._column, _FAR)
        if value is not None:
            self._cells += [None] * (place - len(self._cells))
            self._cells[place - 1] = value

    def _value(self) -> Cell:
        if not self._parts:
            return None
        text = "".join(self._parts)
        if self._strings is None:
            return text
        return _CONVERTERS.get(self._kind, _SheetReader._plain)(self, text)

    def _plain(self, text: str) -> Cell:
        return text

    def _number(self, text: str) -> Cell:
        number = float(text) if "." in text or "e" in text or "E" in text else int(text)
        if not self._style or int(self._style) not in self._dates:
            return number
        try:
            moment = from_excel(number, self._book.epoch)
        except (OverflowError, ValueError):
            return text
        # A time of day or a duration is no value of ours.
        return moment if isinstance(moment, datetime | date) else text

    def _shared(self, text: str) -> Cell:
        return self._strings[int(text)] if self._strings else text

    def _iso(self, text: str) -> Cell:
        return datetime.fromisoformat(text).replace(tzinfo=None)


_CONVERTERS: Final[dict[str, Callable[[_SheetReader, str], Cell]]] = {
    "n": _SheetReader._number,  # noqa: SLF001 - the class's own
    "s": _SheetReader._shared,  # noqa: SLF001 - the same
    "b": lambda _reader, text: text.strip() == "1",
    "d": _SheetReader._iso,  # noqa: SLF001 - the same
}


def _column(reference: str) -> int:
    """Return the number of a cell's column, `A1` being of the first."""
    number = 0
    for char in reference:
        if not "A" <= char <= "Z":
            break
        number = number * 26 + ord(char) - 64
    if number == 0:
        raise ValueError(reference)
    return number


def _last_row(reference: str) -> int:
    digits = "".join(char for char in reference.rpartition(":")[2] if char.isdigit())
    return int(digits[:8] or 0)
