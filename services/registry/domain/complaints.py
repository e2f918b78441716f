"""Complaints 投诉: categories, outcomes, which step may follow which."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class ComplaintCategory(StrEnum):
    """What a complaint is about."""

    DANGEROUS_DRIVING = "dangerous_driving"
    ILLEGAL_PARKING = "illegal_parking"
    RESTRICTED_AREA = "restricted_area"
    OVERLOADING = "overloading"
    NOISE = "noise"
    POLLUTION = "pollution"
    UNLICENSED = "unlicensed"
    GOODS = "goods"
    FEES = "fees"
    CONDUCT = "conduct"
    OTHER = "other"


CATEGORY_NAMES: Final[dict[ComplaintCategory, tuple[str, str]]] = {
    ComplaintCategory.DANGEROUS_DRIVING: ("危险驾驶", "dangerous driving"),
    ComplaintCategory.ILLEGAL_PARKING: ("违规停车或占道装卸", "illegal parking or unloading"),
    ComplaintCategory.RESTRICTED_AREA: ("违反限行规定", "driving where or when it is restricted"),
    ComplaintCategory.OVERLOADING: ("超限超载", "overloading"),
    ComplaintCategory.NOISE: ("噪声扰民", "noise"),
    ComplaintCategory.POLLUTION: ("尾气或撒漏污染", "exhaust or spillage"),
    ComplaintCategory.UNLICENSED: ("无证经营", "operation without a licence"),
    ComplaintCategory.GOODS: ("货损、丢失或延误", "goods damaged, lost or late"),
    ComplaintCategory.FEES: ("违规收费", "improper charges"),
    ComplaintCategory.CONDUCT: ("服务态度", "conduct of staff"),
    ComplaintCategory.OTHER: ("其他", "other"),
}
"""Chinese and English names."""


class ComplaintStatus(StrEnum):
    """How far the handling is."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    FORWARDED = "forwarded"
    ANSWERED = "answered"
    CLOSED = "closed"


class ComplaintOutcome(StrEnum):
    """How a complaint ended."""

    SUBSTANTIATED = "substantiated"
    UNSUBSTANTIATED = "unsubstantiated"
    NOT_COMPETENT = "not_competent"
    WITHDRAWN = "withdrawn"


OUTCOME_NAMES: Final[dict[ComplaintOutcome, tuple[str, str]]] = {
    ComplaintOutcome.SUBSTANTIATED: ("属实", "substantiated"),
    ComplaintOutcome.UNSUBSTANTIATED: ("不属实", "unsubstantiated"),
    ComplaintOutcome.NOT_COMPETENT: ("不属本部门职权", "outside the office's competence"),
    ComplaintOutcome.WITHDRAWN: ("投诉人撤回", "withdrawn"),
}
"""Chinese and English names."""

MAX_AGE: Final = timedelta(days=3 * 366)
"""Older events are not taken: records of handling are kept three years ([DEF])."""

_HANDLED: Final = frozenset({ComplaintStatus.ACCEPTED, ComplaintStatus.FORWARDED, ComplaintStatus.ANSWERED})
_FROM: Final = {
    ComplaintStatus.SUBMITTED: frozenset[ComplaintStatus](),
    ComplaintStatus.ACCEPTED: frozenset({ComplaintStatus.SUBMITTED}),
    ComplaintStatus.FORWARDED: frozenset({ComplaintStatus.ACCEPTED, ComplaintStatus.ANSWERED}),
    ComplaintStatus.ANSWERED: frozenset({ComplaintStatus.FORWARDED}),
    ComplaintStatus.CLOSED: _HANDLED,
}


def may_follow(present: str, target: ComplaintStatus) -> bool:
    """Tell whether a complaint may go from `present` to `target`; closed is final."""
    return present in _FROM[target]


def is_in_hand(present: str) -> bool:
    """Tell whether an official has accepted a complaint and nobody has closed it."""
    return present in _HANDLED


def public_status(present: str) -> str:
    """Return what the complainant is told: not whether a firm was found or asked."""
    return "in_progress" if is_in_hand(present) else present


def may_have_occurred(at: datetime, now: datetime) -> bool:
    """Tell whether an event reported now can be taken: not to come, and not too old."""
    return now - MAX_AGE <= at <= now
