"""What is derived from positions: visits, trips, daily mileages.

A sealed row is final: the positions it was derived from may be gone. Lengths are whole millimetres, so that
sums close exactly.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Double, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Big, Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


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
    sealed: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class Trip(Base):
    """A vehicle under way from where it stood to where it stood again; the id is UUIDv5(vehicle, start)."""

    __tablename__ = "trips"
    __table_args__ = (
        Index("ix_trips_vehicle_id", "vehicle_id", "started_at"),
        Index("ix_trips_enterprise_id", "enterprise_id", "started_at", "id"),
        CheckConstraint("status IN ('open', 'closed', 'retracted')", name="status"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[Key]
    vehicle_id: Mapped[UUID]
    enterprise_id: Mapped[UUID]
    started_at: Mapped[Timestamp]
    ended_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    start_lon: Mapped[float] = mapped_column(Double)
    start_lat: Mapped[float] = mapped_column(Double)
    end_lon: Mapped[float] = mapped_column(Double)
    end_lat: Mapped[float] = mapped_column(Double)
    length_mm: Mapped[Big]
    loaded_mm: Mapped[Big]
    empty_mm: Mapped[Big]
    moving_ms: Mapped[Big]
    idle_ms: Mapped[Big]
    odometer_m: Mapped[int | None] = mapped_column(BigInteger)
    max_speed_kmh: Mapped[float | None] = mapped_column(Double)
    stops: Mapped[list[Any]] = mapped_column(JSONB)
    """Halts within, each [arrived ms, left ms, lon, lat]."""
    status: Mapped[str] = mapped_column(String(16))
    supersedes: Mapped[UUID | None]
    sealed: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class DailyMileage(Base):
    """A vehicle's day in the city's zone; open until the day is over, published then and when corrected."""

    __tablename__ = "daily_mileages"
    __table_args__ = (
        Index("uq_daily_mileages_vehicle_id_day", "vehicle_id", "day", unique=True),
        Index("ix_daily_mileages_enterprise_id", "enterprise_id", "day", "id"),
        Index("ix_daily_mileages_open", "day", postgresql_where=text("status = 'open'")),
        CheckConstraint("status IN ('open', 'closed')", name="status"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[Key]
    vehicle_id: Mapped[UUID]
    enterprise_id: Mapped[UUID]
    day: Mapped[date]
    fixes: Mapped[int]
    jumps: Mapped[int]
    first_fix_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    last_fix_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    length_mm: Mapped[Big]
    loaded_mm: Mapped[Big]
    empty_mm: Mapped[Big]
    moving_ms: Mapped[Big]
    idle_ms: Mapped[Big]
    odometer_m: Mapped[int | None] = mapped_column(BigInteger)
    is_working_day: Mapped[bool]
    status: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(Integer, server_default="0")
