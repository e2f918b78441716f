"""What an uploaded file really is, by its content: PDF, JPEG or PNG, whole from the first byte to the last.

A name or a declared type proves nothing; a file that begins as one thing and ends as another (an archive or a
program behind a picture, or between its two ends) is refused. The structure is walked, not rendered: what a
valid segment or stream holds is not looked at.
"""

import re
import struct
from typing import Final

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
MEDIA_TYPES: Final = (PDF, JPEG, PNG)
MAX_BYTES: Final = 10 * 1024 * 1024

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER: Final = 8
_PNG_CHUNK: Final = 12
_JPEG_START: Final = b"\xff\xd8\xff"
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: they stand within a scan or before the first segment, never between two."""
_JPEG_MARKER: Final = re.compile(rb"\xff++([^\x00\xff])")
_JPEG_SCAN_END: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MAX_IMAGES: Final = 10
_MAX_PARTS: Final = 10_000
"""Segments or chunks of one file; no camera or scanner writes nearly as many."""
_PDF_TAIL: Final = 1024
_PDF_END: Final = re.compile(rb"startxref\s+([0-9]{1,10})\s+%%EOF\s*\Z")
_PDF_TABLE: Final = re.compile(rb"\s*+(?:xref\s|[0-9]{1,10}\s+[0-9]{1,5}\s+obj\b)")
_BLANK: Final = b"\x00\t\n\x0c\r "


def media_type_of(content: bytes) -> str | None:
    """Return the media type of a file that is wholly a PDF, a JPEG or a PNG; None of any other."""
    if content.startswith(b"%PDF-"):
        return PDF if _is_whole_pdf(content) else None
    if content.startswith(_JPEG_START):
        return JPEG if _are_whole_jpegs(content) else None
    if content.startswith(_PNG_SIGNATURE):
        return PNG if _is_whole_png(content) else None
    return None


def _is_whole_pdf(content: bytes) -> bool:
    """Tell whether the end of the file (ISO 32000-1 §7.5.5) leads to a cross-reference table or stream.

    Nothing but blanks stands behind the end-of-file mark.
    """
    end = _PDF_END.search(content.rstrip(_BLANK)[-_PDF_TAIL:])
    return end is not None and _PDF_TABLE.match(content, int(end[1])) is not None


def _are_whole_jpegs(content: bytes) -> bool:
    """Tell whether the file is one JPEG, or several one after the other as telephones write (CIPA DC-007)."""
    content, at = content.rstrip(b"\x00"), 0
    for _ in range(_MAX_IMAGES):
        end = _end_of_jpeg(content, at)
        if end is None or end == len(content):
            return end is not None
        at = content.find(_JPEG_START, end)
        if content[end:at].strip(b"\x00"):
            return False
    return False


def _end_of_jpeg(content: bytes, at: int) -> int | None:
    """Return where an image ends whose markers (ISO/IEC 10918-1 annex B) lead from SOI to EOI, or None."""
    if not content.startswith(_JPEG_START, at):
        return None
    at, kinds = at + 2, set[int]()
    for _ in range(_MAX_PARTS):
        marker = _JPEG_MARKER.match(content, at)
        if marker is None:
            return None
        kind, at = marker[1][0], marker.end()
        if kind == _JPEG_END:
            whole = _JPEG_SCAN in kinds and not kinds.isdisjoint(_JPEG_FRAMES)
            return at if whole else None
        if kind in _JPEG_BARE or len(content) < at + 2:
            return None
        kinds.add(kind)
        at += max(2, int.from_bytes(content[at : at + 2]))
        if kind == _JPEG_SCAN:
            data = _JPEG_SCAN_END.search(content, at)
            at = data.start() if data else len(content)
    return None


def _is_whole_png(content: bytes) -> bool:
    """Tell whether the chunks (ISO/IEC 15948 §5.3) lead from IHDR to IEND and the file ends there."""
    at, kinds = _PNG_HEADER, list[bytes]()
    while at + _PNG_CHUNK <= len(content) and len(kinds) < _MAX_PARTS:
        length: int
        kind: bytes
        length, kind = struct.unpack_from(">I4s", content, at)
        at += _PNG_CHUNK + length
        kinds.append(kind)
        if kind == b"IEND":
            return kinds[0] == b"IHDR" and at == len(content)
    return False
