"""Drivers and riders. What is personal comes in, and goes out masked."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.people import PERSONAL_FIELDS, PersonKind
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import Day, FreeText, Purpose, ReasonText
from services.registry.schemas.standards import refused
from services.shared.schemas import Identifier, Out, Strict, Text
from services.shared.standards.check import Check
from services.shared.standards.licence_classes import LICENCE_CLASSES, check_licence_class


def _licence_class(text: str) -> str:
    check: Check = check_licence_class(text)
    if check.normalized is None:
        raise refused(check.reasons[0])
    return check.normalized


_Value = Annotated[Text, Field(min_length=1, max_length=64)]
PersonName = Annotated[_Value, Field(description="Name; personal.", examples=["王强"])]
IdNumber = Annotated[_Value, Field(description="Identity number, GB 11643; personal.")]
MobilePhone = Annotated[_Value, Field(description="Mobile number; personal.")]
LicenceNumber = Annotated[
    _Value, Field(description="Number of the driving licence, where it is not the identity number; personal.")
]
QualificationNumber = Annotated[
    _Value, Field(description="Number of the qualification certificate 从业资格证; personal.")
]
LicenceClass = Annotated[
    str,
    Field(
        max_length=64,
        description=f"What the licence permits 准驾车型: {', '.join(LICENCE_CLASSES)}.",
        examples=["B2"],
    ),
    AfterValidator(_licence_class),
]


class _Papers(Strict):
    """What is not personal of a person's papers."""

    drives_over_4500_kg: Annotated[
        bool,
        Field(description="Drives goods vehicles above 4,500 kg; only then a qualification is needed."),
    ] = False
    licence_class: Annotated[LicenceClass | None, Field(description="Needed of a driver.")] = None
    licence_issuer: Annotated[
        Annotated[FreeText, Field(max_length=128)] | None,
        Field(description="Issuing office.", examples=["盘锦市公安局交通警察支队"]),
    ] = None
    licence_valid_from: Annotated[Day | None, Field(description="First day; needed of a driver.")] = None
    licence_valid_to: Annotated[Day | None, Field(description="Last day; null: long-term 长期.")] = None
    qualification_valid_from: Annotated[Day | None, Field(description="First day.")] = None
    qualification_valid_to: Annotated[Day | None, Field(description="Last day; needed above 4,500 kg.")] = (
        None
    )
    trained_on: Annotated[Day | None, Field(description="Last safety training.")] = None
    document_ids: Annotated[
        list[Identifier],
        Field(default_factory=list, max_length=20, description="Evidence: scans of the papers."),
    ]


_EXAMPLE: dict[str, Any] = {
    "kind": "driver",
    "name": "王强",
    "id_number": "11010519491231002X",
    "mobile_phone": "13900001234",
    "licence_class": "B2",
    "licence_issuer": "盘锦市公安局交通警察支队",
    "licence_valid_from": "2021-03-01",
    "licence_valid_to": "2031-03-01",
    "drives_over_4500_kg": True,
    "qualification_number": "11010519491231002X",
    "qualification_valid_to": "2029-05-31",
}


class DriverCreate(_Papers):
    """A person a firm employs as a driver, or as a rider of an express tricycle."""

    enterprise_id: Annotated[
        Identifier | None, Field(description="The firm; needed from an office, a firm registers its own.")
    ] = None
    kind: Annotated[PersonKind, Field(strict=False, description="Driver or rider.")] = PersonKind.DRIVER
    name: PersonName
    id_number: IdNumber
    mobile_phone: MobilePhone
    licence_number: LicenceNumber | None = None
    qualification_number: QualificationNumber | None = None
    employed_from: Annotated[Day | None, Field(description="First day; default: today.")] = None

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    def personal(self) -> dict[str, str | None]:
        """Return the personal values as they were given."""
        return {field: getattr(self, field) for field in PERSONAL_FIELDS}


