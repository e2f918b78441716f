"""Vehicles: registrations of plate, colour and owner over an interval. Masses kg, lengths m, volume m³."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import EnergyCode, PlateNumber, ReasonText, VehicleType
from services.shared.schemas import Identifier, Instant, Strict
from services.shared.standards.energy import Powertrain, check_energy_code
from services.shared.standards.plates import PLATE_COLOR_NAMES, check_plate

_COLORS = ", ".join(f"{color.value} {names[0]}" for color, names in PLATE_COLOR_NAMES.items())
Refrigeration = Literal["none", "insulated", "refrigerated"]
Mass = Annotated[int, Field(ge=1, le=200_000, description="Kilograms.", examples=[4495])]
Length = Annotated[float, Field(gt=0, le=30, description="Metres.", examples=[5.995])]
Width = Annotated[float, Field(gt=0, le=5, examples=[2.1])]
Height = Annotated[float, Field(gt=0, le=6, examples=[2.9])]
Volume = Annotated[float, Field(gt=0, le=200, description="Cubic metres of the load space.", examples=[14.5])]


def _refuse(code: str, zh: str, en: str) -> PydanticCustomError:
    return PydanticCustomError("standard", "{zh} / {en}", {"code": code, "zh": zh, "en": en})


class _Technical(Strict):
    """What is true of the vehicle itself."""

    powertrain: Annotated[Powertrain, Field(strict=False, description="ICE, HEV, PHEV, REEV, BEV or FCEV.")]
    energy_code: Annotated[EnergyCode | None, Field(description="Energy code of wlhy.")] = None
    vehicle_type: Annotated[VehicleType | None, Field(description="GA 24.4.")] = None
    curb_mass_kg: Annotated[Mass | None, Field(description="Kilograms, ready to drive.")] = None
    payload_kg: Annotated[Mass, Field(description="Approved load, kilograms.", examples=[1490])]
    gross_mass_kg: Annotated[Mass | None, Field(description="Kilograms, fully laden.")] = None
    volume_m3: Annotated[Volume | None, Field(description="Cubic metres of the load space.")] = None
    length_m: Annotated[Length | None, Field(description="Metres.")] = None
    width_m: Annotated[Width | None, Field(description="Metres.")] = None
    height_m: Annotated[Height | None, Field(description="Metres.")] = None
    refrigeration: Annotated[Refrigeration, Field(description="Temperature equipment.")] = "none"

    @field_validator("energy_code")
    @classmethod
    def _energy_agrees(cls, code: str | None, info: ValidationInfo) -> str | None:
        warnings = check_energy_code(code, info.data.get("powertrain")).warnings if code else ()
        if warnings:
            raise _refuse(warnings[0].code, warnings[0].zh, warnings[0].en)
        return code

    @field_validator("gross_mass_kg")
    @classmethod
    def _masses_agree(cls, gross: int | None, info: ValidationInfo) -> int | None:
        least = max(info.data.get("payload_kg") or 0, info.data.get("curb_mass_kg") or 0)
        if gross is not None and gross < least:
            raise _refuse(
                "vehicle.masses",
                "总质量小于整备质量或核定载质量",
                "less than curb_mass_kg or payload_kg",
            )
        return gross


class VehicleCreate(_Technical):
    """A new registration."""

    enterprise_id: Annotated[
        Identifier | None, Field(description="The owner; needed from an office, a firm registers its own.")
    ] = None
    plate_number: PlateNumber
    plate_color: Annotated[int, Field(description=f"Plate colour code: {_COLORS}.", examples=[2])]
    valid_from: Annotated[Instant | None, Field(description="Default: now.")] = None
    valid_to: Annotated[Instant | None, Field(description="Exclusive; default: open.")] = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "plate_number": "辽L12345",
                    "plate_color": 2,
                    "powertrain": "BEV",
                    "energy_code": "C",
                    "vehicle_type": "H32",
                    "curb_mass_kg": 2600,
                    "gross_mass_kg": 4495,
                    "payload_kg": 1765,
                    "volume_m3": 14.5,
                    "refrigeration": "none",
                }
            ]
        }
    )

    @field_validator("plate_color")
    @classmethod
    def _plate_fits_color(cls, color: int, info: ValidationInfo) -> int:
        plate = info.data.get("plate_number")
        if plate is None:
            return color
        check = check_plate(plate, color)
        faults = (*check.reasons, *(w for w in check.warnings if w.code == "plate.color_mismatch"))
        if faults:
            raise _refuse(faults[0].code, faults[0].zh, faults[0].en)
        return color

    @field_validator("valid_to")
    @classmethod
    def _runs_forward(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("valid_from")
        if end is not None and start is not None and end <= start:
            raise _refuse("interval", "终止时间须晚于起始时间", "must be after valid_from")
        return end

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


class VehicleOut(EntityOut):
    """A registration."""

    enterprise_id: UUID = Field(description="The owner.")
    plate_number: str = Field(description="In canonical form.")
    plate_color: int = Field(description="Plate colour code.")
    valid_from: Instant = Field(description="Begin of the registration.")
    valid_to: Instant | None = Field(description="End, exclusive; null while open.")
    predecessor_id: UUID | None = Field(description="The registration this one continues after a transfer.")
    end_reason: str | None = Field(description="Why it ended.")
    powertrain: Powertrain = Field(description="ICE, HEV, PHEV, REEV, BEV or FCEV.")
    energy_code: str | None = Field(description="Energy code of wlhy.")
    vehicle_type: str | None = Field(description="GA 24.4.")
    curb_mass_kg: int | None = Field(description="Kilograms.")
    gross_mass_kg: int | None = Field(description="Kilograms.")
    payload_kg: int = Field(description="Approved load, kilograms.")
    volume_m3: float | None = Field(description="Cubic metres of the load space.")
    length_m: float | None = Field(description="Metres.")
    width_m: float | None = Field(description="Metres.")
    height_m: float | None = Field(description="Metres.")
    refrigeration: Refrigeration = Field(description="Temperature equipment.")
    is_demo: bool = Field(description="A demonstration tenant, in no public figure.")
