"""The police's question, answered: may this vehicle be in this place at this instant, and until when?

Decisions the platform takes here, beyond the evaluator's (`services/shared/rules`):

- The vehicle judged is the registration of plate and colour in force at the instant asked about.
- A vehicle of an enterprise that was not active then is denied in every place that exists, whatever the
  rules say, and its permits lift nothing (decision 12). The standing at a past instant is the one in
  effect then, whenever it was decided.
- A permit revoked later still counts for an instant before its revocation.
- A plate that was not registered has no facts but its colour: rules on further facts are then
  uncertain and the answer is undetermined where they could change it, naming the facts.
- An area without a shape in force at the instant is no place: undetermined.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from services.permits.domain.places import AreaIndex, Place
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.evaluate import HORIZON, Case, RuleSet
from services.shared.rules.records import Basis, Exemption, GrantStatus, Outcome, Permit, Verdict
from services.shared.rules.schedule import Validity
from services.shared.standards.check import Reason

ENTERPRISE_NOT_ACTIVE: Final = Reason(
    "enterprise_not_active",
    "车辆所属企业处于暂停或关闭状态，不得营运，其通行证不起作用",
    "the vehicle's enterprise is suspended or closed: it may not operate and its permits lift nothing",
)
VEHICLE_UNKNOWN: Final = Reason(
    "vehicle_unknown",
    "该号牌在此时间没有登记",
    "no registration of this plate and colour is in force at that time",
)
AREA_NOT_IN_FORCE: Final = Reason(
    "area_not_in_force", "该区域在此时间没有有效边界", "the area has no shape in force at that time"
)


@dataclass(frozen=True, slots=True)
class Grant:
    """A permit or exemption as stored, and when it was revoked."""

    record: Permit | Exemption
    revoked_at: datetime | None = None

    def seen_at(self, at: datetime, *, enterprise_active: bool) -> Permit | Exemption:
        """Return the record as it stood at an instant."""
        record = self.record
        if self.revoked_at is not None and at < self.revoked_at:
            end = min(self.revoked_at, record.validity.end or self.revoked_at)
            record = replace(record, status=GrantStatus.ACTIVE, validity=Validity(record.validity.start, end))
        if record.status is GrantStatus.ACTIVE and not enterprise_active:
            return replace(record, status=GrantStatus.SUSPENDED)
        return record


@dataclass(frozen=True, slots=True)
class Registration:
    """The vehicle under the plate at the instant, with what it holds."""

    vehicle_id: UUID
    enterprise_id: UUID
    enterprise_active: bool
    facts: VehicleFacts
    ends_at: datetime | None = None
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Titles:
    """What a rule is called."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Book:
    """All rules and areas of one edition."""

    edition: UUID | None
    rules: RuleSet
    titles: dict[UUID, Titles]
    areas: AreaIndex

    def describe(self, basis: Basis) -> Titles:
        """Return the bilingual text of one basis of a verdict."""
        if basis.kind == "rule":
            return self.titles[basis.id]
        zh, en = ("通行证", "permit") if basis.kind == "permit" else ("豁免", "exemption")
        return Titles(f"{zh} {basis.code}", f"{en} {basis.code}")


def judge(
    book: Book,
    place: Place,
    registration: Registration | None,
    plate_color: int,
    at: datetime,
    *,
    horizon: timedelta = HORIZON,
) -> Verdict:
    """Answer for one vehicle, place and instant.

    `until` is the next instant at which the outcome changes or the registration ends, within the horizon.
    """
    if not place.exists_at(at):
        return Verdict(Outcome.UNDETERMINED, unmet=(AREA_NOT_IN_FORCE,))
    facts = registration.facts if registration else VehicleFacts(plate_color=plate_color)
    permits, exemptions = _grants_at(registration, at)

    def case(instant: datetime) -> Case:
        return Case(book.rules, facts, place.areas_at(instant), permits, exemptions)

    answer = case(at).answer(at)
    end = at + horizon
    if registration is not None and not registration.enterprise_active:
        return _denied_by_standing(answer, registration, at, end)
    until = _next_change(case, answer.outcome, [at, *place.turns(at, end), end])
    ends_at = registration.ends_at if registration else None
    if ends_at is not None and at < ends_at < (until or end):
        until = ends_at
    return replace(answer, until=until, unmet=_unmet(answer, registration))


def _denied_by_standing(answer: Verdict, registration: Registration, at: datetime, end: datetime) -> Verdict:
    """Deny, naming beside the standing what the rules would ask for; nobody knows when it is lifted."""
    unmet = () if answer.outcome is Outcome.ALLOWED else answer.unmet
    ends_at = registration.ends_at
    until = ends_at if ends_at is not None and at < ends_at < end else None
    return replace(answer, outcome=Outcome.DENIED, until=until, unmet=(*unmet, ENTERPRISE_NOT_ACTIVE))


def _next_change(
    case: Callable[[datetime], Case], outcome: Outcome, turns: Sequence[datetime]
) -> datetime | None:
    """Find the first instant with another outcome; between two turns the place is one and the same."""
    for start, end in pairwise(turns):
        span = next(case(start).intervals(start, end))
        if span.outcome is not outcome:
            return start
        if span.end < end:
            return span.end
    return None


def _grants_at(
    registration: Registration | None, at: datetime
) -> tuple[Sequence[Permit], Sequence[Exemption]]:
    if registration is None:
        return (), ()
    seen = [
        grant.seen_at(at, enterprise_active=registration.enterprise_active) for grant in registration.grants
    ]
    return [r for r in seen if isinstance(r, Permit)], [r for r in seen if isinstance(r, Exemption)]


def _unmet(answer: Verdict, registration: Registration | None) -> tuple[Reason, ...]:
    if answer.outcome is Outcome.ALLOWED:
        return answer.unmet
    return (VEHICLE_UNKNOWN, *answer.unmet) if registration is None else answer.unmet
