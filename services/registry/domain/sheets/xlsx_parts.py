"""Parts of an XLSX file that may be large, read piece by piece: nothing is kept that is not asked for."""

import zipfile
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from services.registry.domain.sheets.columns import Cell
from services.registry.domain.sheets.limits import MAX_CELL
from services.registry.domain.sheets.refusals import SheetRefused
from services.registry.domain.sheets.xlsx_book import Book

_PIECE: Final = 1 << 16

Row = tuple[int, list[Cell]]


class PartReader:
    """What expat calls; a subclass puts what is complete into `ready`."""

    def __init__(self) -> None:
        self.ready: list[Row] = []
        self._parts: list[str] = []
        self._taking = False
        self._size = 0

    def start(self, name: str, given: dict[str, str]) -> None:
        """Begin an element."""

    def end(self, name: str) -> None:
        """End an element."""

    def text(self, data: str) -> None:
        """Take the text of a value."""
        if self._taking:
            self._size += len(data)
            if self._size > MAX_CELL:
                raise SheetRefused("cell_too_long", "单元格过长", "a cell is too long")
            self._parts.append(data)

    def begin_text(self) -> None:
        """Forget the text taken so far."""
        self._parts.clear()
        self._size = 0


def parsed(archive: zipfile.ZipFile, name: str, reader: PartReader) -> Iterator[Row]:
    """Feed a part to a reader and yield what it has ready."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    with archive.open(name) as part:
        while data := part.read(_PIECE):
            parser.Parse(data, False)  # noqa: FBT003 - the parser's own argument
            yield from reader.ready
            reader.ready.clear()
        parser.Parse(b"", True)  # noqa: FBT003 - the same
        yield from reader.ready


def _refuse_doctype(*_: object) -> None:
    """Entities could be made to grow without end; ECMA-376 Part 1 §8.2 allows no declaration of them."""
    raise ValueError


class _StringsReader(PartReader):
    """Shared texts (§18.4): of each item the runs, without what tells how they are read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.strings: list[str] = []
        self._aside = False

    def start(self, name: str, given: dict[str, str]) -> None:  # noqa: ARG002 - the parser's signature
        kind = name.rpartition(":")[2]
        if kind == "si":
            self.begin_text()
        elif kind == "rPh":
            self._aside = True
        elif kind == "t":
            self._taking = not self._aside

    def end(self, name: str) -> None:
        kind = name.rpartition(":")[2]
        if kind == "si":
            self.strings.append("".join(self._parts))
        elif kind == "rPh":
            self._aside = False
        elif kind == "t":
            self._taking = False


def shared_strings(book: Book) -> list[str]:
    """Return the texts that cells of all sheets refer to by their places."""
    reader = _StringsReader()
    if book.strings is not None:
        for _ in parsed(book.archive, book.strings, reader):
            pass
    return reader.strings
