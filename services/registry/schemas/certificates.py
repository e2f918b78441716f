"""Certificates 证照 and their withdrawal."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.certificates import (
    HELD_BY,
    CertificateKind,
    Grade,
    GradeCategory,
    Holder,
)
from services.registry.schemas.fields import CertificateNumber, Day, Evidence, FreeText, ReasonText
from services.shared.schemas import Identifier, Instant, Out, Strict


def _refuse(code: str, text: str) -> PydanticCustomError:
    return PydanticCustomError("certificate", "{text}", {"code": code, "text": text})


class CertificateCreate(Strict):
    """A certificate as it stands on paper; a renewal is a further one."""

    holder_kind: Annotated[Holder, Field(strict=False, description="What it is of.", examples=["vehicle"])]
    holder_id: Annotated[Identifier, Field(description="The firm or vehicle.")]
    kind: Annotated[CertificateKind, Field(strict=False, description="Kind.", examples=["insurance"])]
    number: Annotated[CertificateNumber | None, Field(description="As printed.")] = None
    issuer: Annotated[
        Annotated[FreeText, Field(min_length=1, max_length=200)] | None, Field(description="Who issued it.")
    ] = None
    grade: Annotated[
        Grade | None, Field(strict=False, description="Of an A-grade certificate, GB/T 19680.")
    ] = None
    category: Annotated[
        GradeCategory | None, Field(strict=False, description="Type of firm of an A-grade certificate.")
    ] = None
    valid_from: Annotated[Day | None, Field(description="First valid day; null when not known.")] = None
    valid_to: Annotated[Day | None, Field(description="Last valid day; null without end.")] = None
    document_ids: Evidence

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "holder_kind": "vehicle",
                    "holder_id": "019ab5f6-0000-7000-8000-000000000001",
                    "kind": "insurance",
                    "number": "PDAA202621110000012345",
                    "issuer": "人保财险盘锦分公司",
                    "valid_from": "2026-12-01",
                    "valid_to": "2027-11-30",
                    "document_ids": [],
                }
            ]
        }
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.kind not in HELD_BY[self.holder_kind]:
            raise _refuse("holder_kind", "此类证照不属于该主体 / this kind is not held by such an entity")
        if self.valid_from is not None and self.valid_to is not None and self.valid_to < self.valid_from:
            raise _refuse("days", "valid_to 早于 valid_from / valid_to is before valid_from")
        graded = self.kind is CertificateKind.A_GRADE
        if graded != (self.grade is not None) or (self.category is not None and not graded):
            raise _refuse(
                "grade", "A级证书须且仅须给出 grade / grade goes with an A-grade certificate and only with it"
            )
        return self


class WithdrawalCreate(Strict):
    """A certificate that was recorded wrongly no longer counts."""

    reason: ReasonText


class CertificateOut(Out):
    """A certificate; withdrawn ones stay on record and do not count."""

    id: UUID = Field(description="The record.")
    holder_kind: Holder = Field(description="What it is of.")
    holder_id: UUID = Field(description="The firm or vehicle.")
    enterprise_id: UUID = Field(description="The firm.")
    kind: CertificateKind = Field(description="Kind.")
    number: str | None = Field(description="As printed.")
    issuer: str | None = Field(description="Who issued it.")
    grade: str | None = Field(description="Of an A-grade certificate.")
    category: str | None = Field(description="Type of firm of an A-grade certificate.")
    valid_from: date | None = Field(description="First valid day.")
    valid_to: date | None = Field(description="Last valid day.")
    document_ids: list[UUID] = Field(description="Evidence.")
    recorded_at: Instant = Field(description="When it was recorded.")
    withdrawn_at: Instant | None = Field(description="Since when it does not count; null while it does.")
    withdrawn_reason: str | None = Field(description="Why it was withdrawn.")
