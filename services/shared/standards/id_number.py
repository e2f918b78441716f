"""Citizen identity numbers (GB 11643-1999; `domain.md` §3.9). Personal: never log a number."""

import re
from datetime import date
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject
from services.shared.standards.divisions import PROVINCES, DivisionTable
from services.shared.standards.national import find_division

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_NEW: Final = re.compile("[0-9]{17}[0-9X]")
_OLD: Final = re.compile("[0-9]{15}")
_RESIDENCE_PERMITS: Final = frozenset({"810000", "820000", "830000"})
_EARLIEST_YEAR: Final = 1850

_BAD_FORM: Final = Reason(
    "id_number.format",
    "应为18位（末位可为X）或15位旧号码",
    "must be 18 characters (the last may be X) or the old 15 digits",
)
_BAD_CHECK: Final = Reason("id_number.check_character", "校验码不正确", "the check character is wrong")
_BAD_BIRTH: Final = Reason("id_number.birth_date", "出生日期无效", "the birth date does not exist")
_BAD_REGION: Final = Reason("id_number.region", "地区代码无效", "the region code does not exist")
_OLD_FORM: Final = Reason(
    "id_number.old_form", "15位旧号码，已换算为18位", "old form of 15 digits, converted to 18 characters"
)
_HISTORIC: Final = Reason("id_number.historic_region", "地区代码为历史代码", "the region code is historic")
_NOT_IN_CITY: Final = Reason(
    "id_number.unknown_region", "本市没有该区县代码", "the city has no county with this code"
)
_ODD_REGION: Final = Reason(
    "id_number.unknown_region", "全国行政区划代码表中没有该代码", "the national table has no such region code"
)


def id_check_character(body: str) -> str:
    """Compute the 18th character for the first 17 digits (ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


def check_id_number(text: str, *, today: date | None = None, divisions: DivisionTable | None = None) -> Check:
    """Check a number of 18 characters or of the old 15 digits (upgraded, with a warning).

    `today` refuses birth dates after it. `divisions` adds warnings for the city's own counties: a historic
    code or one that never was. Elsewhere the province decides, because counties come and go, and a county
    that the national table does not have warns.
    """
    number = fold(text)
    if number is None:
        return reject(TOO_LONG)
    warnings: tuple[Reason, ...] = ()
    if _OLD.fullmatch(number):
        body = f"{number[:6]}19{number[6:]}"
        number, warnings = body + id_check_character(body), (_OLD_FORM,)
    elif not _NEW.fullmatch(number):
        return reject(_BAD_FORM)
    reasons = _reasons(number, today)
    return (
        reject(*reasons) if reasons else accept(number, *warnings, *_region_warnings(number[:6], divisions))
    )


def mask_id_number(normalized: str) -> str:
    """Mask a valid number for display: the region's first three digits and the last two stay."""
    return f"{normalized[:3]}{'*' * (len(normalized) - 5)}{normalized[-2:]}"


def _reasons(number: str, today: date | None) -> list[Reason]:
    reasons = []
    if not _is_region(number[:6]):
        reasons.append(_BAD_REGION)
    birth = _birth_date(number[6:14])
    if birth is None or (today is not None and birth > today):
        reasons.append(_BAD_BIRTH)
    if id_check_character(number[:17]) != number[17]:
        reasons.append(_BAD_CHECK)
    return reasons


def _is_region(code: str) -> bool:
    return code in _RESIDENCE_PERMITS or code[:2] in PROVINCES or _is_foreigners(code)


def _is_foreigners(code: str) -> bool:
    """Tell a foreigner's permanent residence number: 9, the province, three digits of the country."""
    return code[0] == "9" and code[1:3] in PROVINCES


def _birth_date(digits: str) -> date | None:
    try:
        birth = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
    return birth if birth.year >= _EARLIEST_YEAR else None


def _region_warnings(code: str, divisions: DivisionTable | None) -> tuple[Reason, ...]:
    if code in _RESIDENCE_PERMITS or _is_foreigners(code):
        return ()
    if divisions is None or not divisions.in_city(code):
        return () if find_division(code) else (_ODD_REGION,)
    if not divisions.ever(code):
        return (_NOT_IN_CITY,)
    return () if divisions.current(code) == code else (_HISTORIC,)
