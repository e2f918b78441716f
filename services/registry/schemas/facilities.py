"""Facilities: what they are, their stages, their corrections, their numbers."""

from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.registry.domain.facilities import SAFETY_MEMBERS, FacilityKind
from services.registry.domain.lifecycle import FacilityStatus
from services.registry.schemas.capacities import Capacity
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import Day, ReasonText, Uscc
from services.registry.schemas.places import DivisionCode, Note, PositionIn
from services.shared.auth import Principal
from services.shared.schemas import Code, Identifier, Instant, Name, Out, Strict

DocumentIds = Annotated[
    list[Identifier], Field(max_length=20, description="Documents uploaded before, as evidence.")
]

_HUB: JsonDict = {
    "code": "PJ-HUB-NORTHEAST",
    "name": "中国物流东北物流交易中心",
    "capacity": {"kind": "freight_hub", "area_m2": 240000, "docks": 60, "services": ["transhipment"]},
    "operator": {"name": "盘锦某某物流园有限公司", "uscc": "91110000600037341L"},
    "owner_department": "transport",
    "division_code": "211103",
    "lon": 122.14,
    "lat": 41.066,
    "planned_on": "2023-05-01",
}


class OperatorIn(Strict):
    """An operator that is no firm of the registry."""

    name: Annotated[Name, Field(description="Registered name.", examples=["盘锦某某停车管理有限公司"])]
    uscc: Uscc


class FacilityUpdate(PositionIn):
    """A facility as it is now; replaces all of it. Its kind, code and stages do not change here."""

    name: Annotated[Name, Field(description="For people.", examples=["中国物流东北物流交易中心"])]
    capacity: Capacity
    enterprise_id: Annotated[
        Identifier | None, Field(description="The firm of the registry that operates it; a firm's own.")
    ] = None
    operator: Annotated[
        OperatorIn | None, Field(description="Another operator, named by an office; not beside a firm.")
    ] = None
    owner_department: Annotated[
        Code | None, Field(description="Department it belongs to, by its code in the city profile.")
    ] = None
    division_code: DivisionCode | None = None
    zone_code: Annotated[Code | None, Field(description="Zone of the city profile it lies in.")] = None
    address: Annotated[Note | None, Field(description="Street address.")] = None
    area_id: Annotated[Identifier | None, Field(description="The area that is its site.")] = None
    schematic: Annotated[bool, Field(description="The position is a sketch, not surveyed.")] = False
    document_ids: DocumentIds = Field(default=[])

    @field_validator("operator")
    @classmethod
    def _one_operator(cls, operator: OperatorIn | None, info: ValidationInfo) -> OperatorIn | None:
        if operator is not None and info.data.get("enterprise_id") is not None:
            raise PydanticCustomError(
                "operator_twice", "与 enterprise_id 只能给出一个 / not beside enterprise_id"
            )
        return operator


class FacilityCreate(FacilityUpdate):
    """A new facility, planned from a day on."""

    code: Annotated[Code, Field(description="Stable code.", examples=["PJ-HUB-NORTHEAST"])]
    planned_on: Annotated[Day, Field(description="Day of the plan, not in the future.")]

    model_config = ConfigDict(json_schema_extra={"examples": [_HUB]})


class StepCreate(Strict):
    """A stage reached."""

    on: Annotated[Day, Field(description="The day, not in the future nor before the stage before.")]
    note: Annotated[Note | None, Field(description="What was decided or seen.")] = None
    document_ids: DocumentIds = Field(default=[])


class CorrectionCreate(Strict):
    """A recorded stage put right: another day, or withdrawn because it was never reached."""

    status: Annotated[FacilityStatus, Field(strict=False, description="The stage that is recorded wrongly.")]
    on: Annotated[Day | None, Field(description="The right day; null withdraws the stage.")]
    reason: ReasonText
    document_ids: DocumentIds = Field(default=[])


class ConfirmationCreate(Strict):
    """An official's word that a facility, its bays and chargers are as they are recorded."""

    document_ids: Annotated[
        list[Identifier], Field(max_length=20, description="Evidence of the confirmation.")
    ] = Field(default=[])


