"""One row of a file of firms: what the API takes of a firm by several requests."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.enterprises import ContactRole
from services.registry.schemas.enterprises import Address, ContactIn, Kind
from services.registry.schemas.fields import CertificateNumber, Day, Phone, Uscc
from services.shared.schemas import Name, Strict

_KEPT = "Empty leaves what is on record."
_LICENCE = f"{_KEPT} A later last day renews the licence, anything else corrects it."


class EnterpriseRow(Strict):
    """A firm, one person to reach there, its membership and its licences."""

    uscc: Uscc
    name: Annotated[Name, Field(description="Registered name.", examples=["盘锦顺达城配有限公司"])]
    kind: Kind
    address: Address = None
    contact_role: Annotated[
        ContactRole | None,
        Field(strict=False, description="For what; default: operations.", examples=["operations"]),
    ] = None
    contact_name: Annotated[
        Annotated[Name, Field(max_length=64)] | None,
        Field(description=f"A person to reach, kept sealed; replaces the one of this role. {_KEPT}"),
    ] = None
    contact_phone: Annotated[Phone | None, Field(validate_default=True)] = None
    member_from: Annotated[Day | None, Field(description="First day of its membership.")] = None
    member_to: Annotated[Day | None, Field(description="Last day of it; empty without end.")] = None
    business_licence_number: Annotated[CertificateNumber | None, Field(description=_LICENCE)] = None
    business_licence_valid_to: Annotated[Day | None, Field(description=_LICENCE)] = None
    road_transport_permit_number: Annotated[CertificateNumber | None, Field(description=_LICENCE)] = None
    road_transport_permit_valid_to: Annotated[Day | None, Field(description=_LICENCE)] = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "盘锦顺达城配有限公司",
                    "uscc": "91211100123456788X",
                    "kind": "carrier",
                    "contact_role": "operations",
                    "contact_name": "张伟",
                    "contact_phone": "13900001234",
                    "member_from": "2026-01-01",
                    "business_licence_number": "91211100123456788X",
                    "road_transport_permit_number": "211100000123",
                    "road_transport_permit_valid_to": "2029-12-31",
                }
            ]
        }
    )

    @field_validator("contact_phone")
    @classmethod
    def _with_a_name(cls, phone: str | None, info: ValidationInfo) -> str | None:
        name, role = info.data.get("contact_name", phone), info.data.get("contact_role")
        if (phone is None) != (name is None) or (phone is None and role is not None):
            raise PydanticCustomError(
                "contact_incomplete", "姓名与电话须同时填写 / name and phone go together"
            )
        return phone

    @field_validator("member_to")
    @classmethod
    def _runs_forward(cls, last: date | None, info: ValidationInfo) -> date | None:
        first = info.data.get("member_from")
        if last is not None and first is not None and last < first:
            raise PydanticCustomError("days", "member_to 早于 member_from / member_to is before member_from")
        return last

    def contact(self) -> ContactIn | None:
        """Return the person to reach, where one is given."""
        if self.contact_name is None or self.contact_phone is None:
            return None
        role = self.contact_role or ContactRole.OPERATIONS
        return ContactIn(role=role, name=self.contact_name, phone=self.contact_phone)
