"""Legal holds over HTTP."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.shared.schemas import Identifier, Instant, Out, Strict
from services.shared.texts import FreeText

Reason = Annotated[FreeText, Field(min_length=1, max_length=1000), StringConstraints(pattern=r"\S")]


class LegalHoldCreate(Strict):
    """Positions to be kept whatever their age 证据保全."""

    vehicle_id: Identifier | None = Field(default=None, description="车辆 / Whose; absent: every vehicle's.")
    starts_at: Instant = Field(description="起 / From the fixes' own time on.")
    ends_at: Instant | None = Field(
        default=None, description="止 / To before; absent: until the hold is lifted."
    )
    reason: Reason = Field(description="事由 / Why.")
    reference: Annotated[FreeText, Field(max_length=200)] | None = Field(
        default=None, description="文号或案号 / Number of the order or case."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vehicle_id": "0197a3c2-5e0f-7b1a-8c3d-2f4e6a8b0c1d",
                    "starts_at": "2026-03-01T00:00:00+08:00",
                    "ends_at": "2026-03-02T00:00:00+08:00",
                    "reason": "交通事故调查",
                    "reference": "盘公交保字〔2026〕12号",
                }
            ]
        }
    )

    @model_validator(mode="after")
    def _is_an_interval(self) -> Self:
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            message = "止须晚于起 / it must end after it starts"
            raise PydanticCustomError("interval_empty", message)
        return self


class LegalHoldLifting(Strict):
    """The hold is no longer needed 解除."""

    reason: Reason = Field(description="事由 / Why.")

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "案件已结"}]})


class LegalHoldOut(Out):
    """A legal hold 证据保全, in force until it is lifted; never deleted."""

    id: UUID
    vehicle_id: UUID | None = Field(description="Null: every vehicle's positions.")
    starts_at: Instant
    ends_at: Instant | None
    reason: str
    reference: str | None
    owner_role: str = Field(description="The office that placed it, and alone may lift it.")
    placed_at: Instant
    placed_by: str
    placed_by_name: str
    gone_before: Instant | None = Field(
        description="已按期删除 / What it covers of before this instant was gone when it was placed."
    )
    lifted_at: Instant | None
    lifted_by: str | None
    lifted_by_name: str | None
    lift_reason: str | None
