"""What is derived from positions: visits, checkpoints, the work list."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


class PendingDerivation(Base):
    """A vehicle whose conclusions must be drawn anew from ``since`` on."""

    __tablename__ = "pending_derivations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    vehicle_id: Mapped[UUID]
    since: Mapped[Timestamp]
    until: Mapped[datetime | None] = mapped_column(_INSTANT)
    """Last instant touched; null when everything after ``since`` may be."""


class Visit(Base):
    """A vehicle inside an area from entering to leaving; the id is UUIDv5(vehicle, area, start in ms)."""

    __tablename__ = "visits"
    __table_args__ = (
        Index("ix_visits_vehicle_id", "vehicle_id", "entered_at"),
        Index("ix_visits_area_id", "area_id", "entered_at"),
        CheckConstraint("status IN ('open', 'closed', 'retracted')", name="status"),
    )

    id: Mapped[Key]
    vehicle_id: Mapped[UUID]
    enterprise_id: Mapped[UUID]
    area_id: Mapped[UUID]
    entered_at: Mapped[Timestamp]
    left_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    status: Mapped[str] = mapped_column(String(16))
    supersedes: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class DerivationState(Base):
    """Hourly checkpoint of a vehicle's derivation: its state after every fix before ``time``."""

    __tablename__ = "derivation_states"

    vehicle_id: Mapped[Key]
    time: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    state: Mapped[bytes] = mapped_column(LargeBinary)