class DriverUpdate(_Papers):
    """A person's papers as they are now; replaces them all.

    A personal value that is left out stays: the answers show it only masked. Null removes a number.
    """

    name: PersonName | None = None
    id_number: IdNumber | None = None
    mobile_phone: MobilePhone | None = None
    licence_number: LicenceNumber | None = None
    qualification_number: QualificationNumber | None = None

    def personal(self) -> dict[str, str | None]:
        """Return the personal values that were given; None removes one."""
        return {field: getattr(self, field) for field in PERSONAL_FIELDS if field in self.model_fields_set}


class EmploymentEndCreate(Strict):
    """The end of an employment."""

    reason: ReasonText
    on: Annotated[Day | None, Field(description="Last day, not in the future; default: today.")] = None


class DriverSearch(Strict):
    """A person looked for by one exact value; in a body, because addresses are logged."""

    id_number: IdNumber | None = None
    mobile_phone: MobilePhone | None = None
    purpose: Annotated[
        Purpose | None, Field(description="Needed from an office; on record of everyone who is found.")
    ] = None

    @model_validator(mode="after")
    def _one_value(self) -> "DriverSearch":
        if (self.id_number is None) == (self.mobile_phone is None):
            raise PydanticCustomError(
                "one_of", "须且仅须给出id_number或mobile_phone / give id_number or mobile_phone, one of them"
            )
        return self

    def sought(self) -> dict[str, str | None]:
        """Return the one value."""
        return self.model_dump(include={"id_number", "mobile_phone"}, exclude_none=True)


class DriverOut(EntityOut):
    """One employment of a person; personal values are masked, null after erasure."""

    enterprise_id: UUID = Field(description="The firm.")
    kind: PersonKind = Field(description="Driver or rider.")
    status: Literal["active", "ended", "erased"] = Field(description="How the employment stands.")
    name: str | None = Field(description="Masked.", examples=["王*"])
    id_number: str | None = Field(description="Masked.", examples=["110*************2X"])
    mobile_phone: str | None = Field(description="Masked.", examples=["139******34"])
    licence_number: str | None = Field(description="Masked; null: the identity number.")
    qualification_number: str | None = Field(description="Masked; null: none.")
    licence_class: str | None = Field(description="What the licence permits 准驾车型.")
    licence_issuer: str | None = Field(description="Issuing office.")
    licence_valid_from: date | None = Field(description="First day.")
    licence_valid_to: date | None = Field(description="Last day; null: long-term.")
    drives_over_4500_kg: bool = Field(description="Drives goods vehicles above 4,500 kg.")
    qualification_valid_from: date | None = Field(description="First day.")
    qualification_valid_to: date | None = Field(description="Last day.")
    trained_on: date | None = Field(description="Last safety training.")
    employed_from: date | None = Field(description="First day.")
    employed_to: date | None = Field(description="Last day; null while employed.")
    end_reason: str | None = Field(description="Why the employment ended.")
    document_ids: list[UUID] = Field(description="Evidence.")
    lapses: list[str] = Field(description="Papers that have run out now: driving_licence, qualification.")
    verified: dict[str, str] = Field(
        description="How far each group of fields was verified; a group that is absent is self-declared."
    )
    is_demo: bool = Field(description="Of a demonstration tenant, in no public figure.")


class ValueWarning(Out):
    """Something about a value that deserves a look; the value itself is never repeated."""

    field: str = Field(description="Which one.", examples=["id_number"])
    code: str = Field(description="Stable code.", examples=["id_number.old_form"])
    message: str = Field(description="Chinese and English.")


class DriverWritten(DriverOut):
    """A driver as just written, with what deserves a look."""

    warnings: list[ValueWarning] = Field(description="Accepted all the same.")


class DriversFound(Out):
    """What a search found."""

    items: list[DriverOut] = Field(description="Every employment the caller may see, also ended ones.")
