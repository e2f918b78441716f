"""Telephone numbers of mainland China."""

import re
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject

_COUNTRY: Final = re.compile(r"(?:\+|00)86")
_BEFORE_MOBILE: Final = re.compile("(?:0|86)(?=(?:1[3-9]|9[28])[0-9]{9}$)")
_MOBILE: Final = re.compile("1[3-9][0-9]{9}")
_RARE_MOBILE: Final = re.compile("9[28][0-9]{9}")
_LANDLINE: Final = re.compile("0(?:10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7}")
_SERVICE: Final = re.compile("[48]00[0-9]{7}|9[56][0-9]{3,4}|1[02][0-9]{3}")

_BAD_MOBILE: Final = Reason("phone.mobile", "手机号码格式不正确", "not a mobile number")
_BAD_PHONE: Final = Reason("phone.format", "电话号码格式不正确", "not a telephone number")
_RARE: Final = Reason("phone.rare_range", "少见的号段", "a rarely used number range")


def check_mobile(text: str) -> Check:
    """Check a mobile number, with or without +86, 0086, 86 or the trunk prefix 0; 11 digits come out."""
    number = _national(text)
    if number is None:
        return reject(TOO_LONG)
    if _MOBILE.fullmatch(number):
        return accept(number)
    return accept(number, _RARE) if _RARE_MOBILE.fullmatch(number) else reject(_BAD_MOBILE)


def check_phone(text: str) -> Check:
    """Check a mobile, landline (with area code) or service number; digits only in the canonical form."""
    mobile = check_mobile(text)
    number = _national(text)
    if mobile.valid or number is None:
        return mobile
    # After +86 a landline's area code stands without its zero.
    for candidate in (number, f"0{number}" if _COUNTRY.match(fold(text) or "") else number):
        if _LANDLINE.fullmatch(candidate) or _SERVICE.fullmatch(candidate):
            return accept(candidate)
    return reject(_BAD_PHONE)


def mask_phone(normalized: str) -> str:
    """Mask a valid number for display: the first three and the last two digits stay."""
    return f"{normalized[:3]}{'*' * max(len(normalized) - 5, 3)}{normalized[-2:]}"


def _national(text: str) -> str | None:
    folded = fold(text, also_drop="()")
    if folded is None:
        return None
    country = _COUNTRY.match(folded)
    return folded[country.end() :] if country else _BEFORE_MOBILE.sub("", folded, count=1)
