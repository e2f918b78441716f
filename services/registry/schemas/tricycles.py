"""Express tricycles 快递三轮车, and how each stands to the city's checklist."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from services.registry.domain.tricycles import Checklist, ItemResult, TricycleStatus
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import Day, ReasonText
from services.shared.schemas import Code, Identifier, Name, Out, Strict

_Number = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./-]{0,31}$")]
FilingNumber = Annotated[
    Code,
    Field(description="Number the office gives it 备案编号, never given again.", examples=["PJ-KD-00017"]),
]


class TricycleUpdate(Strict):
    """What a tricycle is and has now; replaces it all. Filing, rider, inspection are steps of their own."""

    brand: Annotated[
        Name, Field(max_length=64, description="Brand of the express service.", examples=["邮政"])
    ]
    outlet: Annotated[Name | None, Field(description="Outlet 网点 it belongs to.")] = None
    model: Annotated[Name, Field(max_length=64, description="Maker's model.", examples=["KD-1200"])]
    meets_yzt_0136: Annotated[bool, Field(description="The model meets YZ/T 0136.")] = False
    frame_number: Annotated[
        _Number, Field(description="Of the frame; one tricycle has it.", examples=["LPJ20250001"])
    ]
    motor_number: Annotated[_Number | None, Field(description="Of the motor.")] = None
    tag_id: Annotated[Code | None, Field(description="Electronic tag (RFID).")] = None
    gps_terminal_number: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="GPS terminal, where it has one.")
    ] = None
    livery_document_id: Annotated[Identifier | None, Field(description="Photo of the livery.")] = None
    responsibility_document_id: Annotated[
        Identifier | None, Field(description="Statement of safety responsibility 安全管理责任书.")
    ] = None
    insurance_policy_number: Annotated[Name | None, Field(max_length=64, description="Policy.")] = None
    insurance_insurer: Annotated[Name | None, Field(max_length=128, description="Insurer.")] = None
    insurance_valid_to: Annotated[Day | None, Field(description="Last day.")] = None
    annual_check_valid_to: Annotated[Day | None, Field(description="Last day of the annual check.")] = None


_EXAMPLE: dict[str, Any] = {
    "brand": "邮政",
    "outlet": "兴隆台营业部",
    "model": "KD-1200",
    "meets_yzt_0136": True,
    "frame_number": "LPJ20250001",
    "motor_number": "M20250001",
    "tag_id": "E280-0001",
    "insurance_policy_number": "PICC-2025-0001",
    "insurance_insurer": "人保财险",
    "insurance_valid_to": "2027-05-31",
}


class TricycleCreate(TricycleUpdate):
    """A tricycle of an express firm, to be filed."""

    enterprise_id: Annotated[
        Identifier | None, Field(description="The firm; needed from an office, a firm registers its own.")
    ] = None

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})


class FilingCreate(Strict):
    """An official files 备案 a tricycle."""

    code: FilingNumber
    on: Annotated[Day | None, Field(description="Day of filing, not in the future; default: today.")] = None


class InspectionCreate(Strict):
    """What an official found, at an annual check or on the road."""

    meets_yzt_0136: Annotated[bool | None, Field(description="Whether it does; null: not looked at.")] = None
    annual_check_valid_to: Annotated[
        Day | None, Field(description="Last day of the annual check it passed; null: stays as it is.")
    ] = None
    violations_found: Annotated[int, Field(ge=0, le=100, description="Added to the count.")] = 0
    note: Annotated[ReasonText | None, Field(description="What was found.")] = None


class RiderAssignment(Strict):
    """Who rides it: one person, one tricycle."""

    rider_id: Annotated[Identifier | None, Field(description="A rider of the same firm; null: nobody.")]


class RetirementCreate(Strict):
    """The end of a tricycle."""

    reason: ReasonText


class ChecklistReason(Out):
    """One thing that is missing."""

    code: str = Field(description="Stable code.", examples=["tricycle.tag"])
    message: str = Field(description="Chinese and English.")


class ChecklistItemOut(Out):
    """One item of the checklist."""

    code: str = Field(description="The item.", examples=["identification"])
    name: str = Field(description="Chinese and English.")
    met: bool = Field(description="Whether all it requires holds.")
    reasons: list[ChecklistReason] = Field(description="What is missing.")


class ChecklistOut(Out):
    """How a tricycle stands to the checklist 四统一 in force today."""

    version: str = Field(description="Version of the city profile's checklist.")
    met: bool = Field(description="Whether every item is.")
    items: list[ChecklistItemOut] = Field(description="Item by item.")

    @classmethod
    def of(cls, checklist: Checklist, results: Sequence[ItemResult]) -> Self:
        """Return what a judgement says."""
        items = [
            ChecklistItemOut(
                code=result.item.code,
                name=f"{result.item.name_zh} / {result.item.name_en}",
                met=result.met,
                reasons=[ChecklistReason(code=r.code, message=f"{r.zh} / {r.en}") for r in result.reasons],
            )
            for result in results
        ]
        return cls(version=checklist.version, met=all(item.met for item in items), items=items)


class TricycleOut(EntityOut):
    """An express tricycle."""

    enterprise_id: UUID = Field(description="The firm.")
    code: str | None = Field(description="Filing number; null while it is not filed.")
    status: TricycleStatus = Field(description="How far its filing is.")
    brand: str = Field(description="Brand of the express service.")
    outlet: str | None = Field(description="Outlet it belongs to.")
    model: str = Field(description="Maker's model.")
    meets_yzt_0136: bool = Field(description="Meets YZ/T 0136.")
    frame_number: str = Field(description="Of the frame.")
    motor_number: str | None = Field(description="Of the motor.")
    tag_id: str | None = Field(description="Electronic tag.")
    gps_terminal_number: str | None = Field(description="GPS terminal.")
    livery_document_id: UUID | None = Field(description="Photo of the livery.")
    responsibility_document_id: UUID | None = Field(description="Statement of safety responsibility.")
    insurance_policy_number: str | None = Field(description="Policy.")
    insurance_insurer: str | None = Field(description="Insurer.")
    insurance_valid_to: date | None = Field(description="Last day.")
    annual_check_valid_to: date | None = Field(description="Last day.")
    rider_id: UUID | None = Field(description="Who rides it, a driver of kind rider.")
    filed_on: date | None = Field(description="Day of filing.")
    filed_by_name: str | None = Field(description="Official who filed it.")
    inspected_on: date | None = Field(description="Day of the last inspection.")
    inspected_by_name: str | None = Field(description="Official who inspected it.")
    inspection_note: str | None = Field(description="What was found.")
    violations_count: int = Field(description="Violations found so far.")
    retired_reason: str | None = Field(description="Why it was retired.")
    lapses: list[str] = Field(description="What has run out now: insurance, inspection.")
    checklist: ChecklistOut = Field(description="How it stands to the checklist today.")
    is_demo: bool = Field(description="Of a demonstration tenant, in no public figure.")
