"""Confirmations by an authority's interface."""

from typing import Annotated, Literal

from pydantic import Field

from services.registry.domain.authority import Outcome
from services.registry.schemas.verifications import VerificationOut
from services.shared.schemas import Identifier, Instant, Out, Strict


class ConfirmationCreate(Strict):
    """Whom to ask the authority about."""

    subject_kind: Annotated[
        Literal["enterprise", "vehicle"], Field(description="A firm or a vehicle.", examples=["vehicle"])
    ]
    subject_id: Annotated[
        Identifier, Field(description="The entity.", examples=["019ab5f6-0000-7000-8000-000000000001"])
    ]


class ConfirmationOut(Out):
    """What the authority said, and what it made of the entity."""

    outcome: Outcome = Field(description="Only `confirmed` changes anything.")
    asked_at: Instant = Field(description="When it was asked.")
    source: str = Field(description="Who was asked.")
    reference: str = Field(description="The authority's id of the request; empty without one.")
    detail: str = Field(description="In Chinese and English; empty where there is nothing to add.")
    verification: VerificationOut | None = Field(
        description="The verification it made, of `identity` (firm) or `plate` (vehicle); null without one."
    )
