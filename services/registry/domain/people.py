"""Drivers and riders: which of their values are personal, what is wrong with them, what they show masked.

A driver above 4,500 kg total mass needs a qualification certificate 从业资格证, up to it none
(交通运输部办公厅, 24 December 2018; `domain.md` §3.6). A reason never repeats the value it is about.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any, Final, Self

from services.registry.domain.standing import Days
from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject
from services.shared.standards.free_text import PERSONAL_NUMBER, holds_personal_number
from services.shared.standards.id_number import check_id_number, mask_id_number
from services.shared.standards.licence_classes import permits_heavy_trucks
from services.shared.standards.names import mask_name
from services.shared.standards.phone import check_mobile, mask_phone


class PersonKind(StrEnum):
    """What a person does for the firm."""

    DRIVER = "driver"
    RIDER = "rider"


class Employment(StrEnum):
    """How a person's employment stands; `erased` has no personal value left."""

    ACTIVE = "active"
    ENDED = "ended"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field, or deserves a look."""

    field: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Checked:
    """Personal values in canonical form, what is wrong with them, and what deserves a look."""

    values: dict[str, str | None]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Papers:
    """What is not personal of a person's papers; both days of a paper are valid, in the city's zone."""

    drives_over_4500_kg: bool
    licence_class: str | None
    licence_issuer: str | None
    licence_valid_from: date | None
    licence_valid_to: date | None
    qualification_valid_from: date | None
    qualification_valid_to: date | None
    trained_on: date | None

    @classmethod
    def of(cls, source: Any) -> Self:
        """Return the papers of a row or a request."""
        return cls(**{field.name: getattr(source, field.name) for field in fields(cls)})


_MISSING: Final = Reason("missing", "必填", "required")
_LICENCE_NUMBER: Final = re.compile("[0-9A-Z]{6,18}")
_QUALIFICATION_NUMBER: Final = re.compile("[0-9A-Z]{6,19}")
_BAD_LICENCE: Final = Reason(
    "licence_number.format", "应为6至18位数字或字母", "must be 6 to 18 digits or letters"
)
_BAD_QUALIFICATION: Final = Reason(
    "qualification_number.format", "应为6至19位数字或字母", "must be 6 to 19 digits or letters"
)
_BAD_NAME: Final = Reason("name.blank", "姓名不能为空白", "must not be blank")
_INTERVAL: Final = Reason("interval", "止期早于起期", "the last day is before the first")
_FUTURE: Final = Reason("future", "不能晚于今天", "must not be after today")
_TOO_LIGHT: Final = Reason(
    "licence_class.too_light",
    "该准驾车型不能驾驶总质量4500千克以上货车",
    "does not permit goods vehicles above 4,500 kg",
)
_NOT_A_RIDERS: Final = Reason("rider.heavy", "骑手不驾驶货车", "a rider drives no goods vehicle")


def _name(text: str, _today: date) -> Check:
    if not text.strip():
        return reject(_BAD_NAME)
    return reject(PERSONAL_NUMBER) if holds_personal_number(text) else accept(text.strip())


def _licence_number(text: str, today: date) -> Check:
    number = fold(text)
    if number is None:
        return reject(TOO_LONG)
    if not _LICENCE_NUMBER.fullmatch(number):
        return reject(_BAD_LICENCE)
    # The licence of a citizen bears the identity number; a shorter one is a foreigner's document.
    return check_id_number(number, today=today) if len(number) == 18 else accept(number)  # noqa: PLR2004 - GB 11643


def _qualification_number(text: str, _today: date) -> Check:
    number = fold(text)
    if number is None:
        return reject(TOO_LONG)
    return accept(number) if _QUALIFICATION_NUMBER.fullmatch(number) else reject(_BAD_QUALIFICATION)


_CHECKS: Final[dict[str, Callable[[str, date], Check]]] = {
    "name": _name,
    "id_number": lambda text, today: check_id_number(text, today=today),
    "mobile_phone": lambda text, _today: check_mobile(text),
    "licence_number": _licence_number,
    "qualification_number": _qualification_number,
}
PERSONAL_FIELDS: Final = tuple(_CHECKS)
"""What only the vault holds; `licence_number` is absent where it is the identity number."""
INDEXED_FIELDS: Final = ("id_number", "mobile_phone")
"""What a person can be looked up by."""
REQUIRED_FIELDS: Final = ("name", "id_number", "mobile_phone")


def check_values(given: Mapping[str, str | None], today: date) -> Checked:
    """Check personal values; None removes one that a person need not have."""
    values: dict[str, str | None] = {}
    faults: list[Fault] = []
    warnings: list[Fault] = []
    for field, text in given.items():
        if text is None and field in REQUIRED_FIELDS:
            faults.append(Fault(field, _MISSING))
        check = _CHECKS[field](text, today) if text is not None else None
        values[field] = check.normalized if check else None
        faults += [Fault(field, reason) for reason in (check.reasons if check else ())]
        warnings += [Fault(field, reason) for reason in (check.warnings if check else ())]
    return Checked(values, tuple(faults), tuple(warnings))


def check_papers(kind: PersonKind, papers: Papers, *, has_qualification: bool, today: date) -> list[Fault]:
    """Return what is wrong with a person's papers as a whole.

    Args:
        kind: Driver or rider.
        papers: Classes and days.
        has_qualification: Whether a number of the qualification certificate is known.
        today: In the city's zone.
    """
    faults = []
    for paper in ("licence", "qualification"):
        first, last = getattr(papers, f"{paper}_valid_from"), getattr(papers, f"{paper}_valid_to")
        if first is not None and last is not None and last < first:
            faults.append(Fault(f"{paper}_valid_to", _INTERVAL))
    if papers.trained_on is not None and papers.trained_on > today:
        faults.append(Fault("trained_on", _FUTURE))
    if kind is PersonKind.DRIVER:
        needed = ("licence_class", "licence_valid_from")
        faults += [Fault(field, _MISSING) for field in needed if getattr(papers, field) is None]
    if papers.drives_over_4500_kg:
        faults += _heavy_faults(kind, papers, has_qualification=has_qualification)
    return faults


def _heavy_faults(kind: PersonKind, papers: Papers, *, has_qualification: bool) -> list[Fault]:
    if kind is PersonKind.RIDER:
        return [Fault("drives_over_4500_kg", _NOT_A_RIDERS)]
    faults = []
    if papers.licence_class is not None and not permits_heavy_trucks(papers.licence_class):
        faults.append(Fault("licence_class", _TOO_LIGHT))
    if not has_qualification:
        faults.append(Fault("qualification_number", _MISSING))
    if papers.qualification_valid_to is None:
        faults.append(Fault("qualification_valid_to", _MISSING))
    return faults


def days_of(papers: Papers) -> list[Days]:
    """Return the days that count for a person's standing: the qualification's only where it is needed."""
    days = []
    if papers.licence_valid_from is not None or papers.licence_valid_to is not None:
        days.append(Days("driving_licence", papers.licence_valid_from, papers.licence_valid_to))
    if papers.drives_over_4500_kg:
        days.append(Days("qualification", papers.qualification_valid_from, papers.qualification_valid_to))
    return days


def mask(field: str, value: str) -> str:
    """Return a personal value as everybody sees it."""
    if field == "name":
        return mask_name(value)
    if field == "mobile_phone":
        return mask_phone(value)
    # Of a short number the two last characters are already a tenth of what there is to guess.
    return mask_id_number(value) if len(value) >= 15 else f"{'*' * (len(value) - 2)}{value[-2:]}"  # noqa: PLR2004 - the old identity number
