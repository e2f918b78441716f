"""What a code list is: codes in Chinese and English, where they come from and where they stand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Code = str | int
Names = tuple[str, str]
"""Chinese and English."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One code."""

    code: Code
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list.

    Attributes:
        name: In addresses.
        zh: Title in Chinese.
        en: Title in English.
        source: Standard and clause, or who decided.
        fields: Members of requests and answers that hold its codes.
        items: In the order people expect.
    """

    name: str
    zh: str
    en: str
    source: str
    fields: tuple[str, ...]
    items: tuple[Entry, ...]


PLATFORM: Final = "平台自定义 / the platform's own"


def code_list(
    name: str, zh: str, en: str, source: str, fields: Iterable[str], codes: Mapping[Any, Names]
) -> CodeList:
    """Make a list of a mapping from code to both names; an enumeration's members become their values."""
    items = tuple(Entry(_plain(code), *names) for code, names in codes.items())
    return CodeList(name, zh, en, source, tuple(fields), items)


def as_texts(codes: Mapping[Any, Names]) -> dict[str, Names]:
    """Return a mapping with its codes as a file has them."""
    return {str(_plain(code)): names for code, names in codes.items()}


def _plain(code: Code) -> Code:
    return int(code) if isinstance(code, int) else str(code)
