"""Readings of personal values and evidence, and erasures: who, when and why; never a value."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.audit import access_log_table
from services.shared.db import Key, Timestamp


class AccessEntry(Base):
    """One reading; append-only, each digest chained to the one before (`services.shared.audit`)."""

    __table__ = access_log_table(Base.metadata)

    pos: Mapped[int]
    about: Mapped[UUID]
    enterprise_id: Mapped[UUID | None]
    entry: Mapped[bytes]


class Erasure(Base):
    """One erasure of a person's data on request."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index("ix_erasures_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_erasures_subject_id", "subject_id"),
    )

    id: Mapped[Key]
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[UUID]
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    requested_by: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(1000))
    documents_erased: Mapped[int]
    erased_by: Mapped[str] = mapped_column(String(200))
    erased_by_name: Mapped[str | None] = mapped_column(String(200))
    erased_at: Mapped[Timestamp]
