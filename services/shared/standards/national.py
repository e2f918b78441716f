"""The national table of division codes that python-stdnum carries: GB/T 2260 with years since about 1980."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from stdnum import numdb

_SPANS: Final = re.compile(r"(?:\[(?:\d{4})?-(?P<last>\d{4})?\])?(?P<name>[^,\[\]]+)")


@dataclass(frozen=True, slots=True)
class NationalDivision:
    """What the table says of a code: its latest name, and whether it is in force."""

    name: str
    in_force: bool


@cache
def _table() -> Any:
    """The table, read from the package at first use."""
    return numdb.get("cn/loc")


def find_division(code: str) -> NationalDivision | None:
    """Return what is known of a code of six digits, or None.

    Statistics-only areas (development zones, 71 to 79 at the end) are not in the table.
    """
    spans = next((found["county"] for _, found in _table().info(code) if "county" in found), None)
    if spans is None:
        return None
    versions = list(_SPANS.finditer(spans))
    open_ones = [version for version in versions if version["last"] is None]
    return NationalDivision((open_ones or versions)[-1]["name"], in_force=bool(open_ones))
