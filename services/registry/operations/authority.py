"""Asking the authority about a vehicle or a firm, with no transaction open while it answers."""

import unicodedata
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from services.registry.clients import AuthorityFault, Logink
from services.registry.domain.authority import Finding, Outcome
from services.registry.errors import AuthorityNotConfigured
from services.shared.logs import get_log
from services.shared.standards.plates import PlateColor

_PLATE_TYPES: Final = {PlateColor.BLUE: "1", PlateColor.YELLOW: "2"}
"""Plate colour → the gateway's own code (`domain.md` §2.2 b); it has no others."""
_OTHER_COLOR: Final = "该接口仅支持蓝牌和黄牌 / this interface knows blue and yellow plates only"
_FAULTS: Final = {
    "no-answer": "未应答 / no answer",
    "answer-form": "应答格式无法识别 / the answer cannot be read",
    "answer-size": "应答过大 / the answer is too large",
    "no-uscc": "对方记录没有统一社会信用代码 / the record there has no USCC",
    "refused": "请求被拒绝 / the request was refused",
}
_OTHER_FAULT: Final = "应答状态异常 / an answer of another status"


async def ask_about_vehicle(
    authority: Logink | None, plate_number: str, plate_color: int, now: datetime
) -> Finding:
    """Ask whether the national platform knows a vehicle by its plate.

    Call it with no transaction open: the answer takes up to ten seconds.

    Raises:
        AuthorityNotConfigured: There are no credentials.
    """
    if authority is None:
        raise AuthorityNotConfigured
    plate_type = _PLATE_TYPES.get(PlateColor(plate_color))
    if plate_type is None:
        return Finding(Outcome.UNAVAILABLE, now, detail=_OTHER_COLOR)
    ask = authority.vehicle_exists
    return await _finding("vehicle", lambda: ask(plate_number, plate_type), now)


async def ask_about_enterprise(authority: Logink | None, name: str, uscc: str, now: datetime) -> Finding:
    """Ask whether the national platform knows a firm by this name and USCC.

    Call it with no transaction open: the answer takes up to ten seconds.

    Raises:
        AuthorityNotConfigured: There are no credentials.
    """
    if authority is None:
        raise AuthorityNotConfigured
    find = authority.find_firms

    async def known() -> tuple[bool, str]:
        firms, reference = await find(name, f"{uscc[2:4]}0000")
        namesakes = [firm for firm in firms if _plain(firm.enterpriseName) == _plain(name)]
        if any(firm.unifiedSocialCreditIdentifier == uscc for firm in namesakes):
            return True, reference
        if any(firm.unifiedSocialCreditIdentifier is None for firm in namesakes):
            raise AuthorityFault("no-uscc", reference)
        return False, reference

    return await _finding("enterprise", known, now)


def _plain(name: str) -> str:
    """A name without what differs only in writing: width of brackets and letters, blanks, case."""
    return "".join(unicodedata.normalize("NFKC", name).upper().split())


async def _finding(subject: str, ask: Callable[[], Awaitable[tuple[bool, str]]], now: datetime) -> Finding:
    log = get_log("authority")
    try:
        known, reference = await ask()
    except AuthorityFault as fault:
        log.warning("authority_fault", subject=subject, reason=fault.reason, reference=fault.reference)
        detail = _FAULTS.get(fault.reason, _OTHER_FAULT)
        return Finding(Outcome.UNAVAILABLE, now, fault.reference, detail)
    outcome = Outcome.CONFIRMED if known else Outcome.NOT_FOUND
    log.info("authority_asked", subject=subject, outcome=outcome.value, reference=reference)
    return Finding(outcome, now, reference)
