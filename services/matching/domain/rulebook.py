"""The rules in force and the grants of vehicles, with what has been worked out about them kept.

Vehicles alike (same facts, no grant) have the same access everywhere: they are told apart only by which
rules of a place concern them, so thousands of vehicles need a handful of evaluations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.job import Job, Stop
from services.matching.domain.restrictions import Access, Grant, find_access, first_allowed
from services.matching.domain.vehicles import Vehicle
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.evaluate import RuleSet
from services.shared.rules.records import Rule
from services.shared.rules.schedule import CityClock

Signatures = NDArray[np.intp]


class Profiles:
    """The different facts the vehicles of a fleet have."""

    def __init__(self, facts: Sequence[VehicleFacts]) -> None:
        self.facts = facts


class Rulebook:
    """Rules and grants at one state of the copies; immutable but for its memory."""

    def __init__(self, rules: Iterable[Rule], grants: Iterable[Grant], clock: CityClock) -> None:
        self.rules = RuleSet(rules, clock)
        self._grants: dict[UUID, list[Grant]] = {}
        for grant in grants:
            self._grants.setdefault(grant.vehicle_id, []).append(grant)
        self._concerned: dict[tuple[UUID, VehicleFacts], frozenset[str] | None] = {}
        self._signatures: WeakKeyDictionary[Profiles, dict[tuple[UUID, ...], Signatures]] = (
            WeakKeyDictionary()
        )

    def with_grants(self, grants: Iterable[Grant]) -> "Rulebook":
        """Return a book with these grants instead; what is known of the rules is kept."""
        other = Rulebook((), grants, self.rules.clock)
        other.rules, other._concerned = self.rules, self._concerned
        other._signatures = self._signatures
        return other

    @property
    def holders(self) -> Iterable[UUID]:
        """Vehicles that have a permit or an exemption."""
        return self._grants.keys()

    def grants_of(self, vehicle_id: UUID) -> list[Grant]:
        """Return the permits and exemptions of a vehicle."""
        return self._grants.get(vehicle_id, [])

    def signatures(self, rules: Sequence[Rule], profiles: Profiles) -> Signatures:
        """Return which of the rules concern each profile, numbered; profiles alike have the same number."""
        known = self._signatures.setdefault(profiles, {})
        key = tuple(rule.id for rule in rules)
        if key not in known:
            numbers: dict[tuple[frozenset[str] | None, ...], int] = {}
            found = [
                numbers.setdefault(tuple(self._concerns(rule, facts) for rule in rules), len(numbers))
                for facts in profiles.facts
            ]
            known[key] = np.array(found, np.intp)
        return known[key]

    def _concerns(self, rule: Rule, facts: VehicleFacts) -> frozenset[str] | None:
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
        self._known: dict[int, bool] = {}

    @property
    def is_open(self) -> bool:
        """No rule is about either stop: every vehicle has access."""
        return not self._rules

    def of(self, vehicle: Vehicle) -> tuple[Access, Access]:
        """Return a vehicle's access to pickup and delivery, with what stands in the way."""
        rules, grants = self._book.rules, self._book.grants_of(vehicle.id)
        facts = replace(vehicle.facts, id=vehicle.id)
        pickup = find_access(rules, facts, grants, self._job.pickup)
        return pickup, find_access(rules, facts, grants, self._after(pickup.since))

    def allows_profiles(self, profiles: Profiles, chosen: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which of the chosen profiles, without any grant, have access to both stops."""
        signatures = self._book.signatures(self._rules, profiles)[chosen]
        table = np.zeros(int(signatures.max(initial=-1)) + 1, np.bool_)
        for signature in np.unique(signatures).tolist():
            if signature not in self._known:
                alike = int(chosen[np.argmax(signatures == signature)])
                self._known[signature] = self._decide(profiles.facts[alike], ())
            table[signature] = self._known[signature]
        return table[signatures]

    def allows_vehicle(self, vehicle: Vehicle) -> bool:
        """Tell whether a vehicle with its grants has access to both stops."""
        return self._decide(replace(vehicle.facts, id=vehicle.id), self._book.grants_of(vehicle.id))

    def _decide(self, facts: VehicleFacts, grants: Sequence[Grant]) -> bool:
        since = first_allowed(self._book.rules, facts, grants, self._job.pickup)
        return (
            since is not None
            and first_allowed(self._book.rules, facts, grants, self._after(since)) is not None
        )

    def _after(self, pickup: datetime) -> Stop:
        """Return the delivery with what is left of its window after a pickup."""
        delivery = self._job.delivery
        start = max(delivery.start, pickup)
        return Stop(delivery.lon, delivery.lat, start, delivery.end, delivery.covered_by)
