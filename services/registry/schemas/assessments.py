"""Assessments 考核: received from the gateway, published, appealed, decided."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.assessments import Consequence, Grade, Outcome, Stage
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import Evidence, FreeText, ReasonText
from services.shared.schemas import Code, Identifier, Instant, Out, Strict, Text

Period = Annotated[
    str,
    Field(
        pattern=r"^20[0-9]{2}(-(0[1-9]|1[0-2]|Q[1-4]|H[12]))?$",
        description="A year, half-year, quarter or month of the city's calendar.",
        examples=["2026-Q3"],
    ),
]
Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Short = Annotated[FreeText, Field(min_length=1, max_length=200)]


SchemeVersion = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class ScoreItem(Strict):
    """One item of the score card."""

    code: Annotated[Code, Field(description="The item of the scheme.", examples=["gps_online_rate"])]
    value: Annotated[Number | None, Field(description="What was measured; null where it could not be.")] = (
        None
    )
    unit: Annotated[Annotated[Text, Field(max_length=32)] | None, Field(description="Its unit.")] = None
    points: Annotated[Number | None, Field(description="Points given.")] = None
    max_points: Annotated[Number | None, Field(description="Points there are.")] = None
    missing: Annotated[Short | None, Field(description="What is missing where nothing was measured.")] = None


class AssessmentReceived(Strict):
    """One firm's assessment of one period, as computed."""

    enterprise_id: Annotated[Identifier, Field(description="The firm.")]
    period: Period
    scheme_version: Annotated[SchemeVersion, Field(description="Version of the scheme.")]
    grade: Annotated[Grade, Field(description="A is best.")]
    score: Annotated[Number | None, Field(description="Sum of the points.")] = None
    items: Annotated[list[ScoreItem], Field(min_length=1, max_length=100, description="The score card.")]
    computed_at: Annotated[Instant, Field(description="When it was computed.")]


class AppealCreate(Strict):
    """Why the firm thinks its assessment is wrong."""

    reason: Annotated[
        FreeText, Field(min_length=1, description="At most 10,000 characters.", examples=["在线率数据有误"])
    ]
    document_ids: Evidence


class AppealDecisionCreate(Strict):
    """What another official decides about an appeal."""

    outcome: Annotated[
        Outcome,
        Field(description="`upheld`: the grade stays; `amended`: the firm gets a better one."),
    ]
    grade: Annotated[
        Grade | None, Field(validate_default=True, description="The new grade; with `amended` and only then.")
    ] = None
    cause: ReasonText

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcome": "amended", "grade": "A", "cause": "在线率重新核算"}]}
    )

    @field_validator("grade")
    @classmethod
    def _grade_with_amendment(cls, grade: str | None, info: ValidationInfo) -> str | None:
        if "outcome" in info.data and (info.data["outcome"] == "amended") != (grade is not None):
            raise PydanticCustomError(
                "grade_outcome", "变更等级时须且仅须给出新等级 / goes with amended and only with it"
            )
        return grade


class AppealOut(Out):
    """A firm's appeal and what was decided about it."""

    id: UUID = Field(description="The appeal.")
    reason: str = Field(description="Why.")
    document_ids: list[UUID] = Field(description="Evidence.")
    appealed_at: Instant = Field(description="When.")
    outcome: Outcome | None = Field(description="Null while open.")
    cause: str | None = Field(description="Cause of the decision.")
    decided_by_name: str | None = Field(description="The official who decided.")
    decided_at: Instant | None = Field(description="When.")


class AssessmentOut(EntityOut):
    """An assessment; what was received never changes."""

    enterprise_id: UUID = Field(description="The firm.")
    period: str = Field(description="What it is about.")
    scheme_version: str = Field(description="Version of the scheme.")
    grade: Grade = Field(validation_alias="grade_in_force", description="The grade in force.")
    received_grade: Grade = Field(validation_alias="grade", description="The grade as computed.")
    amended_grade: Grade | None = Field(description="The grade an appeal gave; null where none did.")
    stage: Stage = Field(description="How far it is.")
    score: float | None = Field(description="Sum of the points.")
    items: list[ScoreItem] = Field(description="The score card.")
    computed_at: Instant = Field(description="When it was computed.")
    published_by_name: str | None = Field(description="The official who published it.")
    published_at: Instant | None = Field(description="When; null before.")
    consequence: Consequence | None = Field(description="What the grade in force leads to.")
    consequences_version: str | None = Field(description="Version of the configuration that says so.")
    appeal_until: Instant | None = Field(description="An appeal must come before.")
    appeal: AppealOut | None = Field(description="The firm's appeal.")