class FacilityOut(EntityOut):
    """A facility; position in WGS-84, days in the city's zone."""

    code: str = Field(description="Stable code.")
    name: str = Field(description="For people.")
    kind: FacilityKind = Field(description="What it is.")
    status: FacilityStatus = Field(description="The last stage recorded.")
    planned_on: date = Field(description="Day of the plan.")
    built_on: date | None = Field(description="Day its construction was completed.")
    opened_on: date | None = Field(description="First day of operation, decided by an official.")
    closed_on: date | None = Field(description="First day it was closed.")
    opening_document_ids: list[UUID] = Field(description="Evidence of the opening.")
    enterprise_id: UUID | None = Field(description="The firm of the registry that operates it.")
    operator_name: str | None = Field(description="Another operator.")
    operator_uscc: str | None = Field(description="Its unified social credit code.")
    owner_department: str | None = Field(description="Department it belongs to.")
    division_code: str | None = Field(description="County-level code of GB/T 2260.")
    zone_code: str | None = Field(description="Zone of the city profile.")
    address: str | None = Field(description="Street address.")
    lon: float = Field(description="Degrees east, WGS-84.")
    lat: float = Field(description="Degrees north, WGS-84.")
    area_id: UUID | None = Field(description="The area that is its site.")
    capacity: dict[str, Any] = Field(
        description="What it can do, by its kind; units in the names. A mail site's safety equipment is shown"
        " to its operator and the offices alone."
    )
    document_ids: list[UUID] = Field(description="Evidence of the rest.")
    confirmed_at: Instant | None = Field(
        description="When an official confirmed what stands here; null while it is the operator's own word."
    )
    confirmation_document_ids: list[UUID] = Field(description="Evidence of the last confirmation.")
    schematic: bool = Field(description="The position is a sketch, not surveyed.")
    is_demo: bool = Field(description="Of a demonstration tenant, in no public figure.")

    @classmethod
    def shown_to(cls, who: Principal, facility: Any) -> Self:
        """Return a facility as a party may see it."""
        shown = cls.model_validate(facility)
        if who.is_bureau or (who.enterprise_id is not None and who.enterprise_id == shown.enterprise_id):
            return shown
        public = {name: value for name, value in shown.capacity.items() if name not in SAFETY_MEMBERS}
        return shown.model_copy(update={"capacity": public})


class StepOut(Out):
    """One recorded stage, in force or superseded by a correction."""

    id: UUID = Field(description="The record.")
    status: FacilityStatus = Field(description="The stage.")
    day: date = Field(description="The day it began.")
    note: str | None = Field(description="What was decided or seen.")
    document_ids: list[UUID] = Field(description="Evidence.")
    decided_by_name: str | None = Field(description="The official; null of an operator's own word.")
    decided_at: Instant = Field(description="When it was recorded.")
    corrects_id: UUID | None = Field(description="The record it puts right.")
    superseded_at: Instant | None = Field(description="When a correction took its place; null in force.")
    superseded_by_name: str | None = Field(description="The official who corrected it.")
    superseded_reason: str | None = Field(description="Why.")


class FacilityCount(Out):
    """The numbers of one kind on one day. Demonstration tenants are not counted.

    Bays and chargers are those in service at operating facilities; what no official has confirmed is told
    apart and not counted.
    """

    kind: FacilityKind = Field(description="The kind.")
    name_zh: str = Field(description="Its name in Chinese.")
    name_en: str = Field(description="Its name in English.")
    planned: int = Field(description="Facilities planned and not built.")
    built: int = Field(description="Built and not operating.")
    operating: int = Field(description="Operating.")
    operating_with_evidence: int = Field(description="Of these, with evidence of the opening.")
    closed: int = Field(description="Closed.")
    bays: int = Field(description="Bays in service.")
    nev_only_bays: int = Field(description="Of these, for new-energy vehicles only.")
    bays_with_charger: int = Field(description="Of these, with a charger.")
    unconfirmed_bays: int = Field(description="Bays in service by the operator's own word, not counted.")
    chargers: int = Field(description="Chargers in service.")
    delivery_chargers: int = Field(description="Of these, open to delivery vehicles.")
    unconfirmed_chargers: int = Field(description="Chargers by the operator's own word, not counted.")


class FacilityCounts(Out):
    """The numbers of every kind on one day."""

    on: date = Field(description="The day, at whose end these are the numbers.")
    items: list[FacilityCount] = Field(description="One a kind, all kinds.")
