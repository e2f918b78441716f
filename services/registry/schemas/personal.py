"""Reading personal values in the clear, and destroying them: each for a purpose, each on record."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.people import PERSONAL_FIELDS
from services.registry.schemas.fields import Purpose, ReasonText
from services.shared.auth import Role
from services.shared.schemas import Identifier, Instant, Out, Strict

SubjectKind = Literal["driver", "enterprise", "complaint"]
PersonalField = Literal[
    "name", "id_number", "mobile_phone", "licence_number", "qualification_number", "contacts", "phone"
]
READABLE: Final = {
    "driver": frozenset(PERSONAL_FIELDS),
    "enterprise": frozenset({"contacts"}),
    "complaint": frozenset({"name", "phone"}),
}
"""What can be read in the clear of whom."""


class PersonalReadingCreate(Strict):
    """What is to be read in the clear, and what for."""

    subject_kind: Annotated[
        SubjectKind,
        Field(description="`driver`: or a rider; `enterprise`: its contacts; `complaint`: who complained."),
    ]
    subject_id: Annotated[Identifier, Field(description="The person, the firm or the complaint.")]
    fields: Annotated[
        list[PersonalField],
        Field(min_length=1, max_length=6, description="Which values.", examples=[["mobile_phone"]]),
    ]
    purpose: Purpose

    @field_validator("fields")
    @classmethod
    def _each_once(cls, fields: list[PersonalField], info: ValidationInfo) -> list[PersonalField]:
        if len(set(fields)) != len(fields):
            raise PydanticCustomError("repeated", "同一项重复 / a field is named twice")
        has = READABLE.get(info.data.get("subject_kind", ""))
        if has is not None and not has.issuperset(fields):
            raise PydanticCustomError("field_kind", "该对象没有此项 / the subject has no such field")
        return fields


class ContactValue(Out):
    """A person to reach at a firm, in the clear."""

    role: str = Field(description="For what.")
    name: str = Field(description="The person's name.")
    phone: str = Field(description="Telephone.")


class PersonalValuesOut(Out):
    """The values, and where the reading is on record."""

    subject_kind: str = Field(description="What the subject is.")
    subject_id: UUID = Field(description="The person, the firm or the complaint.")
    values: dict[str, str | list[ContactValue] | None] = Field(
        description="By field; null where there is none."
    )
    log_pos: int = Field(description="Position of this reading in the log.")


class PersonalReadingOut(Out):
    """One reading of personal values or of a document: who, when, what and why; never a value."""

    log_pos: int = Field(description="Position in the log.")
    read_at: Instant = Field(description="When.")
    reader: str = Field(description="Client or staff account.")
    reader_name: str | None = Field(description="The official's name; null for a client.")
    role: Role = Field(description="In which role.")
    subject_kind: str = Field(description="As asked for; `document` of a download.")
    subject_id: UUID = Field(description="About whom, or which document.")
    enterprise_id: UUID | None = Field(description="Whose it is; null for an office's own.")
    fields: list[str] = Field(
        description="Which values; `content` of a document; `found_by_…` of a search that found the person."
    )
    purpose: str | None = Field(description="What for; null where none is asked for.")


class ErasureCreate(Strict):
    """A person's data are to be destroyed."""

    reason: Annotated[ReasonText, Field(description="Why; stays on record.", examples=["本人申请删除"])]
    requested_by: Annotated[
        Literal["subject", "firm", "authority"], Field(description="Who asked for it.", examples=["subject"])
    ]


class ErasureOut(Out):
    """One erasure; who, when and why, and nothing of what was erased."""

    id: UUID = Field(description="The record.")
    subject_kind: str = Field(description="What the subject was.")
    subject_id: UUID = Field(description="The id that is left.")
    enterprise_id: UUID = Field(description="The firm.")
    requested_by: Literal["subject", "firm", "authority"] = Field(description="Who asked for it.")
    reason: str = Field(description="Why.")
    documents_erased: int = Field(description="Documents destroyed with it: those of this person alone.")
    erased_by: str = Field(description="Client or staff account that did it.")
    erased_by_name: str | None = Field(description="The official's name; null for a client.")
    erased_at: Instant = Field(description="When.")


class ErasureDone(ErasureOut):
    """An erasure just done, and what went with it."""

    also_erased: list[UUID] = Field(
        description="Further employments of the person, current or ended, each with an erasure of its own."
    )
