"""The evaluator: rules compiled by area, one vehicle and place, an instant or a span of time."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from services.shared.rules import unmet
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.records import (
    Basis,
    Effect,
    Exemption,
    Interval,
    Outcome,
    Permit,
    Rule,
    Verdict,
)
from services.shared.rules.schedule import CityClock, Moment
from services.shared.standards.check import Reason

HORIZON: Final = timedelta(days=8)
"""How far `until` looks: a whole week and a day, so every weekly pattern shows."""

_RANK: Final = {Effect.ALLOW: 0, Effect.PERMIT_REQUIRED: 1, Effect.BAN: 2}


class RuleSet:
    """Rules compiled for quick look-up by area; immutable, to be replaced when a rule changes."""

    def __init__(self, rules: Iterable[Rule], clock: CityClock) -> None:
        self.clock = clock
        self._rules = sorted(rules, key=lambda rule: (-rule.priority, _RANK[rule.effect], rule.code, rule.id))
        self._by_area: dict[UUID, list[int]] = {}
        for position, rule in enumerate(self._rules):
            for area_id in rule.area_ids:
                self._by_area.setdefault(area_id, []).append(position)

    def at(self, place: AbstractSet[UUID]) -> list[Rule]:
        """Rules of any of the areas, in the order in which they decide."""
        found = {position for area_id in place for position in self._by_area.get(area_id, ())}
        return [self._rules[position] for position in sorted(found)]


class Case:
    """One vehicle in one place: the rules that may apply to it and the grants it holds there.

    The place is the set of areas that contain it; it is the same for all instants asked.
    """

    def __init__(
        self,
        rules: RuleSet,
        vehicle: VehicleFacts,
        place: AbstractSet[UUID],
        permits: Sequence[Permit] = (),
        exemptions: Sequence[Exemption] = (),
    ) -> None:
        self._clock = rules.clock
        self._uncertain: dict[UUID, frozenset[str]] = {}
        self._rules: list[Rule] = []
        for rule in rules.at(place):
            unknown = rule.conditions.unknown_facts(vehicle)
            if unknown is not None:
                self._rules.append(rule)
                self._uncertain[rule.id] = unknown
        self._permits = [p for p in permits if p.vehicle_id == vehicle.id and p.area_ids & place]
        self._exemptions = [e for e in exemptions if e.vehicle_id == vehicle.id and e.area_ids & place]

    def verdict(self, at: datetime, horizon: timedelta = HORIZON) -> Verdict:
        """Answer at an instant; `until` looks ahead by `horizon` (zero: not at all)."""
        answer = self.answer(at)
        until = next((i.end for i in self.intervals(at, at + horizon) if i.end < at + horizon), None)
        return Verdict(answer.outcome, answer.basis, until, answer.unmet)

    def intervals(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """Yield the outcomes from start to end, each interval as long as its outcome lasts."""
        if start >= end:
            return
        since, outcome = start, self.answer(start).outcome
        for instant in self._boundaries(start, end):
            following = self.answer(instant).outcome
            if following is not outcome:
                yield Interval(since, instant, outcome)
                since, outcome = instant, following
        yield Interval(since, end, outcome)

    def answer(self, at: datetime) -> Verdict:
        """Answer at an instant, without `until`."""
        moment = self._clock.read(at)
        held = [r for r in self._rules if r.validity.contains(at) and r.schedule.holds(moment)]
        doubts: list[Rule] = []
        for _, group in groupby(held, key=lambda rule: (rule.priority, rule.effect)):
            deciding = list(group)
            sure = [rule for rule in deciding if not self._uncertain[rule.id]]
            barred = [rule for rule in sure if not self._is_lifted(rule, moment)]
            if not barred:
                doubts += [rule for rule in deciding if self._uncertain[rule.id]]
            if sure:
                return self._conclude(sure, barred, doubts, moment)
        return self._conclude([], [], doubts, moment)

    def _conclude(self, sure: list[Rule], barred: list[Rule], doubts: list[Rule], moment: Moment) -> Verdict:
        outcome = Outcome.DENIED if barred else Outcome.ALLOWED
        # A doubtful rule matters only when, holding, it would have answered otherwise.
        adverse = [rule for rule in doubts if self._is_lifted(rule, moment) is bool(barred)]
        if adverse:
            missing = frozenset[str]().union(*(self._uncertain[rule.id] for rule in adverse))
            basis = tuple(basis for rule in [*adverse, *sure] for basis in self._basis(rule, moment))
            return Verdict(Outcome.UNDETERMINED, basis, None, unmet.missing_facts(missing))
        basis = tuple(dict.fromkeys(b for rule in barred or sure for b in self._basis(rule, moment)))
        return Verdict(outcome, basis, None, self._unmet(barred, moment))

    def _is_lifted(self, rule: Rule, moment: Moment) -> bool:
        return rule.effect is Effect.ALLOW or self._lifter(rule, moment) is not None

    def _lifter(self, rule: Rule, moment: Moment) -> Basis | None:
        if rule.effect is Effect.PERMIT_REQUIRED:
            for permit in self._permits:
                if unmet.fits(rule, permit) and unmet.obstacle(permit, moment) is None:
                    return Basis("permit", permit.id, permit.code)
        if rule.effect is Effect.BAN:
            for exemption in self._exemptions:
                if unmet.obstacle(exemption, moment) is None:
                    return Basis("exemption", exemption.id, exemption.code)
        return None

    def _basis(self, rule: Rule, moment: Moment) -> Iterator[Basis]:
        yield Basis("rule", rule.id, rule.code)
        lifter = self._lifter(rule, moment)
        if lifter is not None:
            yield lifter

    def _unmet(self, barred: list[Rule], moment: Moment) -> tuple[Reason, ...]:
        reasons = [
            reason
            for rule in barred
            for reason in unmet.why_barred(rule, self._permits, self._exemptions, moment)
        ]
        return tuple(dict.fromkeys(reasons))

    def _boundaries(self, start: datetime, end: datetime) -> Iterator[datetime]:
        timed: list[Rule | Permit | Exemption] = [*self._rules, *self._permits, *self._exemptions]
        ends = {i for t in timed for i in (t.validity.start, t.validity.end) if i and start < i < end}
        varying = [t.schedule for t in timed if not t.schedule.is_constant]
        minutes = frozenset[int]().union(*(schedule.boundaries for schedule in varying))
        if not minutes:
            yield from sorted(ends)
            return
        pending = sorted(ends, reverse=True)
        for day in self._clock.days(start, end, minutes):
            for instant in day:
                while pending and pending[-1] < instant:
                    yield pending.pop()
                yield instant
        yield from reversed(pending)


def evaluate(
    rules: RuleSet,
    vehicle: VehicleFacts,
    place: AbstractSet[UUID],
    at: datetime,
    *,
    permits: Sequence[Permit] = (),
    exemptions: Sequence[Exemption] = (),
    horizon: timedelta = HORIZON,
) -> Verdict:
    """Answer whether the vehicle may be in the place (ids of the areas that contain it) at the instant.

    Raises:
        ValueError: when the instant has no offset.
    """
    return Case(rules, vehicle, place, permits, exemptions).verdict(at, horizon)


def allowed_intervals(
    rules: RuleSet,
    vehicle: VehicleFacts,
    place: AbstractSet[UUID],
    start: datetime,
    end: datetime,
    *,
    permits: Sequence[Permit] = (),
    exemptions: Sequence[Exemption] = (),
) -> tuple[Interval, ...]:
    """Give the intervals of [start, end) in which the vehicle is surely allowed, in order and maximal.

    Raises:
        ValueError: when an instant has no offset.
    """
    case = Case(rules, vehicle, place, permits, exemptions)
    return tuple(i for i in case.intervals(start, end) if i.outcome is Outcome.ALLOWED)


def first_allowed(
    rules: RuleSet,
    vehicle: VehicleFacts,
    place: AbstractSet[UUID],
    start: datetime,
    end: datetime,
    *,
    permits: Sequence[Permit] = (),
    exemptions: Sequence[Exemption] = (),
    minimum: timedelta = timedelta(0),
) -> datetime | None:
    """Give the first instant of [start, end) from which the vehicle is allowed for `minimum`, or None.

    Raises:
        ValueError: when an instant has no offset.
    """
    case = Case(rules, vehicle, place, permits, exemptions)
    for interval in case.intervals(start, end):
        if interval.outcome is Outcome.ALLOWED and interval.end - interval.start >= minimum:
            return interval.start
    return None
