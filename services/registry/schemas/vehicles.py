"""Vehicles: registrations of plate, colour and owner over an interval. Masses kg, lengths m, volume m³."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationInfo, computed_field, field_validator

from services.registry.domain.vehicles import refuse_certificate_number, vehicle_warnings
from services.registry.schemas.entities import EntityOut, WarningOut
from services.registry.schemas.fields import (
    CertificateNumber,
    Day,
    EnergyCode,
    FreeText,
    PlateNumber,
    ReasonText,
    VehicleType,
    Vin,
)
from services.registry.schemas.standards import refused
from services.shared.schemas import Identifier, Instant, Strict
from services.shared.standards.check import Reason
from services.shared.standards.energy import Powertrain, check_energy_code
from services.shared.standards.plates import PLATE_COLOR_NAMES, check_plate

_COLORS = ", ".join(f"{color.value} {names[0]}" for color, names in PLATE_COLOR_NAMES.items())
Refrigeration = Literal["none", "insulated", "refrigerated"]
Mass = Annotated[int, Field(ge=1, le=200_000, description="Kilograms.", examples=[4495])]
Length = Annotated[float, Field(gt=0, le=30, description="Metres.", examples=[5.995])]
Width = Annotated[float, Field(gt=0, le=5, examples=[2.1])]
Height = Annotated[float, Field(gt=0, le=6, examples=[2.9])]
UseCharacter = Literal["freight", "non_operating", "leasing", "hazardous", "special", "other"]
EntryReason = Literal["new", "replacement", "transfer_in"]
ExitReason = Literal["scrapped", "sold", "transfer_out", "re_plated", "other"]
_KEPT = "Null leaves what is on record; a renewal keeps the earlier one (`/v1/certificates`)."
Volume = Annotated[float, Field(gt=0, le=200, description="Cubic metres of the load space.", examples=[14.5])]


_ISSUED_EARLY = Reason("vehicle.days", "发证日期早于注册日期", "earlier than registered_on")
_TOO_LIGHT = Reason(
    "vehicle.masses", "总质量小于整备质量或核定载质量", "less than curb_mass_kg or payload_kg"
)
_BACKWARD = Reason("interval", "终止时间须晚于起始时间", "must be after valid_from")


def _fitting(color: int, plate: str | None) -> int:
    """Return the colour when it goes with the plate."""
    if plate is None:
        return color
    check = check_plate(plate, color)
    faults = (*check.reasons, *(w for w in check.warnings if w.code == "plate.color_mismatch"))
    if faults:
        raise refused(faults[0])
    return color


PlateColorCode = Annotated[int, Field(description=f"Plate colour code: {_COLORS}.", examples=[2])]


class VehicleProperties(Strict):
    """What is true of the vehicle itself, and of its papers."""

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
    vin: Annotated[Vin | None, Field(description="VIN, GB 16735.")] = None
    emission_stage: Annotated[
        int | None,
        Field(ge=0, le=6, description="National stage 国 1 to 6; 0 without exhaust.", examples=[6]),
    ] = None
    use_character: Annotated[
        UseCharacter | None, Field(description="Use character of the vehicle licence.", examples=["freight"])
    ] = None
    registered_on: Annotated[Day | None, Field(description="Day of registration on the vehicle licence.")] = (
        None
    )
    licence_issued_on: Annotated[Day | None, Field(description="Day the vehicle licence was issued.")] = None
    licence_issuer: Annotated[
        Annotated[FreeText, Field(min_length=1, max_length=128)] | None,
        Field(description="Who issued the vehicle licence.", examples=["盘锦市公安局交通警察支队"]),
    ] = None
    entry_reason: Annotated[
        EntryReason | None, Field(description="Why it joined the fleet.", examples=["new"])
    ] = None
    entry_on: Annotated[Day | None, Field(description="Day it joined the fleet.")] = None
    inspection_valid_to: Annotated[Day | None, Field(description=f"Last day of the inspection. {_KEPT}")] = (
        None
    )
    insurance_valid_to: Annotated[Day | None, Field(description=f"Last day of the insurance. {_KEPT}")] = None
    road_transport_certificate_number: Annotated[
        CertificateNumber | None,
        Field(
            description=f"Road transport certificate; not needed up to 4.5 t. {_KEPT}",
            examples=["211103000123"],
        ),
    ] = None
    road_transport_certificate_valid_to: Annotated[
        Day | None, Field(description=f"Last day of the road transport certificate. {_KEPT}")
    ] = None

    @field_validator("licence_issued_on")
    @classmethod
    def _issued_after_registration(cls, issued: date | None, info: ValidationInfo) -> date | None:
        first = info.data.get("registered_on")
        if issued is not None and first is not None and issued < first:
            raise refused(_ISSUED_EARLY)
        return issued

    @field_validator("road_transport_certificate_number")
    @classmethod
    def _filler_fits_mass(cls, number: str | None, info: ValidationInfo) -> str | None:
        refusal = refuse_certificate_number(number, info.data.get("gross_mass_kg"))
        if refusal is not None:
            raise refused(refusal)
        return number

    @field_validator("energy_code")
    @classmethod
    def _energy_agrees(cls, code: str | None, info: ValidationInfo) -> str | None:
        warnings = check_energy_code(code, info.data.get("powertrain")).warnings if code else ()
        if warnings:
            raise refused(warnings[0])
        return code

    @field_validator("gross_mass_kg")
    @classmethod
    def _masses_agree(cls, gross: int | None, info: ValidationInfo) -> int | None:
        least = max(info.data.get("payload_kg") or 0, info.data.get("curb_mass_kg") or 0)
        if gross is not None and gross < least:
            raise refused(_TOO_LIGHT)
        return gross


class VehicleCreate(VehicleProperties):
    """A new registration."""

    enterprise_id: Annotated[
        Identifier | None, Field(description="The owner; needed from an office, a firm registers its own.")
    ] = None
    plate_number: PlateNumber
    plate_color: PlateColorCode
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
        return _fitting(color, info.data.get("plate_number"))

    @field_validator("valid_to")
    @classmethod
    def _runs_forward(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("valid_from")
        if end is not None and start is not None and end <= start:
            raise refused(_BACKWARD)
        return end


class VehicleUpdate(VehicleProperties):
    """The vehicle's properties as they are now; replaces them all."""


