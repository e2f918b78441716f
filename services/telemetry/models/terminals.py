"""Terminals and the vehicles they are fitted to."""

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
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


class Terminal(Base):
    """A device that reports positions under its own credential."""

    __tablename__ = "terminals"
    __table_args__ = (
        UniqueConstraint("terminal_key"),
        UniqueConstraint("terminal_number"),
        Index("ix_terminals_enterprise_id", "enterprise_id", "id"),
        Index("ix_terminals_unloaded", "id", postgresql_where=text("generation <> active_generation")),
        CheckConstraint("kind IN ('mqtt', 'jt808', 'owntracks', 'bridge')", name="kind"),
        CheckConstraint("protocol_version IN (2011, 2013, 2019)", name="protocol_version"),
        CheckConstraint("status IN ('pending', 'active', 'revoked')", name="status"),
    )

    id: Mapped[Key]
    terminal_key: Mapped[int] = mapped_column(Integer, Identity())
    terminal_number: Mapped[str] = mapped_column(String(32))
    enterprise_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(16), server_default="mqtt")
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
    secret_verifier: Mapped[str] = mapped_column(Text)
    generation: Mapped[int] = mapped_column(Integer, server_default="1")
    """Counts the changes of the credential."""
    active_generation: Mapped[int] = mapped_column(Integer, server_default="0")
    """The generation the broker has loaded."""
    created_at: Mapped[Timestamp]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    device_id: Mapped[str | None] = mapped_column(Text)
    """JT/T 808: the id printed on the device; who registers must show it."""
    protocol_version: Mapped[int | None] = mapped_column(SmallInteger)
    """JT/T 808: what the device speaks where its messages do not say so rightly."""
    issued_verifier: Mapped[str | None] = mapped_column(Text)
    """JT/T 808: of the authentication code given out at registration, valid beside the provisioned one."""
    registrable_until: Mapped[datetime | None] = mapped_column(_INSTANT)
    registration_failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    registered_at: Mapped[datetime | None] = mapped_column(_INSTANT)


class TerminalBinding(Base):
    """A terminal is fitted to a vehicle over a half-open interval; one primary a vehicle and instant."""

    __tablename__ = "terminal_bindings"
    __table_args__ = (
        Index("ix_terminal_bindings_vehicle_id", "vehicle_id", "valid_from"),
        Index("ix_terminal_bindings_terminal_key", "terminal_key", "valid_from"),
    )

    id: Mapped[Key]
    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("telemetry.terminals.id"))
    terminal_key: Mapped[int] = mapped_column(Integer)
    vehicle_id: Mapped[UUID]
    enterprise_id: Mapped[UUID]
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[datetime | None] = mapped_column(_INSTANT)
    is_primary: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))


class TerminalHealth(Base):
    """What reception tells of a terminal and its clock; folding alone writes it.

    Heard at `heard_at` or when its latest position was received, whichever is later.
    """

    __tablename__ = "terminal_health"
    __table_args__ = ({"postgresql_with": {"fillfactor": "50"}},)

    terminal_key: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    heard_at: Mapped[Timestamp]
    minutes: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    """Latest minutes of reception, since the epoch; beside each its least delay."""
    minute_delays_ms: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    hours: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    hour_delays_ms: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    clock_offset_ms: Mapped[int | None] = mapped_column(BigInteger)
    clock_drift_ms_per_day: Mapped[int | None] = mapped_column(BigInteger)
