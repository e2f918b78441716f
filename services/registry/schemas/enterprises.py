"""Enterprises and the applications they come from."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.enterprises import ContactRole, EnterpriseKind, Standing
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import Day, FreeText, Phone, ReasonText, Uscc
from services.shared.schemas import Instant, Name, Out, Strict, shown_once

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


class ContactIn(Strict):
    """A person to reach at the firm; kept sealed, shown masked."""

    role: Annotated[ContactRole, Field(strict=False, description="For what.", examples=["operations"])]
    name: Annotated[Name, Field(max_length=64, description="The person's name.", examples=["张伟"])]
    phone: Phone


Contacts = Annotated[
    list[ContactIn], Field(default_factory=list, max_length=10, description="People to reach.")
]
Address = Annotated[
    Annotated[FreeText, Field(min_length=1, max_length=500)] | None,
    Field(description="Registered address.", examples=["盘锦市兴隆台区工业街1号"]),
]


class EnterpriseApplicationCreate(Strict):
    """A firm's request to join the programme."""

    name: Annotated[Name, Field(description="Registered name.", examples=["盘锦顺达城配有限公司"])]
    uscc: Uscc
    kind: Kind
    address: Address = None
    contacts: Contacts

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
    decided_by_name: str | None = Field(description="The official who decided.")
    reason: str | None = Field(description="Why it was rejected.")
    enterprise_id: UUID | None = Field(description="The firm, once approved.")
    version: int = Field(description="One more with every change.")


class EnterpriseApplicationReceipt(EnterpriseApplicationOut):
    """The receipt of a new application; the code is shown this once."""

    model_config = ConfigDict(json_schema_extra=shown_once("reference_code"))
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


class EnterpriseUpdate(Strict):
    """What a firm says of itself; replaces it all but contacts that are left out. Its USCC never changes."""

    name: Annotated[Name, Field(description="Registered name.", examples=["盘锦顺达城配有限公司"])]
    kind: Kind
    address: Address = None
    contacts: Annotated[
        Annotated[list[ContactIn], Field(max_length=10)] | None,
        Field(description="People to reach, replaced; null: as they are, since they are read masked only."),
    ] = None


class MembershipCreate(Strict):
    """Membership in the programme."""

    member_from: Annotated[Day, Field(description="First day.")]
    member_to: Annotated[Day | None, Field(description="Last day; null without end.")] = None

    @field_validator("member_to")
    @classmethod
    def _runs_forward(cls, last: date | None, info: ValidationInfo) -> date | None:
        first = info.data.get("member_from")
        if last is not None and first is not None and last < first:
            raise PydanticCustomError("days", "member_to 早于 member_from / member_to is before member_from")
        return last


class ContactOut(Out):
    """A person to reach, masked."""

    role: ContactRole = Field(description="For what.")
    name: str = Field(description="Masked.")
    phone: str = Field(description="Masked.")


class EnterpriseOut(EntityOut):
    """A firm of the programme."""

    name: str = Field(description="Registered name.")
    uscc: str = Field(description="Unified social credit code.")
    kind: EnterpriseKind = Field(description="Kind of firm.")
    status: Standing = Field(
        description="Standing in force: `suspended` by decision, or while there are `lapses`; only an active"
        " firm may write."
    )
    standing_reason: str = Field(description="Cause of the standing last decided.")
    standing_since: Instant = Field(description="Since when the standing last decided is in force.")
    lapses: list[str] = Field(description="Licences that have run out; with one it may only renew.")
    address: str | None = Field(description="Registered address.")
    member_from: date | None = Field(description="First day of its membership in the programme.")
    member_to: date | None = Field(description="Last day of it; null without end.")
    verified: dict[str, str] = Field(
        description="How far each group of fields was verified; a group that is absent is self-declared."
    )
    contacts: list[ContactOut] = Field(description="People to reach, masked.")
    is_demo: bool = Field(description="A demonstration tenant, in no public figure.")


class StandingOut(Out):
    """One decision about a firm's standing."""

    id: UUID = Field(description="The decision.")
    status: Standing = Field(description="The standing decided.")
    reason: str = Field(description="Its cause.")
    effective_at: Instant = Field(description="Since when it is in force.")
    decided_by_name: str | None = Field(description="The official who decided.")
    decided_at: Instant = Field(description="When it was decided.")
