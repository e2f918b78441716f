"""Free text that goes on record for good must hold no identity number and no mobile number."""

import re
from typing import Final

from services.shared.standards.check import Reason
from services.shared.standards.id_number import check_id_number
from services.shared.standards.phone import check_mobile

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_BETWEEN: Final = re.compile("(?<=[0-9])[ \u00a0\u3000.\u2010-\u2014\u2212-]+(?=[0-9Xx])")
_RUN: Final = re.compile("[0-9]+[Xx]?")
_ID_LENGTHS: Final = (18, 15)
_MOBILE_LENGTH: Final = 11

PERSONAL_NUMBER: Final = Reason(
    "text.personal_number",
    "不得填写身份证号码或手机号码",
    "must not hold an identity number or a mobile number",
)


def holds_personal_number(text: str) -> bool:
    """Tell whether a text holds a valid identity number or a mobile number, also spaced or full-width."""
    folded = text.translate(_FULL_WIDTH)
    # Joined what is written in groups, and as it stands: joining may also run a number into its neighbour.
    runs = _RUN.findall(folded) + _RUN.findall(_BETWEEN.sub("", folded))
    return any(_is_personal(run) for run in runs)


def _is_personal(run: str) -> bool:
    numbers = {run[at : at + length] for length in _ID_LENGTHS for at in range(len(run) - length + 1)}
    if any(check_id_number(number).valid for number in numbers):
        return True
    digits = run.rstrip("Xx")
    return (
        len(digits) in {_MOBILE_LENGTH, _MOBILE_LENGTH + 2} and check_mobile(digits[-_MOBILE_LENGTH:]).valid
    )
