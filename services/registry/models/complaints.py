"""Complaints 投诉 about a firm or a vehicle, and every step of their handling."""

from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Complaint(Base):
    """One complaint; the complainant proves himself by a reference code (SHA-256 here).

    His name and telephone number are personal values under the complaint's own id. `reported_*` is what he
    said it is about, `enterprise_id` and `vehicle_id` what of the registry that was then. The firm sees it
    once it was forwarded.
    """

    __tablename__ = "complaints"
    __table_args__ = (
        UniqueConstraint("reference_hash"),
        Index("ix_complaints_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_complaints_status_id", "status", "id"),
        CheckConstraint(
            "coalesce(reported_uscc, reported_name, reported_plate_number) IS NOT NULL", name="subject"
        ),
        CheckConstraint("vehicle_id IS NULL OR enterprise_id IS NOT NULL", name="owner"),
        CheckConstraint("(lon IS NULL) = (lat IS NULL)", name="position"),
    )

    id: Mapped[Key]
    reference_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(String(10_000))
    occurred_at: Mapped[Timestamp]
    place: Mapped[str | None] = mapped_column(String(500))
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    reported_uscc: Mapped[str | None] = mapped_column(String(18))
    reported_name: Mapped[str | None] = mapped_column(String(200))
    reported_plate_number: Mapped[str | None] = mapped_column(String(16))
    reported_plate_color: Mapped[int | None] = mapped_column(SmallInteger)
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    vehicle_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.vehicles.id"))
    contact_given: Mapped[bool]
    contact_erased_at: Mapped[Timestamp | None]
    handler_id: Mapped[str | None] = mapped_column(String(200))
    handler_name: Mapped[str | None] = mapped_column(String(200))
    accepted_at: Mapped[Timestamp | None]
    request_text: Mapped[str | None] = mapped_column(String(10_000))
    forwarded_at: Mapped[Timestamp | None]
    statement_text: Mapped[str | None] = mapped_column(String(10_000))
    statement_document_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    answered_at: Mapped[Timestamp | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    measures: Mapped[str | None] = mapped_column(String(10_000))
    reply: Mapped[str | None] = mapped_column(String(10_000))
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_by_name: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[Timestamp | None]
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class ComplaintEvent(Base):
    """One step of a complaint: what, who, when, and the text that went with it."""

    __tablename__ = "complaint_events"
    __table_args__ = (Index("ix_complaint_events_complaint_id_id", "complaint_id", "id"),)

    id: Mapped[Key]
    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("registry.complaints.id"))
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    kind: Mapped[str] = mapped_column(String(24))
    at: Mapped[Timestamp]
    by_subject: Mapped[str] = mapped_column(String(200))
    by_name: Mapped[str | None] = mapped_column(String(200))
    text: Mapped[str | None] = mapped_column(String(10_000))
