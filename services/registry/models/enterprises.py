"""Enterprises, the applications they come from, the decisions about their standing."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, deferred, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class EnterpriseApplication(Base):
    """A firm's request to join; the applicant proves itself by a reference code (SHA-256 here)."""

    __tablename__ = "enterprise_applications"
    __table_args__ = (
        UniqueConstraint("reference_hash"),
        Index("ix_enterprise_applications_status_id", "status", "id"),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(200))
    uscc: Mapped[str] = mapped_column(String(18))
    kind: Mapped[str] = mapped_column(String(32))
    address: Mapped[str | None] = mapped_column(String(500))
    reference_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(16))
    submitted_at: Mapped[Timestamp]
    decided_at: Mapped[Timestamp | None]
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_by_name: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str | None] = mapped_column(String(1000))
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.clients.id"))
    version: Mapped[int]


class Enterprise(Base):
    """A firm of the programme; `standing_*` is the row of `enterprise_standings` in force.

    `lapses` are the kinds of its licences that have run out; `turns_at` is when the next does or is in force
    again. Its contacts are personal values under its own id.
    """

    __tablename__ = "enterprises"
    __table_args__ = (
        Index("uq_enterprises_uscc", "uscc", unique=True, postgresql_where=text("status <> 'closed'")),
        Index(
            "ix_enterprises_search_key",
            "search_key",
            postgresql_using="gin",
            postgresql_ops={"search_key": "gin_trgm_ops"},
        ),
        Index("ix_enterprises_turns_at", "turns_at", postgresql_where=text("turns_at IS NOT NULL")),
        CheckConstraint("status IN ('active', 'suspended', 'closed')", name="status"),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(200))
    uscc: Mapped[str] = mapped_column(String(18))
    kind: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    standing_reason: Mapped[str] = mapped_column(String(1000))
    standing_since: Mapped[Timestamp]
    address: Mapped[str | None] = mapped_column(String(500))
    member_from: Mapped[date | None]
    member_to: Mapped[date | None]
    lapses: Mapped[list[str]] = mapped_column(ARRAY(String(32)), server_default=text("'{}'"))
    turns_at: Mapped[Timestamp | None]
    verified: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    is_demo: Mapped[bool]
    search_key: Mapped[str] = deferred(
        mapped_column(Text, Computed("registry.firm_key(name::text, uscc::text)", persisted=True))
    )
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class EnterpriseStanding(Base):
    """One decision about a firm's standing: cause, effective time, who."""

    __tablename__ = "enterprise_standings"
    __table_args__ = (
        Index("ix_enterprise_standings_enterprise_id_effective_at", "enterprise_id", "effective_at"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(1000))
    effective_at: Mapped[Timestamp]
    decided_by: Mapped[str] = mapped_column(String(200))
    decided_by_name: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[Timestamp]
