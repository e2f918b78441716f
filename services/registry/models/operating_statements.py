"""Operating statements 运营月报: what a firm says of one month, revision by revision."""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, CheckConstraint, ForeignKey, Index, String, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class OperatingStatement(Base):
    """One revision of a firm's statement of a month; its figures never change.

    `costs_yuan` holds texts with two decimals, `energy` numbers with at most three, each only what was
    stated. The revision that is not superseded is the current one.
    """

    __tablename__ = "operating_statements"
    __table_args__ = (
        Index(
            "uq_operating_statements_current",
            "enterprise_id",
            "month",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index(
            "uq_operating_statements_enterprise_id_month_revision",
            "enterprise_id",
            "month",
            "revision",
            unique=True,
        ),
        Index("ix_operating_statements_month_id", "month", "id"),
        CheckConstraint("(revision = 1) = (supersedes IS NULL)", name="revision"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    month: Mapped[str] = mapped_column(String(7))
    revision: Mapped[int]
    supersedes: Mapped[UUID | None] = mapped_column(ForeignKey("registry.operating_statements.id"))
    superseded_at: Mapped[Timestamp | None]
    status: Mapped[str] = mapped_column(String(16))
    late: Mapped[bool] = mapped_column(Boolean)
    costs_yuan: Mapped[dict[str, str]] = mapped_column(JSONB)
    energy: Mapped[dict[str, float]] = mapped_column(JSONB)
    vehicle_count: Mapped[int]
    vehicle_days: Mapped[int | None]
    vehicle_km: Mapped[float]
    vehicle_km_source: Mapped[str] = mapped_column(String(16))
    loaded_km: Mapped[float | None]
    tonne_km: Mapped[float | None]
    notes: Mapped[str | None] = mapped_column(String(10_000))
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    flags: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    checks_version: Mapped[str] = mapped_column(String(64))
    compared_with: Mapped[UUID | None] = mapped_column(ForeignKey("registry.operating_statements.id"))
    submitted_by: Mapped[str] = mapped_column(String(200))
    accepted_by: Mapped[str | None] = mapped_column(String(200))
    accepted_by_name: Mapped[str | None] = mapped_column(String(200))
    accepted_at: Mapped[Timestamp | None]
    returned_by: Mapped[str | None] = mapped_column(String(200))
    returned_by_name: Mapped[str | None] = mapped_column(String(200))
    returned_at: Mapped[Timestamp | None]
    return_reason: Mapped[str | None] = mapped_column(String(1000))
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]
