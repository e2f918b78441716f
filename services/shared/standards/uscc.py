"""Unified social credit codes (GB 32100-2015; `domain.md` §3.8)."""

import re
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject
from services.shared.standards.divisions import PROVINCES

ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LENGTH: Final = 18
_WEIGHTS: Final = tuple(pow(3, index, 31) for index in range(17))
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
# Registering department: digits, N (rural collectives) and Y (other); category and region are digits.
_FORM: Final = re.compile(rf"[1-9NY][1-9][0-9]{{6}}[{ALPHABET}]{{10}}")

_BAD_LENGTH: Final = Reason("uscc.length", "统一社会信用代码应为18位", "the code has 18 characters")
_BAD_FORM: Final = Reason(
    "uscc.format",
    "统一社会信用代码格式不正确（不含I、O、S、V、Z；第2至8位为数字）",
    "wrong format (no I, O, S, V, Z; characters 2 to 8 are digits)",
)
_BAD_CHECK: Final = Reason("uscc.check_character", "校验码不正确", "the check character is wrong")
_ODD_ORGANISATION: Final = Reason(
    "uscc.organisation_code",
    "第9至17位组织机构代码的校验码不符（GB 11714）",
    "the organisation code (9 to 17) fails its own check (GB 11714)",
)
_ODD_REGION: Final = Reason("uscc.region", "登记机关行政区划代码未知", "unknown region code")


def uscc_check_character(body: str) -> str:
    """Compute the 18th character for the first 17, which must all be in ALPHABET."""
    total = sum(ALPHABET.index(char) * weight for char, weight in zip(body, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def organisation_check_character(body: str) -> str:
    """Compute the ninth character of an organisation code for its first eight (GB 11714)."""
    total = sum(int(char, 36) * weight for char, weight in zip(body, _ORGANISATION_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def check_uscc(text: str) -> Check:
    """Check form and check character; the organisation code's own check and the region only warn."""
    code = fold(text)
    if code is None:
        return reject(TOO_LONG)
    if len(code) != _LENGTH:
        return reject(_BAD_LENGTH)
    if not _FORM.fullmatch(code):
        return reject(_BAD_FORM)
    if uscc_check_character(code[:17]) != code[17]:
        return reject(_BAD_CHECK)
    warnings = []
    if organisation_check_character(code[8:16]) != code[16]:
        warnings.append(_ODD_ORGANISATION)
    if code[2:4] not in PROVINCES and code[2:8] != "100000":
        warnings.append(_ODD_REGION)
    return accept(code, *warnings)
