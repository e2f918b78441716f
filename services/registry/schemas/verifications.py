"""Verifications of field groups."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.verification import GROUPS, Level, SubjectKind
from services.registry.schemas.fields import Evidence, FreeText, ReasonText
from services.shared.schemas import Identifier, Instant, Out, Strict

_Verified = Literal["document_checked", "confirmed_by_authority"]


class VerificationCreate(Strict):
    """What an official found of one group of fields."""

    subject_kind: Annotated[
        SubjectKind, Field(strict=False, description="Kind of the entity.", examples=["vehicle"])
    ]
    subject_id: Annotated[Identifier, Field(description="The entity.")]
    field_group: Annotated[
        str,
        Field(
            max_length=32,
            description="; ".join(f"{kind}: {', '.join(groups)}" for kind, groups in GROUPS.items()),
            examples=["technical"],
        ),
    ]
    level: Annotated[_Verified, Field(description="How far it was checked.")]
    source: Annotated[
        FreeText,
        Field(
            min_length=1, max_length=64, description="What it was checked against.", examples=["行驶证原件"]
        ),
    ]
    note: Annotated[Annotated[FreeText, Field(max_length=1000)] | None, Field(description="Remark.")] = None
    document_ids: Evidence

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "subject_kind": "vehicle",
                    "subject_id": "019ab5f6-0000-7000-8000-000000000001",
                    "field_group": "technical",
                    "level": "document_checked",
                    "source": "行驶证原件",
                    "document_ids": [],
                }
            ]
        }
    )

    @model_validator(mode="after")
    def _group_exists(self) -> Self:
        if self.field_group not in GROUPS[self.subject_kind]:
            known = ", ".join(GROUPS[self.subject_kind])
            raise PydanticCustomError(
                "field_group", "须为以下之一：{known} / must be one of: {known}", {"known": known}
            )
        return self


class RevocationCreate(Strict):
    """A verification that did not hold."""

    reason: ReasonText


class VerificationOut(Out):
    """One verification: by whom, when, on which evidence."""

    id: UUID = Field(description="The verification.")
    subject_kind: str = Field(description="Kind of the entity.")
    subject_id: UUID = Field(description="The entity.")
    field_group: str = Field(description="The group of fields.")
    level: Level = Field(description="How far it was checked.")
    source: str | None = Field(description="What it was checked against; null of an erased person.")
    note: str | None = Field(description="Remark.")
    document_ids: list[UUID] = Field(description="Evidence.")
    verified_by_name: str = Field(description="The official, or the authority's interface.")
    verified_at: Instant = Field(description="When.")
    ended_at: Instant | None = Field(description="Until when it held; null while in force.")
    end_cause: Literal["edited", "superseded", "revoked"] | None = Field(description="Why it ended.")
