"""Enterprises and the applications they come from."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.registry.domain.enterprises import EnterpriseKind, Standing
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import ReasonText, Uscc
from services.shared.schemas import Instant, Name, Out, Strict

Kind = Annotated[EnterpriseKind, Field(strict=False, description="Kind of firm.", examples=["carrier"])]
ReferenceCode = Annotated[
    str,
    Field(
        min_length=20,
        max_length=100,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Given to the applicant with the application's receipt.",
    ),
]


class EnterpriseApplicationCreate(Strict):
    """A firm's request to join the programme."""

    name: Annotated[Name, Field(description="Registered name.", examples=["盘锦顺达城配有限公司"])]
    uscc: Uscc
    kind: Kind

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "盘锦顺达城配有限公司", "uscc": "91211100123456788X", "kind": "carrier"}]
        }
    )


class EnterpriseApplicationOut(Out):
    """An application and how far it is."""

    id: UUID = Field(description="The application.")
    name: str = Field(description="Registered name.")
    uscc: str = Field(description="Unified social credit code.")
    kind: EnterpriseKind = Field(description="Kind of firm.")
    status: Literal["submitted", "approved", "rejected"] = Field(description="How far it is.")
    submitted_at: Instant = Field(description="When it came in.")
    decided_at: Instant | None = Field(description="When it was decided; null while open.")
    reason: str | None = Field(description="Why it was rejected.")
    enterprise_id: UUID | None = Field(description="The firm, once approved.")
    version: int = Field(description="One more with every change.")


class EnterpriseApplicationReceipt(EnterpriseApplicationOut):
    """The receipt of a new application; the code is shown this once."""

    reference_code: str = Field(description="Reads the status and collects the credentials; keep it.")


class ApprovalCreate(Strict):
    """An official's approval."""

    demo: Annotated[
        bool, Field(description="A demonstration tenant: flagged, left out of every public figure.")
    ] = False


class ReasonedDecision(Strict):
    """An official's decision that needs a cause."""

    reason: ReasonText


class StandingDecision(ReasonedDecision):
    """A decision about a firm's standing."""

    effective_at: Annotated[
        Instant | None, Field(description="Since when, not in the future; default: now.")
    ] = None


class CredentialsRequest(Strict):
    """What the applicant shows to collect its credentials."""

    reference_code: ReferenceCode


class EnterpriseOut(EntityOut):
    """A firm of the programme."""

    name: str = Field(description="Registered name.")
    uscc: str = Field(description="Unified social credit code.")
    kind: EnterpriseKind = Field(description="Kind of firm.")
    status: Standing = Field(description="Standing; only an active firm may write.")
    standing_reason: str = Field(description="Cause of the present standing.")
    standing_since: Instant = Field(description="Since when the standing is in force.")
    is_demo: bool = Field(description="A demonstration tenant, in no public figure.")


class StandingOut(Out):
    """One decision about a firm's standing."""

    id: UUID = Field(description="The decision.")
    status: Standing = Field(description="The standing decided.")
    reason: str = Field(description="Its cause.")
    effective_at: Instant = Field(description="Since when it is in force.")
    decided_at: Instant = Field(description="When it was decided.")
