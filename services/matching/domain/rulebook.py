"""The rules in force and the grants of vehicles, with what has been worked out about them kept.

Vehicles alike (same facts, no grant) have the same access everywhere: they are told apart only by which
rules of a place concern them, so thousands of vehicles need a handful of evaluations.
"""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from services.matching.domain.job import Job, Stop
from services.matching.domain.restrictions import Access, Grant, find_access
from services.matching.domain.vehicles import Vehicle
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.evaluate import RuleSet
from services.shared.rules.records import Rule
from services.shared.rules.schedule import CityClock


class Rulebook:
    """Rules and grants at one state of the copies; immutable but for its memory."""

    def __init__(self, rules: Iterable[Rule], grants: Iterable[Grant], clock: CityClock) -> None:
        self.rules = RuleSet(rules, clock)
        self._grants: dict[UUID, list[Grant]] = {}
        for grant in grants:
            self._grants.setdefault(grant.vehicle_id, []).append(grant)
        self._concerned: dict[tuple[UUID, VehicleFacts], frozenset[str] | None] = {}

    def with_grants(self, grants: Iterable[Grant]) -> "Rulebook":
        """Return a book with these grants instead; what is known of the rules is kept."""
        other = Rulebook((), grants, self.rules.clock)
        other.rules, other._concerned = self.rules, self._concerned
        return other

    def grants_of(self, vehicle_id: UUID) -> list[Grant]:
        """Return the permits and exemptions of a vehicle."""
        return self._grants.get(vehicle_id, [])

    def concerns(self, rule: Rule, facts: VehicleFacts) -> frozenset[str] | None:
        """Return the unknown facts of a rule's conditions; None when it is surely about others."""
        key = rule.id, facts
        if key not in self._concerned:
            self._concerned[key] = rule.conditions.unknown_facts(facts)
        return self._concerned[key]


class JobAccess:
    """Access of vehicles to both stops of one job.

    The delivery must come after the pickup: only what is left of its window after the earliest possible
    pickup counts.
    """

    def __init__(self, book: Rulebook, job: Job) -> None:
        self._book = book
        self._job = job
        covering = [c for stop in (job.pickup, job.delivery) for c in stop.covered_by]
        self._rules = book.rules.at(frozenset(c.area_id for c in covering))
        self._known: dict[tuple[frozenset[str] | None, ...], tuple[Access, Access]] = {}

    @property
    def is_open(self) -> bool:
        """No rule is about either stop: every vehicle has access."""
        return not self._rules

    def of(self, vehicle: Vehicle) -> tuple[Access, Access]:
        """Return a vehicle's access to pickup and delivery."""
        grants = self._book.grants_of(vehicle.id)
        if grants:
            return self._find(replace(vehicle.facts, id=vehicle.id), grants)
        signature = tuple(self._book.concerns(rule, vehicle.facts) for rule in self._rules)
        if signature not in self._known:
            self._known[signature] = self._find(vehicle.facts, [])
        return self._known[signature]

    def allows(self, vehicle: Vehicle) -> bool:
        """Tell whether a vehicle has access to both stops."""
        if self.is_open:
            return True
        pickup, delivery = self.of(vehicle)
        return not pickup.barriers and not delivery.barriers

    def _find(self, facts: VehicleFacts, grants: list[Grant]) -> tuple[Access, Access]:
        pickup = find_access(self._book.rules, facts, grants, self._job.pickup)
        delivery = self._job.delivery
        rest = Stop(
            delivery.lon,
            delivery.lat,
            max(delivery.start, pickup.since),
            delivery.end,
            delivery.covered_by,
        )
        return pickup, find_access(self._book.rules, facts, grants, rest)
