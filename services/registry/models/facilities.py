"""Facilities and the history of their stages."""

from datetime import date
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Placed:
    """A position in degrees, WGS-84, and the point made of it."""

    lon: Mapped[float]
    lat: Mapped[float]
    location: Mapped[Any] = mapped_column(
        Geometry("POINT", srid=4326, spatial_index=False),
        Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4326)", persisted=True),
        nullable=True,
        deferred=True,
    )


class Confirmed:
    """The official who confirmed what a row says; empty while it is the operator's own word."""

    confirmed_at: Mapped[Timestamp | None]
    confirmed_by: Mapped[str | None] = mapped_column(String(200))
    confirmed_by_name: Mapped[str | None] = mapped_column(String(200))


class Facility(Placed, Confirmed, Base):
    """A place of the programme. The days repeat the steps of `facility_steps` in force.

    It is operated by a firm of the registry or by a named other one (`operator_*`).
    """

    __tablename__ = "facilities"
    __table_args__ = (
        UniqueConstraint("code"),
        Index("ix_facilities_location", "location", postgresql_using="gist"),
        Index("ix_facilities_kind_id", "kind", "id"),
        Index("ix_facilities_enterprise_id_id", "enterprise_id", "id"),
        CheckConstraint("enterprise_id IS NULL OR operator_name IS NULL", name="operator"),
        CheckConstraint(
            "planned_on <= built_on AND coalesce(built_on, planned_on) <= opened_on"
            " AND coalesce(opened_on, built_on, planned_on) <= closed_on",
            name="days",
        ),
    )

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    planned_on: Mapped[date]
    built_on: Mapped[date | None]
    opened_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    opening_document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    operator_name: Mapped[str | None] = mapped_column(String(200))
    operator_uscc: Mapped[str | None] = mapped_column(String(18))
    owner_department: Mapped[str | None] = mapped_column(String(64))
    division_code: Mapped[str | None] = mapped_column(String(6))
    zone_code: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(500))
    area_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.areas.id"))
    capacity: Mapped[dict[str, Any]] = mapped_column(JSONB)
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    confirmation_document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    schematic: Mapped[bool]
    is_demo: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class FacilityStep(Base):
    """One recorded stage of a facility: the day, the evidence, who decided.

    A correction supersedes the row and, unless it withdraws the stage, adds another that names it. Only one
    row of a stage is in force.
    """

    __tablename__ = "facility_steps"
    __table_args__ = (
        Index(
            "uq_facility_steps_facility_id_status",
            "facility_id",
            "status",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("ix_facility_steps_facility_id_id", "facility_id", "id"),
    )

    id: Mapped[Key]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("registry.facilities.id"))
    status: Mapped[str] = mapped_column(String(16))
    day: Mapped[date]
    note: Mapped[str | None] = mapped_column(String(1000))
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    decided_by: Mapped[str] = mapped_column(String(200))
    decided_by_name: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[Timestamp]
    corrects_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.facility_steps.id"))
    superseded_at: Mapped[Timestamp | None]
    superseded_by: Mapped[str | None] = mapped_column(String(200))
    superseded_by_name: Mapped[str | None] = mapped_column(String(200))
    superseded_reason: Mapped[str | None] = mapped_column(String(1000))
