"""Drivers and riders: what is not personal of them; the values are in the vault under the row's own id."""

from datetime import date
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Driver(Base):
    """One employment of a person by a firm.

    `lapses` are the kinds of papers that have run out; `turns_at` is when the next does or is in force again.
    An erased row keeps its id and its firm.
    """

    __tablename__ = "drivers"
    __table_args__ = (
        Index("ix_drivers_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_drivers_turns_at", "turns_at", postgresql_where=text("turns_at IS NOT NULL")),
        CheckConstraint("kind IN ('driver', 'rider')", name="kind"),
        CheckConstraint("status IN ('active', 'ended', 'erased')", name="status"),
        CheckConstraint("employed_to IS NULL OR employed_to >= employed_from", name="employment"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    kind: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(8))
    licence_class: Mapped[str | None] = mapped_column(String(20))
    licence_issuer: Mapped[str | None] = mapped_column(String(128))
    licence_valid_from: Mapped[date | None]
    licence_valid_to: Mapped[date | None]
    drives_over_4500_kg: Mapped[bool]
    qualification_valid_from: Mapped[date | None]
    qualification_valid_to: Mapped[date | None]
    trained_on: Mapped[date | None]
    employed_from: Mapped[date | None]
    employed_to: Mapped[date | None]
    end_reason: Mapped[str | None] = mapped_column(String(1000))
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    lapses: Mapped[list[str]] = mapped_column(ARRAY(String(32)), server_default=text("'{}'"))
    turns_at: Mapped[Timestamp | None]
    is_demo: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]
