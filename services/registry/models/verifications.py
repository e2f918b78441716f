"""Verifications: how far each group of an entity's fields has been checked, by whom, on which evidence."""

from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, String, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Verification(Base):
    """One verification of one field group; it ends when the group is edited or verified anew.

    Of an erased person neither `source` nor `note` is left.
    """

    __tablename__ = "verifications"
    __table_args__ = (
        Index(
            "uq_verifications_subject_id_field_group",
            "subject_id",
            "field_group",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_verifications_enterprise_id_id", "enterprise_id", "id"),
    )

    id: Mapped[Key]
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[UUID]
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    field_group: Mapped[str] = mapped_column(String(32))
    level: Mapped[str] = mapped_column(String(32))
    source: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(String(1000))
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    verified_by: Mapped[str] = mapped_column(String(200))
    verified_by_name: Mapped[str] = mapped_column(String(300))
    verified_at: Mapped[Timestamp]
    ended_at: Mapped[Timestamp | None]
    end_cause: Mapped[str | None] = mapped_column(String(16))
