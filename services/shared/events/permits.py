"""States permits publishes: restriction_rule and permit; each turns itself into the evaluator's record."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.shared.rules.conditions import Conditions
from services.shared.rules.records import Effect, Exemption, GrantStatus, Permit, Rule
from services.shared.rules.schedule import EVERY_DAY, Schedule, Validity, Window
from services.shared.schemas import Event, Instant


class WindowState(Event):
    """Hours of local wall time, "HH:MM"; an end not after the start runs on into the next day."""

    start: str
    end: str


class ConditionsState(Event):
    """Which vehicles a rule is about; absent is no condition. Masses kg, lengths m, bounds inclusive."""

    plate_colors: list[int] | None = None
    vehicle_types: list[str] | None = None
    powertrains: list[str] | None = None
    refrigeration: list[str] | None = None
    min_gross_mass_kg: float | None = None
    max_gross_mass_kg: float | None = None
    min_payload_kg: float | None = None
    max_payload_kg: float | None = None
    min_length_m: float | None = None
    max_length_m: float | None = None
    min_width_m: float | None = None
    max_width_m: float | None = None
    min_height_m: float | None = None
    max_height_m: float | None = None
    min_emission_stage: int | None = None
    max_emission_stage: int | None = None

    def to_conditions(self) -> Conditions:
        """Return the evaluator's conditions."""
        given: dict[str, Any] = self.model_dump(exclude_none=True)
        for name in _SETS & given.keys():
            given[name] = frozenset(given[name])
        if self.vehicle_types is not None:
            given["vehicle_types"] = tuple(self.vehicle_types)
        return Conditions(**given)


_SETS = {"plate_colors", "powertrains", "refrigeration"}


class ScheduleState(Event):
    """Weekdays (Monday 1) and hours in which something holds; no windows mean the whole day."""

    weekdays: list[int] = Field(default_factory=lambda: sorted(EVERY_DAY))
    windows: list[WindowState] = Field(default_factory=list)
    holiday_calendar: bool = False

    def to_schedule(self) -> Schedule:
        """Return the evaluator's schedule."""
        windows = tuple(Window.parse(window.start, window.end) for window in self.windows)
        return Schedule(frozenset(self.weekdays), windows, self.holiday_calendar)


class RestrictionRuleState(ScheduleState):
    """A restriction on areas over a half-open interval; a repeal sets `valid_to`, nothing is deleted."""

    id: UUID
    code: str
    title_zh: str
    title_en: str
    area_ids: list[UUID]
    effect: Literal["allow", "permit_required", "ban"]
    priority: int = 0
    permit_types: list[str] = Field(default_factory=list)
    conditions: ConditionsState = ConditionsState()
    valid_from: Instant
    valid_to: Instant | None = None

    def to_rule(self) -> Rule:
        """Return the evaluator's rule."""
        return Rule(
            id=self.id,
            code=self.code,
            area_ids=frozenset(self.area_ids),
            effect=Effect(self.effect),
            validity=Validity(self.valid_from, self.valid_to),
            schedule=self.to_schedule(),
            conditions=self.conditions.to_conditions(),
            priority=self.priority,
            permit_types=frozenset(self.permit_types),
        )


class PermitState(ScheduleState):
    """A permit of one vehicle for areas.

    `lifts` says what it turns to allowed: `permit_required` (a permit) or `ban` (an exemption). A
    permit of an enterprise that is not active, or of a vehicle whose papers have run out, lifts nothing;
    who follows permits follows the registry's enterprises and vehicles too.
    """

    id: UUID
    code: str
    permit_type: str
    lifts: Literal["permit_required", "ban"] = "permit_required"
    vehicle_id: UUID
    enterprise_id: UUID
    area_ids: list[UUID]
    valid_from: Instant
    valid_to: Instant
    status: Literal["active", "suspended", "revoked", "expired"]
    revoked_at: Instant | None = None

    def to_grant(self) -> Permit | Exemption:
        """Return the evaluator's permit or exemption; an elapsed one is told by its validity."""
        status = GrantStatus.ACTIVE if self.status == "expired" else GrantStatus(self.status)
        common: dict[str, Any] = {
            "id": self.id,
            "code": self.code,
            "vehicle_id": self.vehicle_id,
            "area_ids": frozenset(self.area_ids),
            "validity": Validity(self.valid_from, self.valid_to),
            "schedule": self.to_schedule(),
            "status": status,
        }
        if self.lifts == "ban":
            return Exemption(**common)
        return Permit(**common, permit_type=self.permit_type)
