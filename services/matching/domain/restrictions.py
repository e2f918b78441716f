"""Traffic rules and a job: from when may a vehicle be at a stop, and if never, what exactly would mend it.

Nothing here decides about traffic: `services.shared.rules` does, for permits and for matching alike.

A stop is possible when its window holds an instant at which the vehicle is surely allowed. When none
does, one instant is chosen, one at which permits alone would do if there is any, and the rules in the
way **at that instant** are named: a permit (or, for a ban, an exemption) for the named areas makes it
possible, and nothing less does at that instant.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, Literal
from uuid import UUID

from services.matching.domain.job import Covering, Stop
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.evaluate import Case, RuleSet
from services.shared.rules.records import Effect, Exemption, Outcome, Permit, Rule
from services.shared.rules.schedule import Validity
from services.shared.standards.check import Reason

Grant = Permit | Exemption
_ALWAYS: Final = Validity(datetime(1970, 1, 1, tzinfo=UTC))
_IMAGINED: Final = UUID(int=1)


@dataclass(frozen=True, slots=True)
class Barrier:
    """What keeps a vehicle from a stop: rules that a permit would lift, or bans that an exemption would.

    Attributes:
        code: `permit` or `rule`.
        at: The instant at which lifting them makes the stop possible.
        rules: Ids and codes of the rules.
        area_ids: The areas of these rules that contain the place.
        permit_types: For each rule that names them, one type that lifts it.
        reasons: What the evaluator says is unmet then, in both languages.
    """

    code: Literal["permit", "rule"]
    at: datetime
    rules: tuple[tuple[UUID, str], ...]
    area_ids: tuple[UUID, ...]
    permit_types: tuple[str, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """From when a stop is possible (once the barriers are mended), and the barriers."""

    since: datetime
    barriers: tuple[Barrier, ...] = ()


def areas_over(
    covered_by: Sequence[Covering], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, frozenset[UUID]]]:
    """Yield the parts of [start, end) in which the same areas contain the place."""
    edges = {start, end}
    for covering in covered_by:
        edges |= {e for e in (covering.valid_from, covering.valid_to) if e is not None and start < e < end}
    ordered = sorted(edges)
    for since, until in pairwise(ordered):
        yield (
            since,
            until,
            frozenset(
                c.area_id
                for c in covered_by
                if c.valid_from <= since and (c.valid_to is None or since < c.valid_to)
            ),
        )


def first_allowed(
    rules: RuleSet, vehicle: VehicleFacts, grants: Sequence[Grant], stop: Stop
) -> datetime | None:
    """Return the first instant of the stop's window at which the vehicle is surely allowed there, or None."""
    for start, end, areas in areas_over(stop.covered_by, stop.start, stop.end):
        if not rules.at(areas):
            return start
        for interval in _case(rules, vehicle, areas, grants).intervals(start, end):
            if interval.outcome is Outcome.ALLOWED:
                return interval.start
    return None


def find_access(rules: RuleSet, vehicle: VehicleFacts, grants: Sequence[Grant], stop: Stop) -> Access:
    """Say from when the vehicle may be at the stop within its window, or what keeps it away."""
    since = first_allowed(rules, vehicle, grants, stop)
    if since is not None:
        return Access(since)
    at = _instant_to_mend(rules, vehicle, grants, stop)
    named, mends, reasons = _name_barriers(rules, vehicle, grants, stop, at)
    mended = first_allowed(rules, vehicle, [*grants, *mends], stop)
    areas = _areas_at(stop, at)
    barriers = tuple(
        _barrier(code, [r for r in named if r.effect is effect], areas, at, reasons)
        for code, effect in _CODES.items()
        if any(r.effect is effect for r in named)
    )
    return Access(at if mended is None else mended, barriers)


_CODES: Final[dict[Literal["permit", "rule"], Effect]] = {
    "permit": Effect.PERMIT_REQUIRED,
    "rule": Effect.BAN,
}


def _case(rules: RuleSet, vehicle: VehicleFacts, areas: frozenset[UUID], grants: Iterable[Grant]) -> Case:
    held = list(grants)
    return Case(
        rules,
        vehicle,
        areas,
        [g for g in held if isinstance(g, Permit)],
        [g for g in held if isinstance(g, Exemption)],
    )


def _areas_at(stop: Stop, at: datetime) -> frozenset[UUID]:
    return next(a for s, e, a in areas_over(stop.covered_by, stop.start, stop.end) if s <= at < e)


def _instant_to_mend(rules: RuleSet, vehicle: VehicleFacts, grants: Sequence[Grant], stop: Stop) -> datetime:
    """Return an instant at which permits alone would do; else the window's start."""
    areas = frozenset(covering.area_id for covering in stop.covered_by)
    types = {None, *(name for rule in rules.at(areas) for name in rule.permit_types)}
    every = [_imagined_permit(vehicle, areas, name) for name in types]
    return first_allowed(rules, vehicle, [*grants, *every], stop) or stop.start


def _name_barriers(
    rules: RuleSet, vehicle: VehicleFacts, grants: Sequence[Grant], stop: Stop, at: datetime
) -> tuple[list[Rule], list[Grant], tuple[Reason, ...]]:
    """Return the rules to lift at an instant, grants that lift them, and what the evaluator misses."""
    areas = _areas_at(stop, at)
    by_id = {rule.id: rule for rule in rules.at(areas)}
    named: list[Rule] = []
    mends: list[Grant] = []
    reasons: list[Reason] = []
    while True:
        verdict = _case(rules, vehicle, areas, [*grants, *mends]).answer(at)
        if verdict.outcome is Outcome.ALLOWED:
            return named, mends, tuple(dict.fromkeys(reasons))
        deciding = [by_id[b.id] for b in verdict.basis if b.kind == "rule"]
        found = [r for r in deciding if r.effect is not Effect.ALLOW and r not in named]
        if not found:
            return named, mends, tuple(dict.fromkeys(reasons))
        reasons += verdict.unmet
        named += found
        mends += [_mend(vehicle, rule, areas) for rule in found]


def _mend(vehicle: VehicleFacts, rule: Rule, areas: frozenset[UUID]) -> Grant:
    if rule.effect is Effect.BAN:
        return Exemption(_IMAGINED, "", _holder(vehicle), rule.area_ids & areas, _ALWAYS)
    return _imagined_permit(vehicle, rule.area_ids & areas, min(rule.permit_types, default=None))


def _imagined_permit(vehicle: VehicleFacts, areas: frozenset[UUID], permit_type: str | None) -> Permit:
    return Permit(_IMAGINED, "", _holder(vehicle), areas, _ALWAYS, permit_type=permit_type)


def _holder(vehicle: VehicleFacts) -> UUID:
    if vehicle.id is None:
        raise ValueError("facts must name their vehicle, or ANYONE for vehicles alike")
    return vehicle.id


def _barrier(
    code: Literal["permit", "rule"],
    rules: Sequence[Rule],
    areas: frozenset[UUID],
    at: datetime,
    reasons: tuple[Reason, ...],
) -> Barrier:
    return Barrier(
        code=code,
        at=at,
        rules=tuple((rule.id, rule.code) for rule in rules),
        area_ids=tuple(sorted(frozenset[UUID]().union(*(rule.area_ids & areas for rule in rules)))),
        permit_types=tuple(sorted({min(r.permit_types) for r in rules if r.permit_types})),
        reasons=reasons,
    )
