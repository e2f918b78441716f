"""Releases: what is in quarantine is judged again once the cause is mended."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Big, Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)
_NONE = text("0")


class QuarantineRelease(Base):
    """What is to be judged again, in order of id up to `last_id`, and how far that has come.

    All criteria that are given hold; a firm's covers its own rows alone, an office's those of every firm.
    """

    __tablename__ = "quarantine_releases"
    __table_args__ = (
        Index("ix_quarantine_releases_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_quarantine_releases_open", "id", postgresql_where=text("status <> 'done'")),
        CheckConstraint("status IN ('pending', 'running', 'done')", name="status"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID | None] = mapped_column(server_default=text("public.app_enterprise()"))
    """Of the transaction that asks for it; null of an office."""
    ids: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    terminal_number: Mapped[str | None] = mapped_column(Text)
    reasons: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    received_from: Mapped[datetime | None] = mapped_column(_INSTANT)
    received_to: Mapped[datetime | None] = mapped_column(_INSTANT)
    last_id: Mapped[Big]
    reached_id: Mapped[Big] = mapped_column(server_default=_NONE)
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
    examined: Mapped[Big] = mapped_column(server_default=_NONE)
    released: Mapped[Big] = mapped_column(server_default=_NONE)
    stored: Mapped[Big] = mapped_column(server_default=_NONE)
    duplicate: Mapped[Big] = mapped_column(server_default=_NONE)
    requested_by: Mapped[str] = mapped_column(String(200))
    requested_by_name: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[Timestamp]
    finished_at: Mapped[datetime | None] = mapped_column(_INSTANT)
