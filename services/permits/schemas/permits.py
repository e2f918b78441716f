"""Permit types, applications and permits over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.permits.schemas.fields import AreaIds, EraInstant, Reasoning, ScheduleIn, ScheduleOut
from services.shared.schemas import Code, Identifier, Instant, Name, Out, Strict

ApplicationStatus = Literal["submitted", "approved", "rejected", "withdrawn"]
PermitStatus = Literal["active", "suspended", "revoked", "expired"]
Lifts = Literal["permit_required", "ban"]


class PermitTypeCreate(Strict):
    """A new kind of permit."""

    code: Code = Field(description="Stable code.", examples=["light-van-day"])
    name_zh: Name = Field(description="Name in Chinese.", examples=["轻微型厢式货车日间通行证"])
    name_en: Name = Field(description="Name in English.", examples=["Light van, daytime"])
    basis: Literal["area", "route"] = Field(default="area", description="What the permit is about.")
    lifts: Lifts = Field(
        default="permit_required", description="permit_required: a permit; ban: an exemption from bans."
    )
    max_days: int = Field(ge=1, le=1100, description="Longest period, days.", examples=[365])


class PermitTypeOut(Out):
    """A kind of permit."""

    id: UUID
    code: str
    name_zh: str
    name_en: str
    basis: Literal["area", "route"]
    lifts: Lifts
    max_days: int
    version: int


class PermitApplicationCreate(ScheduleIn):
    """What an enterprise asks for one of its vehicles."""

    vehicle_id: Identifier = Field(description="One of the enterprise's vehicles.")
    permit_type: Code = Field(description="Code of the permit type.")
    area_ids: AreaIds = Field(description="Areas the vehicle is to enter.")
    valid_from: EraInstant = Field(description="From when; at the earliest the approval takes effect.")
    valid_to: EraInstant = Field(description="Until when (first instant no longer covered).")
    purpose: Reasoning = Field(description="What for.", examples=["兴隆台区超市日间补货"])

    @model_validator(mode="after")
    def _ordered(self) -> "PermitApplicationCreate":
        if self.valid_to <= self.valid_from:
            raise PydanticCustomError(
                "interval", "valid_to 须晚于 valid_from / valid_to must be after valid_from"
            )
        return self


class ApprovalIn(Strict):
    """The police's consent."""

    external_number: Annotated[Name, Field(max_length=64)] | None = Field(
        default=None, description="Number of the 交管12123 code this permit stands for."
    )
    reason: Reasoning | None = Field(default=None, description="Note of the official.")


class ReasonIn(Strict):
    """Why something is refused, withdrawn or revoked."""

    reason: Reasoning = Field(description="Why.")


class PermitApplicationOut(ScheduleOut):
    """An application with its standing."""

    id: UUID
    enterprise_id: UUID
    vehicle_id: UUID
    permit_type: str
    area_ids: list[UUID]
    valid_from: Instant
    valid_to: Instant
    purpose: str
    status: ApplicationStatus
    submitted_at: Instant
    decided_at: Instant | None
    reason: str | None
    permit_id: UUID | None
    version: int


class PermitOut(ScheduleOut):
    """A permit; whatever its status, it lifts nothing while its firm is not active or its vehicle lapsed."""

    id: UUID
    code: str
    application_id: UUID
    enterprise_id: UUID
    vehicle_id: UUID
    permit_type: str
    lifts: Lifts
    area_ids: list[UUID]
    valid_from: Instant
    valid_to: Instant
    status: PermitStatus
    external_number: str | None
    issued_at: Instant
    revoked_at: Instant | None
    revocation_reason: str | None
    version: int
