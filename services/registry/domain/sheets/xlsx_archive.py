"""The archive of an XLSX file: looked over before anything is read, since it may be made to do harm."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError
from xml.parsers import expat

from defusedxml.ElementTree import fromstring

from services.registry.domain.sheets.refusals import SheetRefused

SIGNATURE: Final = b"PK\x03\x04"

_ENCRYPTED: Final = 1
_MAX_MEMBERS: Final = 200
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
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    ParseError,
    EOFError,
    LookupError,
    NotImplementedError,  # zipfile's word for a compression or a format version it does not know
    OverflowError,
    ValueError,
)
"""What reading a damaged archive or part fails with; defusedxml's refusals are values at fault, too."""


def open_archive(content: bytes) -> zipfile.ZipFile:
    """Return the archive after a look at its directory.

    Raises:
        SheetRefused: No archive, encrypted, too large when unpacked, with macros or links to elsewhere.
    """
    with damage_refused():
        archive = zipfile.ZipFile(io.BytesIO(content))
    members = archive.infolist()
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
    return archive


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    name = member.filename.casefold()
    if member.file_size > _RATIO_FROM and member.file_size > _MAX_RATIO * max(member.compress_size, 1):
        return True
    if "/worksheets/" in name or "/media/" in name:
        return False
    return member.file_size > (_MAX_STRINGS if name.endswith("sharedstrings.xml") else _MAX_PART)


def _unreadable() -> SheetRefused:
    return SheetRefused("file_unreadable", "不是可读取的 XLSX 文件", "not an XLSX file that can be read")


@contextmanager
def damage_refused() -> Iterator[None]:
    """Turn what a damaged file makes its readers fail with into a refusal."""
    try:
        yield
    except SheetRefused:
        raise
    except expat.ExpatError as error:
        if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
            raise MemoryError from error
        raise _unreadable() from error
    except _DAMAGED as error:
        raise _unreadable() from error


def part(archive: zipfile.ZipFile, name: str) -> Element:
    """Return a small part as a tree; one with a document type declaration is refused."""
    found: Element = fromstring(archive.read(name), forbid_dtd=True)
    return found


def local(name: str) -> str:
    """Return an element's or attribute's name without its namespace, of which there are two editions."""
    return name.rpartition("}")[2].rpartition(":")[2]


def under(element: Element, *path: str) -> list[Element]:
    """Return the descendants on a path of names."""
    found = [element]
    for step in path:
        found = [child for each in found for child in each if local(child.tag) == step]
    return found


def attributes(element: Element) -> dict[str, Any]:
    """Return the attributes by their names without namespace."""
    return {local(name): value for name, value in element.attrib.items()}
