"""What becomes of positions in time: days dropped, legal holds 证据保全, 5-minute aggregates."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, DateTime, Double, Index, String, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Big, Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


class PositionDay(Base):
    """How far a UTC day of positions is on its way out; no day up to the last one here is made again.

    `held` rows under the holds `hold_ids` are all that is left of a dropped one, in a partition of the same
    name.
    """

    __tablename__ = "position_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    closed_at: Mapped[Timestamp]
    """From then on the day takes no position any more."""
    aggregated_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    dropped_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    held: Mapped[int] = mapped_column(BigInteger, server_default="0")
    hold_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))


class LegalHold(Base):
    """An official keeps positions of a vehicle, or of all, and of an interval, whatever their age."""

    __tablename__ = "legal_holds"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="interval"),
        CheckConstraint(
            "num_nulls(lifted_at, lifted_by, lifted_by_name, lift_reason) IN (0, 4)", name="lifted"
        ),
    )

    id: Mapped[Key]
    vehicle_id: Mapped[UUID | None]
    """Null: every vehicle."""
    starts_at: Mapped[Timestamp]
    ends_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    reason: Mapped[str] = mapped_column(String(1000))
    reference: Mapped[str | None] = mapped_column(String(200))
    owner_role: Mapped[str] = mapped_column(String(32))
    placed_at: Mapped[Timestamp]
    placed_by: Mapped[str] = mapped_column(String(200))
    placed_by_name: Mapped[str] = mapped_column(String(200))
    gone_before: Mapped[datetime | None] = mapped_column(_INSTANT)
    """What it should have kept of before this instant had been dropped already."""
    lifted_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    lifted_by: Mapped[str | None] = mapped_column(String(200))
    lifted_by_name: Mapped[str | None] = mapped_column(String(200))
    lift_reason: Mapped[str | None] = mapped_column(String(1000))


class TrackAggregate(Base):
    """What is left of a vehicle's fixes of five minutes, of `time` and after (`domain/aggregates.py`)."""

    __tablename__ = "track_aggregates"
    __table_args__ = (Index("ix_track_aggregates_time", "time", postgresql_using="brin"),)

    vehicle_id: Mapped[Key]
    time: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    enterprise_id: Mapped[UUID]
    fixes: Mapped[int]
    jumps: Mapped[int]
    first_at: Mapped[Timestamp]
    first_lon: Mapped[float] = mapped_column(Double)
    first_lat: Mapped[float] = mapped_column(Double)
    last_at: Mapped[Timestamp]
    last_lon: Mapped[float] = mapped_column(Double)
    last_lat: Mapped[float] = mapped_column(Double)
    mean_lon: Mapped[float] = mapped_column(Double)
    mean_lat: Mapped[float] = mapped_column(Double)
    length_mm: Mapped[Big]
    moving_ms: Mapped[Big]
    max_speed_kmh: Mapped[float | None] = mapped_column(Double)
    mileage_km: Mapped[float | None] = mapped_column(Double)
    min_cargo_temp_c: Mapped[float | None] = mapped_column(Double)
    max_cargo_temp_c: Mapped[float | None] = mapped_column(Double)