class DeregistrationCreate(Strict):
    """The end of a registration."""

    reason: ReasonText
    exit_reason: Annotated[ExitReason, Field(description="Why the vehicle leaves the fleet.")] = "other"
    at: Annotated[Instant | None, Field(description="When it ends; default: now.")] = None


class ReplatingCreate(Strict):
    """New plates: this registration ends, a new id begins and names this one as its predecessor."""

    plate_number: PlateNumber
    plate_color: PlateColorCode
    reason: ReasonText
    at: Annotated[Instant | None, Field(description="When; default: now.")] = None

    @field_validator("plate_color")
    @classmethod
    def _plate_fits_color(cls, color: int, info: ValidationInfo) -> int:
        return _fitting(color, info.data.get("plate_number"))


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
    vin: str | None = Field(description="VIN.")
    emission_stage: int | None = Field(description="National stage; 0 without exhaust.")
    use_character: str | None = Field(description="Use character of the vehicle licence.")
    registered_on: date | None = Field(description="Day of registration on the vehicle licence.")
    licence_issued_on: date | None = Field(description="Day the vehicle licence was issued.")
    licence_issuer: str | None = Field(description="Who issued the vehicle licence.")
    entry_reason: str | None = Field(description="Why it joined the fleet.")
    entry_on: date | None = Field(description="Day it joined the fleet.")
    exit_reason: str | None = Field(description="Why it left the fleet.")
    exit_on: date | None = Field(description="Day it left the fleet.")
    inspection_valid_to: date | None = Field(description="Last day of the inspection that reaches furthest.")
    insurance_valid_to: date | None = Field(description="Last day of the insurance that reaches furthest.")
    road_transport_certificate_number: str | None = Field(description="Road transport certificate.")
    road_transport_certificate_valid_to: date | None = Field(description="Its last day.")
    lapses: list[str] = Field(description="Papers that have run out; while there are any it may not operate.")
    verified: dict[str, str] = Field(
        description="How far each group of fields was verified; a group that is absent is self-declared."
    )
    is_demo: bool = Field(description="A demonstration tenant, in no public figure.")

    @computed_field(description="What deserves a look: check digit, plate and colour, missing papers.")
    def warnings(self) -> list[WarningOut]:
        """Return the warnings of the standards."""
        found = vehicle_warnings(
            self.plate_number,
            self.plate_color,
            self.vin,
            self.road_transport_certificate_number,
            self.gross_mass_kg,
        )
        return [WarningOut.model_validate(warning) for warning in found]
