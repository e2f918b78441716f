"""What terminals report beside their position, and what they are told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Big, Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


class TerminalAlarm(Base):
    """A JT/T 808 report with alarm bits, also one without a position; ``id`` is what a follower reads by."""

    __tablename__ = "terminal_alarms"
    __table_args__ = (
        UniqueConstraint("id"),
        Index("ix_terminal_alarms_time", "time", postgresql_using="brin"),
    )

    terminal_key: Mapped[int] = mapped_column(Integer, primary_key=True)
    time: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    alarm_bits: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    status_bits: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[Big] = mapped_column(Identity())
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    received_at: Mapped[Timestamp]


class TerminalCommand(Base):
    """A command down to a terminal: queued, delivered, answered; expired when its time has passed before."""

    __tablename__ = "terminal_commands"
    __table_args__ = (
        Index("ix_terminal_commands_terminal_id", "terminal_id", "id"),
        Index("ix_terminal_commands_created_at", "created_at", postgresql_using="brin"),
        Index(
            "ix_terminal_commands_open",
            "terminal_key",
            postgresql_where=text("status IN ('queued', 'delivered')"),
        ),
        CheckConstraint(
            "(kind = 'interval' AND interval_s IS NOT NULL AND message IS NULL)"
            " OR (kind = 'text' AND message IS NOT NULL AND interval_s IS NULL)",
            name="kind",
        ),
        CheckConstraint("status IN ('queued', 'delivered', 'answered', 'expired')", name="status"),
    )

    id: Mapped[Key]
    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("telemetry.terminals.id"))
    terminal_key: Mapped[int] = mapped_column(Integer)
    enterprise_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(16))
    interval_s: Mapped[int | None] = mapped_column(Integer)
    message: Mapped[str | None] = mapped_column(Text)
    is_urgent: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    status: Mapped[str] = mapped_column(String(16), server_default="queued")
    result: Mapped[int | None] = mapped_column(SmallInteger)
    """What the terminal answered: 0 done, 1 failed, 2 wrong, 3 not supported."""
    created_at: Mapped[Timestamp]
    created_by: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[Timestamp]
    delivered_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    answered_at: Mapped[datetime | None] = mapped_column(_INSTANT)
