"""Express tricycles 快递三轮车: no motor plate, a namespace of their own."""

from datetime import date
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Tricycle(Base):
    """One tricycle of an express firm; `code` is the number the office gives at its filing 备案.

    A retired one gives its rider, frame number and tag free; its code is never given again. `lapses` and
    `turns_at` are as a vehicle's.
    """

    __tablename__ = "tricycles"
    __table_args__ = (
        Index("uq_tricycles_code", "code", unique=True),
        *(
            Index(f"uq_tricycles_{column}", column, unique=True, postgresql_where=text("status <> 'retired'"))
            for column in ("frame_number", "tag_id", "gps_terminal_number", "rider_id")
        ),
        Index("ix_tricycles_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_tricycles_turns_at", "turns_at", postgresql_where=text("turns_at IS NOT NULL")),
        CheckConstraint("status IN ('pending', 'filed', 'retired')", name="status"),
        CheckConstraint("(code IS NULL) = (filed_on IS NULL)", name="filing"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    code: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(8))
    brand: Mapped[str] = mapped_column(String(64))
    outlet: Mapped[str | None] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(64))
    meets_yzt_0136: Mapped[bool]
    frame_number: Mapped[str] = mapped_column(String(32))
    motor_number: Mapped[str | None] = mapped_column(String(32))
    tag_id: Mapped[str | None] = mapped_column(String(64))
    gps_terminal_number: Mapped[str | None] = mapped_column(String(32))
    livery_document_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.documents.id"))
    responsibility_document_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.documents.id"))
    insurance_policy_number: Mapped[str | None] = mapped_column(String(64))
    insurance_insurer: Mapped[str | None] = mapped_column(String(128))
    insurance_valid_to: Mapped[date | None]
    annual_check_valid_to: Mapped[date | None]
    rider_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.drivers.id"))
    filed_on: Mapped[date | None]
    filed_by: Mapped[str | None] = mapped_column(String(200))
    filed_by_name: Mapped[str | None] = mapped_column(String(200))
    inspected_on: Mapped[date | None]
    inspected_by: Mapped[str | None] = mapped_column(String(200))
    inspected_by_name: Mapped[str | None] = mapped_column(String(200))
    inspection_note: Mapped[str | None] = mapped_column(String(1000))
    violations_count: Mapped[int]
    retired_reason: Mapped[str | None] = mapped_column(String(1000))
    lapses: Mapped[list[str]] = mapped_column(ARRAY(String(32)), server_default=text("'{}'"))
    turns_at: Mapped[Timestamp | None]
    is_demo: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]
