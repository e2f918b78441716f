"""Cells that a spreadsheet program would run: refused on the way in, neutralised on the way out.

OWASP, CSV Injection: a cell beginning with `=`, `+`, `-`, `@`, tab or carriage return can be taken for a
formula; Chinese and Japanese editions also take the full-width signs. An apostrophe in front makes it text.
One apostrophe is added to whatever has any number of them before such a sign, and one is taken away on
reading, so that every text comes back as it was.
"""

import re
from typing import Final

SIGNS: Final = "=+\\-@\t\r＝＋－＠"
_DANGEROUS: Final = re.compile(f"[{SIGNS}]")
_ESCAPABLE: Final = re.compile(f"'*[{SIGNS}]")
_ESCAPED: Final = re.compile(f"'+[{SIGNS}]")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

SQL_PATTERN: Final = f"^'*[{SIGNS}]"
"""The same for PostgreSQL's `~`: texts that get an apostrophe."""


def is_formula(text: str) -> bool:
    """Tell whether a program could run this text; a plain number it could not."""
    return _DANGEROUS.match(text) is not None and not _NUMBER.fullmatch(text.strip())


def neutral(text: str) -> str:
    """Return the text with an apostrophe in front where it could be run."""
    return f"'{text}" if _ESCAPABLE.match(text) else text


def original(text: str) -> str:
    """Return what `neutral` was given."""
    return text[1:] if _ESCAPED.match(text) else text
