"""CSV (RFC 4180) in UTF-8 with or without byte order mark, or in GB18030; told apart by the bytes."""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Final

from services.registry.domain.sheets.limits import MAX_CELL
from services.registry.domain.sheets.refusals import SheetRefused

_UTF8_MARK: Final = codecs.BOM_UTF8
_OTHER_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_PIECE: Final = 1 << 20
_MOSTLY: Final = 0.9
"""Share of the characters beyond ASCII from which an encoding is believed."""
_REPLACEMENT: Final = "\ufffd"


def encoding_of(content: bytes) -> str:
    """Return `utf-8-sig` or `gb18030`.

    UTF-8 with a few broken bytes is refused and not read as GB18030, in which its Chinese would become other
    Chinese; so is text that is GB18030 by its bytes alone and holds hardly a character of daily use. A few
    Chinese characters of GB18030 alone can be UTF-8 as well, as Greek or Cyrillic: Chinese is meant.

    Raises:
        SheetRefused: Neither, or not text at all.
    """
    if content.startswith(_OTHER_MARKS) or b"\x00" in content:
        raise SheetRefused(
            "encoding_other",
            "不是文本或编码为UTF-16；请另存为“CSV UTF-8”",
            "not text, or UTF-16; save it as CSV UTF-8",
        )
    marked = content.startswith(_UTF8_MARK)
    broken, foreign, far = _as_utf8(content)
    if broken == 0 and not (foreign and not far and not marked and _is_gb18030(content)):
        return "utf-8-sig"
    if broken and (marked or broken < (1 - _MOSTLY) * foreign):
        raise SheetRefused(
            "encoding_broken", f"UTF-8 编码有 {broken} 处损坏", f"the UTF-8 is broken in {broken} places"
        )
    if not _is_gb18030(content):
        raise SheetRefused(
            "encoding_unknown",
            "编码既不是UTF-8也不是GB18030；请另存为“CSV UTF-8”",
            "neither UTF-8 nor GB18030; save it as CSV UTF-8",
        )
    return "gb18030"


def _as_utf8(content: bytes) -> tuple[int, int, int]:
    """Return how many bytes are no UTF-8, how many characters are beyond ASCII, how many far."""
    broken = foreign = far = 0
    for text in _decoded(content, "utf-8", "replace"):
        broken += text.count(_REPLACEMENT)
        beyond = [char for char in text if char > "\x7f"] if not text.isascii() else []
        foreign += len(beyond)
        far += sum(1 for char in beyond if char > "\u07ff")
    return broken - content.count(_REPLACEMENT.encode()), foreign, far


def _is_gb18030(content: bytes) -> bool:
    foreign = usual = 0
    try:
        for text in _decoded(content, "gb18030", "strict"):
            beyond = [char for char in text if char > "\x7f"]
            foreign += len(beyond)
            usual += len("".join(beyond).encode("gb2312", "ignore")) // 2
    except UnicodeDecodeError:
        return False
    return usual >= _MOSTLY * foreign


def _decoded(content: bytes, encoding: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    for start in range(0, len(content), _PIECE):
        yield decoder.decode(content[start : start + _PIECE])
    yield decoder.decode(b"", final=True)


def csv_lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with its number, the first being 1.

    Raises:
        SheetRefused: The encoding, a quote that never ends, a cell beyond all measure.
    """
    csv.field_size_limit(MAX_CELL)
    text = io.TextIOWrapper(io.BytesIO(content), encoding_of(content), newline="")
    reader = csv.reader(text, strict=True)
    number = 0
    try:
        for number, record in enumerate(reader, 1):
            yield number, record
    except csv.Error as error:
        raise SheetRefused(
            "csv_malformed",
            f"第 {number + 1} 行不是合规的CSV（引号未闭合或单元格过长）",
            f"row {number + 1} is no CSV (a quote that does not end, or a cell too long)",
        ) from error
