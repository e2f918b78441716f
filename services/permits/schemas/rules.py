"""Restriction rules over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.permits.schemas.fields import (
    AreaIds,
    Codes,
    EraInstant,
    PlateColorCode,
    Reasoning,
    ScheduleIn,
    ScheduleOut,
)
from services.shared.schemas import Code, Instant, Name, Out, Strict
from services.shared.standards.energy import Powertrain

Effect = Literal["allow", "permit_required", "ban"]
Mass = Annotated[float, Field(ge=0, le=200_000)]
Length = Annotated[float, Field(ge=0, le=100)]
Stage = Annotated[int, Field(ge=0, le=6)]


def _powertrains(values: list[str]) -> list[str]:
    if not set(values) <= {item.value for item in Powertrain}:
        raise PydanticCustomError("powertrain", "未知的动力类型 / unknown powertrain")
    return values


class ConditionsIn(Strict):
    """Which vehicles the rule is about; all given conditions must hold, bounds include their limit."""

    plate_colors: list[PlateColorCode] | None = Field(default=None, min_length=1, max_length=20)
    vehicle_types: list[Annotated[str, Field(pattern=r"^[HQBGKMNZX][0-9]{0,2}$")]] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="Prefixes of GA 24.4 codes, e.g. H1 (heavy trucks).",
    )
    powertrains: Annotated[list[str], AfterValidator(_powertrains)] | None = Field(
        default=None, min_length=1, max_length=6, description="ICE, HEV, PHEV, REEV, BEV, FCEV."
    )
    refrigeration: list[Literal["none", "insulated", "refrigerated"]] | None = Field(
        default=None, min_length=1, max_length=3
    )
    min_gross_mass_kg: Mass | None = None
    max_gross_mass_kg: Mass | None = None
    min_payload_kg: Mass | None = None
    max_payload_kg: Mass | None = None
    min_length_m: Length | None = None
    max_length_m: Length | None = None
    min_width_m: Length | None = None
    max_width_m: Length | None = None
    min_height_m: Length | None = None
    max_height_m: Length | None = None
    min_emission_stage: Stage | None = Field(
        default=None, description="National stage 1 to 6; 0: no exhaust."
    )
    max_emission_stage: Stage | None = Field(
        default=None, description="National stage 1 to 6; 0: no exhaust."
    )

    @model_validator(mode="after")
    def _ordered(self) -> "ConditionsIn":
        for name in type(self).model_fields:
            low, high = getattr(self, name), getattr(self, name.replace("min_", "max_"))
            if name.startswith("min_") and low is not None and high is not None and low > high:
                raise PydanticCustomError(
                    "bounds", "{name}：下限大于上限 / lower bound above upper", {"name": name}
                )
        return self


class RestrictionRuleCreate(ScheduleIn):
    """A new rule, made by a named official."""

    code: Code = Field(description="Stable code, kept for ever.", examples=["PJ-CORE-DAY"])
    title_zh: Name = Field(description="Title in Chinese.", examples=["核心区白天货车限行"])
    title_en: Name = Field(description="Title in English.", examples=["Core zone, no trucks by day"])
    legal_basis: Reasoning | None = Field(default=None, description="The notice that orders it.")
    area_ids: AreaIds = Field(description="Areas of the registry the rule holds in.")
    effect: Effect = Field(description="allow, permit_required or ban.")
    priority: int = Field(default=0, ge=-1000, le=1000, description="Higher decides first.")
    permit_types: Codes = Field(
        default=[], description="Codes of the permit types that lift it; none means any."
    )
    conditions: ConditionsIn = Field(default=ConditionsIn(), description="Which vehicles it is about.")
    valid_from: EraInstant = Field(description="First instant it holds.")
    valid_to: EraInstant | None = Field(default=None, description="First instant it no longer holds.")

    @model_validator(mode="after")
    def _ordered(self) -> "RestrictionRuleCreate":
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise PydanticCustomError(
                "interval", "valid_to 须晚于 valid_from / valid_to must be after valid_from"
            )
        return self


class RepealIn(Strict):
    """Ending a rule."""

    reason: Reasoning = Field(description="Why.")
    at: EraInstant | None = Field(default=None, description="When it ends; now if absent, never in the past.")


class ConditionsOut(Out):
    """Which vehicles a rule is about; null is no condition."""

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


class RestrictionRuleOut(ScheduleOut):
    """A rule with its standing."""

    id: UUID
    code: str
    title_zh: str
    title_en: str
    legal_basis: str | None
    area_ids: list[UUID]
    effect: Effect
    priority: int
    permit_types: list[str]
    conditions: ConditionsOut
    valid_from: Instant
    valid_to: Instant | None
    made_at: Instant
    repealed_at: Instant | None
    repeal_reason: str | None
    version: int
