"""Complaints 投诉: intake by anybody, handling by named officials, the firm's statement, the outcome."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.complaints import (
    CATEGORY_NAMES,
    OUTCOME_NAMES,
    ComplaintCategory,
    ComplaintOutcome,
    ComplaintStatus,
)
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import Evidence, FreeText, Phone, PlateNumber, Uscc
from services.registry.schemas.standards import refused
from services.shared.schemas import (
    Identifier,
    Instant,
    Latitude,
    Longitude,
    Name,
    Out,
    Strict,
    Text,
    not_blank,
    shown_once,
)
from services.shared.standards.coordinates import Crs
from services.shared.standards.free_text import holds_personal_number
from services.shared.standards.plates import PLATE_COLOR_NAMES, check_plate

_COLORS = ", ".join(f"{color.value} {names[0]}" for color, names in PLATE_COLOR_NAMES.items())
_CATEGORIES = ", ".join(f"{each.value} {names[0]}" for each, names in CATEGORY_NAMES.items())
_OUTCOMES = ", ".join(f"{each.value} {names[0]}" for each, names in OUTCOME_NAMES.items())


def _without_number(text: str) -> str:
    if holds_personal_number(text):
        raise PydanticCustomError(
            "personal_number",
            "不得填写身份证号码或手机号码，联系方式请填入 contact"
            " / must not hold an identity or a mobile number; put what you can be reached by into contact",
        )
    return text


Told = Annotated[Text, AfterValidator(_without_number)]
"""What the public writes, beside the contact, which alone is sealed."""
Words = Annotated[FreeText, Field(min_length=1), AfterValidator(not_blank)]
"""What somebody writes: 1 to 10,000 characters, kept as it is and never rendered."""
Category = Annotated[
    ComplaintCategory, Field(strict=False, description=_CATEGORIES, examples=["illegal_parking"])
]


class ContactIn(Strict):
    """How the complainant can be reached; kept sealed, shown masked."""

    name: Annotated[
        Annotated[Name, Field(max_length=100)] | None, Field(description="Name.", examples=["王小明"])
    ] = None
    phone: Annotated[Phone | None, Field(description="Telephone number.")] = None


class ComplaintCreate(Strict):
    """A complaint about a firm, by its code or name, or a vehicle, by plate and colour."""

    uscc: Annotated[Uscc | None, Field(description="The firm's unified social credit code.")] = None
    enterprise_name: Annotated[
        Annotated[Name, AfterValidator(_without_number)] | None, Field(description="The firm's name.")
    ] = None
    plate_number: Annotated[PlateNumber | None, Field(description="The vehicle's plate.")] = None
    plate_color: Annotated[
        int | None, Field(validate_default=True, description=f"With a plate and only then: {_COLORS}.")
    ] = None
    category: Category
    text: Annotated[
        Told,
        Field(min_length=1, description="What happened.", examples=["占用非机动车道卸货二十分钟"]),
        AfterValidator(not_blank),
    ]
    occurred_at: Annotated[Instant, Field(description="When it happened.")]
    place: Annotated[Annotated[Told, Field(max_length=500)] | None, Field(description="Where, in words.")] = (
        None
    )
    lon: Annotated[Longitude | None, Field(description="Degrees east, in `crs`.")] = None
    lat: Annotated[
        Latitude | None, Field(validate_default=True, description="Degrees north; with `lon` and only then.")
    ] = None
    crs: Annotated[Crs, Field(strict=False, description="System of the coordinates given.")] = Crs.WGS84
    contact: Annotated[ContactIn | None, Field(description="Optional; without it nobody can ask back.")] = (
        None
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "plate_number": "辽L12345",
                    "plate_color": 2,
                    "category": "illegal_parking",
                    "text": "占用非机动车道卸货二十分钟",
                    "occurred_at": "2026-10-08T08:30:00+08:00",
                    "place": "兴隆台区市府大街",
                    "contact": {"name": "王小明", "phone": "13900001234"},
                }
            ]
        }
    )

    @field_validator("plate_color")
    @classmethod
    def _color_with_plate(cls, color: int | None, info: ValidationInfo) -> int | None:
        if "plate_number" not in info.data:
            return color
        plate = info.data["plate_number"]
        if (color is None) != (plate is None):
            raise PydanticCustomError(
                "plate_color", "号牌与颜色须同时填写 / plate_number and plate_color go together"
            )
        check = check_plate(plate, color) if plate is not None else None
        faults = (*check.reasons, *check.warnings) if check else ()
        fault = next((each for each in faults if each.code.startswith("plate.color")), None)
        if fault is not None:
            raise refused(fault)
        return color

    @field_validator("lat")
    @classmethod
    def _both_or_none(cls, lat: float | None, info: ValidationInfo) -> float | None:
        if "lon" in info.data and (lat is None) != (info.data["lon"] is None):
            raise PydanticCustomError("position", "经纬度须同时填写 / lon and lat go together")
        return lat

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if self.uscc is None and self.enterprise_name is None and self.plate_number is None:
            raise PydanticCustomError(
                "subject_missing",
                "须填写企业代码、企业名称或号牌 / name the firm by uscc or enterprise_name, or a plate",
            )
        return self


class ComplaintProgressOut(Out):
    """What the complainant is told; nothing about which firm was found or asked."""

    id: UUID = Field(description="The complaint.")
    status: Literal["submitted", "in_progress", "closed"] = Field(description="How far it is.")
    submitted_at: Instant = Field(description="When it came in.")
    accepted_at: Instant | None = Field(description="When an official took it up.")
    decided_at: Instant | None = Field(description="When it was closed.")
    outcome: ComplaintOutcome | None = Field(description=_OUTCOMES)
    reply: str | None = Field(description="The office's answer.")
    contact_kept: bool = Field(description="Whether a name or number is still on record.")


class ComplaintReceipt(ComplaintProgressOut):
    """The receipt of a new complaint; the code is shown this once."""

    model_config = ConfigDict(json_schema_extra=shown_once("reference_code"))
    reference_code: str = Field(description="Reads the status and has the contact erased; keep it.")


class AcceptanceCreate(Strict):
    """An official takes a complaint up, or gives it to another one."""

    handler_id: Annotated[
        Identifier | None, Field(description="Staff account of the handler; default: the caller.")
    ] = None
    note: Annotated[Words | None, Field(description="For the record of handling.")] = None


class ComplaintAcceptanceCreate(AcceptanceCreate):
    """The same, where what was reported can be put right."""

    enterprise_id: Annotated[
        Identifier | None, Field(description="The firm it is about, where the form did not find it.")
    ] = None
    vehicle_id: Annotated[
        Identifier | None, Field(description="The registration it is about; its firm follows.")
    ] = None


class StatementRequestCreate(Strict):
    """What the firm is asked; with it the firm sees the complaint, never the complainant."""

    text: Annotated[Words, Field(description="Question to the firm.", examples=["请说明当日装卸情况"])]


class FirmStatementCreate(Strict):
    """The firm's side."""

    text: Annotated[Words, Field(description="At most 10,000 characters.", examples=["当日系临时停靠"])]
    document_ids: Evidence


