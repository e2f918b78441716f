"""Vehicle identification numbers (GB 16735-2019; `domain.md` §3.10)."""

import re
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject

_LENGTH: Final = 17
_FORM: Final = re.compile("[A-HJ-NPR-Z0-9]{17}")
_VALUES: Final = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True)) | {
    digit: int(digit) for digit in "0123456789"
}
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)

# 49 CFR 565.15 makes position 9 part of the number in North America (1 to 5); no country has 90 (ISO 3780).
_CHECK_DIGIT_DECIDES: Final = re.compile("[1-5]|90")

_BAD_LENGTH: Final = Reason("vin.length", "车辆识别代号应为17位", "a VIN has 17 characters")
_BAD_FORM: Final = Reason(
    "vin.format", "车辆识别代号不含I、O、Q等字符", "a VIN holds no I, O, Q or other characters"
)
_ODD_CHECK: Final = Reason(
    "vin.check_digit", "第9位校验位不符", "the check digit (position 9) does not match"
)


def vin_check_digit(vin: str) -> str:
    """Compute position 9 of a well-formed VIN of 17 characters."""
    total = sum(_VALUES[char] * weight for char, weight in zip(vin, _WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def check_vin(text: str, *, by_maker: bool = False) -> Check:
    """Check the form; a wrong check digit only warns, since real fleets hold some.

    With `by_maker` it refuses where the maker's country makes the check digit part of the number: in North
    America. In Europe there is none (ISO 3779); in China it is required, and fleets prove that it is not
    always right.
    """
    vin = fold(text)
    if vin is None:
        return reject(TOO_LONG)
    if len(vin) != _LENGTH:
        return reject(_BAD_LENGTH)
    if not _FORM.fullmatch(vin):
        return reject(_BAD_FORM)
    if vin_check_digit(vin) == vin[8]:
        return accept(vin)
    return reject(_ODD_CHECK) if by_maker and _CHECK_DIGIT_DECIDES.match(vin) else accept(vin, _ODD_CHECK)
