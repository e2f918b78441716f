"""Assessments 考核 of firms, as computed by the gateway, and the appeals against them."""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, LargeBinary, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.registry.domain.assessments import Consequence, ConsequenceScheme, Outcome, Stage, stage_of
from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class AssessmentAppeal(Base):
    """A firm's appeal against one assessment, and what another official decided about it."""

    __tablename__ = "assessment_appeals"
    __table_args__ = (
        UniqueConstraint("assessment_id"),
        Index("ix_assessment_appeals_enterprise_id", "enterprise_id"),
    )

    id: Mapped[Key]
    assessment_id: Mapped[UUID] = mapped_column(ForeignKey("registry.assessments.id"))
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    reason: Mapped[str] = mapped_column(String(10_000))
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    appealed_by: Mapped[str] = mapped_column(String(200))
    appealed_at: Mapped[Timestamp]
    outcome: Mapped[Outcome | None] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(String(1000))
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_by_name: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[Timestamp | None]


class Assessment(Base):
    """One firm's assessment of one period by one version of the scheme; what was received never changes.

    `digest` is SHA-256 of the canonical bytes received. `consequence_scheme` is the city's configuration in
    force at publication, from which an amended grade takes its consequences too.
    """

    __tablename__ = "assessments"
    __table_args__ = (
        UniqueConstraint("enterprise_id", "period", "scheme_version"),
        Index("ix_assessments_period_id", "period", "id"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    period: Mapped[str] = mapped_column(String(7))
    scheme_version: Mapped[str] = mapped_column(String(64))
    grade: Mapped[str] = mapped_column(String(1))
    amended_grade: Mapped[str | None] = mapped_column(String(1))
    score: Mapped[float | None]
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    computed_at: Mapped[Timestamp]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    received_from: Mapped[str] = mapped_column(String(200))
    published_by: Mapped[str | None] = mapped_column(String(200))
    published_by_name: Mapped[str | None] = mapped_column(String(200))
    published_at: Mapped[Timestamp | None]
    appeal_until: Mapped[Timestamp | None]
    consequence_scheme: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]
    appeal: Mapped[AssessmentAppeal | None] = relationship(lazy="selectin", uselist=False, viewonly=True)

    @property
    def grade_in_force(self) -> str:
        """The amended grade, else the one received."""
        return self.amended_grade or self.grade

    @property
    def stage(self) -> Stage:
        """How far it is."""
        outcome = self.appeal.outcome if self.appeal else None
        return stage_of(published=self.published_at is not None, appealed=bool(self.appeal), outcome=outcome)

    @property
    def consequence(self) -> Consequence | None:
        """What the grade in force leads to; None before publication."""
        if self.consequence_scheme is None:
            return None
        return ConsequenceScheme.model_validate(self.consequence_scheme).of(self.grade_in_force)

    @property
    def consequences_version(self) -> str | None:
        """Version of the configuration that says so."""
        return self.consequence_scheme["version"] if self.consequence_scheme else None
