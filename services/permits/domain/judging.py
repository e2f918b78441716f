"""The police's question, answered: may this vehicle be in this place at this instant, and until when?

Decisions the platform takes here, beyond the evaluator's (`services/shared/rules`):

- The vehicle judged is the registration of plate and colour in force at the instant asked about.
- A vehicle of an enterprise that is not active then, or whose own papers have run out then, is denied in
  every place that exists, whatever the rules say, and its permits lift nothing (decisions 12 and 13). The
  course of standings is known ahead: past, present and future instants are judged alike, by what is in
  effect at the instant, whenever it was decided.
- A permit revoked later still counts for an instant before its revocation.
- A plate that was not registered has no facts but its colour: rules on further facts are then
  uncertain and the answer is undetermined where they could change it, naming the facts.
- An area without a shape in force at the instant is no place: undetermined.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from services.permits.domain.places import AreaIndex, Place
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.evaluate import HORIZON, Case, RuleSet
from services.shared.rules.records import Basis, Exemption, GrantStatus, Interval, Outcome, Permit, Verdict
from services.shared.rules.schedule import Validity
from services.shared.rules.standing import (
    ENTERPRISE_NOT_ACTIVE,
    Course,
    enterprise_lapsed,
    vehicle_lapsed,
)
from services.shared.standards.check import Reason

_NOT_ACTIVE: Final = Reason(
    ENTERPRISE_NOT_ACTIVE,
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

    def seen_at(self, at: datetime, *, operating: bool) -> Permit | Exemption:
        """Return the record as it stood at an instant, suspended while its vehicle may not operate."""
        record = self.record
        if self.revoked_at is not None and at < self.revoked_at:
            end = min(self.revoked_at, record.validity.end or self.revoked_at)
            record = replace(record, status=GrantStatus.ACTIVE, validity=Validity(record.validity.start, end))
        if record.status is GrantStatus.ACTIVE and not operating:
            return replace(record, status=GrantStatus.SUSPENDED)
        return record


@dataclass(frozen=True, slots=True)
class Registration:
    """The vehicle under the plate at the instant, with what it holds.

    Attributes:
        vehicle_id: The registration.
        enterprise_id: Its owner.
        firm: The course of the owner's standing.
        papers: The course of its own papers.
        facts: What rules ask.
        ends_at: When the registration ends.
        grants: Its permits and exemptions.
    """

    vehicle_id: UUID
    enterprise_id: UUID
    firm: Course
    papers: Course
    facts: VehicleFacts
    ends_at: datetime | None = None
    grants: tuple[Grant, ...] = ()

    def operates_at(self, at: datetime) -> bool:
        """Tell whether the vehicle may operate at all."""
        return self.firm.at(at).active and self.papers.at(at).active

    def turns(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the instants in (start, end) at which a standing turns."""
        return [*self.firm.turns(start, end), *self.papers.turns(start, end)]

    def obstacles(self, at: datetime) -> tuple[Reason, ...]:
        """Say why the vehicle may not operate."""
        firm, papers = self.firm.at(at), self.papers.at(at)
        return (
            *(() if firm.open else (_NOT_ACTIVE,)),
            *((enterprise_lapsed(firm.lapses),) if firm.lapses else ()),
            *((vehicle_lapsed(papers.lapses),) if papers.lapses else ()),
        )


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
    operating = registration is None or registration.operates_at(at)
    question = _Question(book, place, registration, plate_color, at)
    answer = question.case(at, operating=operating).answer(at)
    outcome = answer.outcome if operating else Outcome.DENIED
    until = _next_change(question, outcome, at + horizon)
    ends_at = registration.ends_at if registration else None
    if ends_at is not None and at < ends_at < (until or at + horizon):
        until = ends_at
    return replace(answer, outcome=outcome, until=until, unmet=_unmet(answer, registration, at))


@dataclass(frozen=True, slots=True)
class _Question:
    """One vehicle in one place, asked about at one instant and looking ahead from it."""

    book: Book
    place: Place
    registration: Registration | None
    plate_color: int
    at: datetime

    def case(self, instant: datetime, *, operating: bool = True) -> Case:
        """Return the rules' case at an instant; permits are seen as they stand when asked."""
        known = self.registration
        facts = known.facts if known else VehicleFacts(plate_color=self.plate_color)
        seen = [grant.seen_at(self.at, operating=operating) for grant in known.grants] if known else []
        permits = [record for record in seen if isinstance(record, Permit)]
        exemptions = [record for record in seen if isinstance(record, Exemption)]
        return Case(self.book.rules, facts, self.place.areas_at(instant), permits, exemptions)

    def turns(self, end: datetime) -> list[datetime]:
        """Return the instants from now to the end between which place and standings are the same."""
        turning = self.registration.turns(self.at, end) if self.registration else []
        return [self.at, *sorted({*self.place.turns(self.at, end), *turning}), end]

    def first_span(self, start: datetime, end: datetime) -> Interval:
        """Return the first outcome between two turns, and how long it lasts."""
        if self.registration is not None and not self.registration.operates_at(start):
            return Interval(start, end, Outcome.DENIED)
        return next(self.case(start).intervals(start, end))


def _next_change(question: _Question, outcome: Outcome, end: datetime) -> datetime | None:
    """Find the first instant with another outcome."""
    for start, stop in pairwise(question.turns(end)):
        span = question.first_span(start, stop)
        if span.outcome is not outcome:
            return start
        if span.end < stop:
            return span.end
    return None


def _unmet(answer: Verdict, registration: Registration | None, at: datetime) -> tuple[Reason, ...]:
    """Name what the rules ask for, and beside it what keeps the vehicle from operating at all."""
    if registration is not None:
        return (*answer.unmet, *registration.obstacles(at))
    return answer.unmet if answer.outcome is Outcome.ALLOWED else (VEHICLE_UNKNOWN, *answer.unmet)
