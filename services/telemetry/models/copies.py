"""Copies of the registry's enterprises, vehicles and areas."""

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import DateTime, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


class Enterprise(Base):
    """Copy of the registry's enterprise."""

    __tablename__ = "enterprises"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    is_demo: Mapped[bool]
    version: Mapped[int]


class Vehicle(Base):
    """Copy of the registry's vehicle: one registration over one interval."""

    __tablename__ = "vehicles"
    __table_args__ = (Index("ix_vehicles_enterprise_id", "enterprise_id", "id"),)

    id: Mapped[Key]
    enterprise_id: Mapped[UUID]
    plate_number: Mapped[str] = mapped_column(Text)
    plate_color: Mapped[int]
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[datetime | None] = mapped_column(_INSTANT)
    is_demo: Mapped[bool]
    refrigeration: Mapped[str] = mapped_column(String(16), server_default="none")
    version: Mapped[int]


class Area(Base):
    """Copy of the registry's area."""

    __tablename__ = "areas"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    version: Mapped[int]


class AreaVersion(Base):
    """The shape of an area in force over a half-open interval."""

    __tablename__ = "area_versions"
    __table_args__ = (Index("ix_area_versions_geometry", "geometry", postgresql_using="gist"),)

    area_id: Mapped[UUID] = mapped_column(
        ForeignKey("telemetry.areas.id", ondelete="CASCADE"), primary_key=True
    )
    valid_from: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    valid_to: Mapped[datetime | None] = mapped_column(_INSTANT)
    geometry: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4326, spatial_index=False))
