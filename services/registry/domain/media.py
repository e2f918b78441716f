"""What an uploaded file really is, by its content: PDF, JPEG or PNG, whole from the first byte to the last.

A name or a declared type proves nothing; a file that begins as one thing and ends as another (an archive or a
program behind a picture) is refused.
"""

import struct
from typing import Final

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
MEDIA_TYPES: Final = (PDF, JPEG, PNG)
MAX_BYTES: Final = 10 * 1024 * 1024

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER: Final = 8
_PNG_CHUNK: Final = 12
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_PDF_TAIL: Final = 1024
_BLANK: Final = b"\x00\t\n\x0c\r "


def media_type_of(content: bytes) -> str | None:
    """Return the media type of a file that is wholly a PDF, a JPEG or a PNG; None of any other."""
    if content.startswith(b"%PDF-"):
        return PDF if _is_whole_pdf(content) else None
    if content.startswith(_JPEG_START):
        return JPEG if content.rstrip(b"\x00").endswith(_JPEG_END) else None
    if content.startswith(_PNG_SIGNATURE):
        return PNG if _is_whole_png(content) else None
    return None


def _is_whole_pdf(content: bytes) -> bool:
    """Tell whether the end-of-file mark (ISO 32000-1 §7.5.5) is there with nothing but blanks behind it."""
    _, mark, rest = content[-_PDF_TAIL:].rpartition(b"%%EOF")
    return bool(mark) and not rest.strip(_BLANK)


def _is_whole_png(content: bytes) -> bool:
    """Tell whether the chunks (ISO/IEC 15948 §5.3) lead from IHDR to IEND and the file ends there."""
    at, kinds = _PNG_HEADER, list[bytes]()
    while at + _PNG_CHUNK <= len(content):
        length: int
        kind: bytes
        length, kind = struct.unpack_from(">I4s", content, at)
        at += _PNG_CHUNK + length
        kinds.append(kind)
        if kind == b"IEND":
            return kinds[0] == b"IHDR" and at == len(content)
    return False
