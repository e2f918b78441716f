"""Vehicles: registrations of plate, colour and owner over an interval. Masses kg, lengths m, volume m³."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.registry.schemas.fields import EnergyCode, PlateNumber, ReasonText, VehicleType
from services.shared.schemas import Identifier, Instant, Out, Strict
from services.shared.standards.energy import Powertrain, check_energy_code
from services.shared.standards.plates import PLATE_COLOR_NAMES, check_plate

Refrigeration = Literal["none", "insulated", "refrigerated"]
Mass = Annotated[int, Field(ge=1, le=200_000, description="Kilograms.", examples=[4495])]
Length = Annotated[float, Field(gt=0, le=30, description="Metres.", examples=[5.995])]
Volume = Annotated[float, Field(gt=0, le=200, description="Cubic metres of the load space.", examples=[14.5])]


def _refuse(code: str, zh: str, en: str) -> PydanticCustomError:
    return PydanticCustomError(code, "{zh} / {en}", {"zh": zh, "en": en})


class _Technical(Strict):
    """What is true of the vehicle itself."""

    powertrain: Annotated[Powertrain, Field(strict=False, description="ICE, HEV, PHEV, REEV, BEV or FCEV.")]
    energy_code: EnergyCode | None = None
    vehicle_type: VehicleType | None = None
    curb_mass_kg: Mass | None = None
    gross_mass_kg: Mass | None = None
    payload_kg: Annotated[Mass, Field(description="Approved load, kilograms.", examples=[1490])]
    volume_m3: Volume | None = None
    length_m: Length | None = None
    width_m: Annotated[float, Field(gt=0, le=5, description="Metres.", examples=[2.1])] | None = None
    height_m: Annotated[float, Field(gt=0, le=6, description="Metres.", examples=[2.9])] | None = None
    refrigeration: Annotated[Refrigeration, Field(description="Temperature equipment.")] = "none"

    @model_validator(mode="after")
    def _masses_agree(self) -> Self:
        least = max(self.payload_kg, self.curb_mass_kg or 0)
        if self.gross_mass_kg is not None and self.gross_mass_kg < least:
            raise _refuse(
                "gross_mass_kg",
                "总质量小于整备质量或核定载质量",
                "gross_mass_kg is less than curb_mass_kg or payload_kg",
            )
        return self

    @model_validator(mode="after")
    def _energy_agrees(self) -> Self:
        if self.energy_code is not None:
            warnings = check_energy_code(self.energy_code, self.powertrain).warnings
            if warnings:
                raise _refuse("energy_code", warnings[0].zh, warnings[0].en)
        return self


class VehicleCreate(_Technical):
    """A new registration."""

    enterprise_id: Annotated[
        Identifier | None, Field(description="The owner; needed from an office, a firm registers its own.")
    ] = None
    plate_number: PlateNumber
    plate_color: Annotated[
        int, Field(description="Plate colour code: " + ", ".join(f"{c.value} {n[0]}" for c, n in PLATE_COLOR_NAMES.items()))
    ]
    valid_from: Annotated[Instant | None, Field(description="Default: now.")] = None
    valid_to: Annotated[Instant | None, Field(description="Exclusive; default: open.")] = None

    @model_validator(mode="after")
    def _plate_fits_color(self) -> Self:
        check = check_plate(self.plate_number, self.plate_color)
        faults = (*check.reasons, *(w for w in check.warnings if w.code == "plate.color_mismatch"))
        if faults:
            raise _refuse("plate_color", faults[0].zh, faults[0].en)
        return self

    @model_validator(mode="after")
    def _interval_runs_forward(self) -> Self:
        if self.valid_from is not None and self.valid_to is not None and self.valid_to <= self.valid_from:
            raise _refuse("valid_to", "终止时间须晚于起始时间", "valid_to must be after valid_from")
        return self

    def technical(self) -> dict[str, object]:
        """Return the vehicle's own properties."""
        return self.model_dump(include=set(_Technical.model_fields))


class VehicleUpdate(_Technical):
    """The vehicle's properties as they are now; replaces them all."""


class DeregistrationCreate(Strict):
    """The end of a registration."""

    reason: ReasonText
    at: Annotated[Instant | None, Field(description="When it ends; default: now.")] = None


class TransferCreate(Strict):
    """A new owner: this registration ends, a new id begins and names this one as its predecessor."""

    enterprise_id: Annotated[Identifier, Field(description="The new owner, active.")]
    at: Annotated[Instant | None, Field(description="When; default: now.")] = None
    reason: ReasonText


class VehicleOut(Out):
    """A registration."""

    id: UUID
    enterprise_id: UUID
    plate_number: str
    plate_color: int
    valid_from: Instant
    valid_to: Instant | None
    predecessor_id: UUID | None
    end_reason: str | None
    powertrain: Powertrain
    energy_code: str | None
    vehicle_type: str | None
    curb_mass_kg: int | None
    gross_mass_kg: int | None
    payload_kg: int
    volume_m3: float | None
    length_m: float | None
    width_m: float | None
    height_m: float | None
    refrigeration: Refrigeration
    is_demo: bool
    version: int
    created_at: Instant
    updated_at: Instant
