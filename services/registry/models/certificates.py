"""Certificates 证照: licences, permits, inspections, insurances, each valid over days."""

from datetime import date
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Certificate(Base):
    """One certificate of a firm or vehicle; both days are valid, in the city's zone.

    A renewal is a further row; a row entered wrongly is withdrawn, never changed. `by_office` where an office
    recorded it and not the firm itself.
    """

    __tablename__ = "certificates"
    __table_args__ = (
        Index("ix_certificates_holder_id", "holder_id"),
        Index("ix_certificates_enterprise_id_id", "enterprise_id", "id"),
        CheckConstraint("valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from", name="days"),
    )

    id: Mapped[Key]
    holder_kind: Mapped[str] = mapped_column(String(16))
    holder_id: Mapped[UUID]
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    kind: Mapped[str] = mapped_column(String(32))
    number: Mapped[str | None] = mapped_column(String(64))
    issuer: Mapped[str | None] = mapped_column(String(200))
    grade: Mapped[str | None] = mapped_column(String(8))
    category: Mapped[str | None] = mapped_column(String(32))
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    recorded_by: Mapped[str] = mapped_column(String(200))
    by_office: Mapped[bool]
    recorded_at: Mapped[Timestamp]
    withdrawn_by: Mapped[str | None] = mapped_column(String(200))
    withdrawn_at: Mapped[Timestamp | None]
    withdrawn_reason: Mapped[str | None] = mapped_column(String(1000))
