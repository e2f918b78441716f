"""Makes fleets and jobs for tests of the pure rules."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.matching.domain.candidates import Matching
from services.matching.domain.cargo import TemperatureClass
from services.matching.domain.fleet import Fleet
from services.matching.domain.job import Covering, Job, Stop
from services.matching.domain.limits import Limits
from services.matching.domain.restrictions import Grant
from services.matching.domain.roster import Fix, Roster
from services.matching.domain.vehicles import ANYONE, Vehicle
from services.shared.ids import new_id
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.records import Rule
from services.shared.rules.schedule import CityClock
from services.shared.rules.standing import Course
from services.shared.standards.zones import CITY_ZONE

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
"""A Monday, 08:00 in the city."""
ORIGIN = (122.07, 41.12)
DESTINATION = (122.05, 41.19)
ORIGIN_AREA, DESTINATION_AREA = UUID(int=11), UUID(int=12)
LIMITS = Limits(max_approach_km=50, position_max_age_s=900)
SINCE = datetime(2025, 1, 1, tzinfo=UTC)
IN_ORDER = Course.always(active=True)


def vehicle(**values: Any) -> Vehicle:
    """An electric box van, valid for ever, its papers too; facts and record agree."""
    given: dict[str, Any] = {
        "id": new_id(),
        "enterprise_id": new_id(),
        "plate_number": "辽L12345",
        "plate_color": 2,
        "valid_from": SINCE,
        "valid_to": None,
        "payload_kg": 1765.0,
        "volume_m3": 14.5,
        "refrigeration": "none",
        "energy_code": "C",
        "papers": IN_ORDER,
    }
    known = {"powertrain": "BEV", "gross_mass_kg": 4490.0, **values.pop("known", {})}
    given |= values
    facts = VehicleFacts(id=ANYONE, plate_color=2, refrigeration=given["refrigeration"], **known)
    return Vehicle(**given, facts=facts)


def job(**values: Any) -> Job:
    """A load of 800 kg: pickup in the next two hours, delivery in the next four."""
    areas = values.pop("areas", (ORIGIN_AREA, DESTINATION_AREA))
    hours = values.pop("hours", ((0, 2), (0.5, 4)))
    pickup, delivery = [
        Stop(*point, NOW + timedelta(hours=start), NOW + timedelta(hours=end), (Covering(area, SINCE),))
        for point, area, (start, end) in zip((ORIGIN, DESTINATION), areas, hours, strict=True)
    ]
    given: dict[str, Any] = {
        "weight_kg": 800.0,
        "volume_m3": 4.0,
        "temperature": TemperatureClass.AMBIENT,
        "now": NOW,
    }
    return Job(pickup, delivery, **{**given, **values})


@dataclass
class Case:
    """One vehicle, its firm, position, rules, grants and a load: all that can be mended."""

    vehicle: Vehicle = field(default_factory=vehicle)
    firm: Course = IN_ORDER
    position: tuple[float, float] | None = ORIGIN
    age_s: float = 10
    rules: list[Rule] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    job: Job = field(default_factory=job)

    def fleet(self) -> Fleet:
        """The fleet of this one vehicle."""
        roster = Roster(CityClock(CITY_ZONE))
        roster.set_vehicle(self.vehicle)
        roster.set_enterprise(self.vehicle.enterprise_id, self.firm)
        for rule in self.rules:
            roster.set_rule(rule.id, rule)
        for grant in self.grants:
            roster.set_grant(grant.id, grant)
        if self.position is not None:
            fix = Fix(self.vehicle.id, NOW - timedelta(seconds=self.age_s), *self.position)
            roster.set_fixes([fix])
        return roster.freeze(NOW)

    def matching(self) -> Matching:
        """The load against that fleet."""
        return Matching(self.fleet(), self.job, LIMITS)

    def change(self, **values: Any) -> None:
        """Mend properties of the vehicle."""
        self.vehicle = replace(self.vehicle, **values)
