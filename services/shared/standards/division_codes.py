"""Checking division codes: GB/T 2260 of 2, 4 or 6 digits, statistics codes of 9 (towns) or 12 (villages)."""

import re
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject
from services.shared.standards.divisions import PROVINCES, DivisionTable
from services.shared.standards.national import find_division

_FORM: Final = re.compile("[1-9][0-9](?:[0-9]{2}|[0-9]{4}|[0-9]{7}|[0-9]{10})?")
_COUNTY_DIGITS: Final = 6
_PROVINCE_DIGITS: Final = 2

_BAD_FORM: Final = Reason(
    "division.format", "行政区划代码应为2、4、6、9或12位数字", "a division code has 2, 4, 6, 9 or 12 digits"
)
_BAD_PROVINCE: Final = Reason("division.province", "省级代码不存在", "no province has this code")
_NEVER: Final = Reason("division.unknown_in_city", "本市从未使用过该代码", "the city has never had this code")
_UNKNOWN: Final = Reason(
    "division.unknown",
    "全国行政区划代码表（GB/T 2260）中没有该代码，可能为统计用区划或新设区划",
    "not in the national table (GB/T 2260): perhaps a statistical area, or newer than the table",
)
_ENDED: Final = Reason("division.historic", "历史代码，现已停用", "a historic code, no longer in force")


def check_division(text: str, city: DivisionTable | None = None) -> Check:
    """Check a division code: form and province decide, and in the city itself its own table.

    A historic code is valid and warns, with the city's successor where there is one. Elsewhere a code that
    the national table does not have only warns, since that table is never quite complete.
    """
    code = fold(text)
    if code is None:
        return reject(TOO_LONG)
    if not _FORM.fullmatch(code):
        return reject(_BAD_FORM)
    if code[:2] not in PROVINCES:
        return reject(_BAD_PROVINCE)
    county = code[:_COUNTY_DIGITS].ljust(_COUNTY_DIGITS, "0")
    if city is not None and len(code) > _PROVINCE_DIGITS and city.in_city(county):
        return _check_in_city(code, county, city)
    known = find_division(county)
    if known is None:
        return accept(code, _UNKNOWN)
    return accept(code) if known.in_force else accept(code, _ENDED)


def _check_in_city(code: str, county: str, city: DivisionTable) -> Check:
    if not city.ever(county):
        return reject(_NEVER)
    successor = city.current(county)
    if successor == county:
        return accept(code)
    if successor is None:
        return accept(code, _ENDED)
    name = city.name(successor) or ""
    return accept(
        code,
        Reason(
            _ENDED.code,
            f"历史代码，现为{successor}（{name}）",
            f"a historic code, now {successor} ({name})",
        ),
    )
