"""The records the evaluator works on: rules, permits, exemptions, vehicles and verdicts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from services.shared.rules.conditions import ANY_VEHICLE, Conditions
from services.shared.rules.schedule import ALWAYS, Schedule, Validity
from services.shared.standards.check import Reason


class Effect(StrEnum):
    """What a rule does."""

    ALLOW = "allow"
    PERMIT_REQUIRED = "permit_required"
    BAN = "ban"


class Outcome(StrEnum):
    """What the rules answer."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDETERMINED = "undetermined"


class GrantStatus(StrEnum):
    """State of a permit or exemption; only an active one lifts anything."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Rule:
    """A restriction on areas. `permit_types` names the permit types that lift it; none named means any."""

    id: UUID
    code: str
    area_ids: frozenset[UUID]
    effect: Effect
    validity: Validity
    schedule: Schedule = ALWAYS
    conditions: Conditions = ANY_VEHICLE
    priority: int = 0
    permit_types: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a rule without an area.

        Raises:
            ValueError: for such a rule; a rule for the whole city names the city's area.
        """
        if not self.area_ids:
            raise ValueError(f"rule {self.code} names no area")


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit of one vehicle for areas; lifts permit_required."""

    id: UUID
    code: str
    vehicle_id: UUID
    area_ids: frozenset[UUID]
    validity: Validity
    schedule: Schedule = ALWAYS
    status: GrantStatus = GrantStatus.ACTIVE
    permit_type: str | None = None


@dataclass(frozen=True, slots=True)
class Exemption:
    """An exemption of one vehicle for areas; a ban yields to it."""

    id: UUID
    code: str
    vehicle_id: UUID
    area_ids: frozenset[UUID]
    validity: Validity
    schedule: Schedule = ALWAYS
    status: GrantStatus = GrantStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Basis:
    """One record a verdict rests on."""

    kind: Literal["rule", "permit", "exemption"]
    id: UUID
    code: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer at one instant.

    `basis` are the deciding rules and what lifted them (for undetermined: the uncertain rules too); `until`
    is the next instant at which the outcome changes, None when it does not within the horizon; `unmet` says
    what is missing for allowed, in both languages.
    """

    outcome: Outcome
    basis: tuple[Basis, ...] = ()
    until: datetime | None = None
    unmet: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open interval of instants with one outcome."""

    start: datetime
    end: datetime
    outcome: Outcome