class OutcomeCreate(Strict):
    """How a complaint ends."""

    outcome: Annotated[
        ComplaintOutcome, Field(strict=False, description=_OUTCOMES, examples=["substantiated"])
    ]
    measures: Annotated[Words | None, Field(description="What was done; the firm sees it.")] = None
    reply: Annotated[Words, Field(description="Answer to the complainant.", examples=["已责令整改"])]


class ComplaintOut(EntityOut):
    """A complaint as offices and, once it was forwarded, the firm see it; never the complainant."""

    status: ComplaintStatus = Field(description="How far it is.")
    category: ComplaintCategory = Field(description=_CATEGORIES)
    text: str = Field(description="What happened, as it was written.")
    occurred_at: Instant = Field(description="When it happened.")
    place: str | None = Field(description="Where, in words.")
    lon: float | None = Field(description="Degrees east, WGS-84.")
    lat: float | None = Field(description="Degrees north, WGS-84.")
    reported_uscc: str | None = Field(description="The firm's code as reported.")
    reported_name: str | None = Field(description="The firm's name as reported.")
    reported_plate_number: str | None = Field(description="The plate as reported.")
    reported_plate_color: int | None = Field(description="Its colour.")
    enterprise_id: UUID | None = Field(description="The firm of the registry; null where none was found.")
    vehicle_id: UUID | None = Field(description="The registration in force when it happened.")
    handler_name: str | None = Field(description="The official who handles it.")
    accepted_at: Instant | None = Field(description="When it was taken up.")
    request_text: str | None = Field(description="What the firm was asked last.")
    forwarded_at: Instant | None = Field(description="When the firm was asked first.")
    statement_text: str | None = Field(description="The firm's last statement.")
    statement_document_ids: list[UUID] | None = Field(description="Its evidence.")
    answered_at: Instant | None = Field(description="When the firm answered last.")
    outcome: ComplaintOutcome | None = Field(description=_OUTCOMES)
    measures: str | None = Field(description="What was done.")
    decided_by_name: str | None = Field(description="The official who closed it.")
    decided_at: Instant | None = Field(description="When.")


class ComplaintContactOut(Out):
    """The complainant's contact, masked."""

    name: str | None = Field(description="Masked; null where not given or erased.")
    phone: str | None = Field(description="Masked; null where not given or erased.")
    erased_at: Instant | None = Field(description="When the complainant had it erased.")


class ComplaintEventOut(Out):
    """One step of the handling."""

    id: UUID = Field(description="The step.")
    kind: Literal[
        "submitted", "accepted", "assigned", "forwarded", "answered", "closed", "contact_erased"
    ] = Field(description="What was done.")
    at: Instant = Field(description="When.")
    by_name: str | None = Field(description="The official; null for the complainant and for a firm.")
    text: str | None = Field(description="Note, question, statement or reply.")
