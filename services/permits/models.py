"""Tables of the schema `permits`: rules, applications, permits, copies of registry, the log of checks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    SmallInteger,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from services.shared.audit import LogTable, Repeated
from services.shared.changes import Feed
from services.shared.db import Big, Key, Timestamp, make_metadata
from services.shared.ddl import kernel_tables
from services.shared.follow import follow_tables

SCHEMA_REVISION = "0002"


class Base(DeclarativeBase):
    """Base of the service's entities."""

    metadata = make_metadata("permits")


feed = Feed("permits", Base.metadata)
KERNEL = kernel_tables(Base.metadata)
follow_cursors = follow_tables(Base.metadata)
CHECK_LOG = LogTable("permits", "check_log", (Repeated("plate_number", "text", ("asked", "plate_number")),))
permit_numbers = Sequence("permit_numbers", metadata=Base.metadata, schema="permits")

_INSTANT = DateTime(timezone=True)


class _Scheduled:
    """Where and in which hours something holds; windows are [{"start": "HH:MM", "end": "HH:MM"}]."""

    area_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    windows: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    holiday_calendar: Mapped[bool] = mapped_column(Boolean)


class RestrictionRule(_Scheduled, Base):
    """A traffic restriction over one validity interval; repealed, never deleted."""

    __tablename__ = "restriction_rules"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("effect IN ('allow', 'permit_required', 'ban')", name="effect"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="interval"),
        Index("ix_restriction_rules_valid_from_id", "valid_from", "id"),
    )

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(String(64))
    title_zh: Mapped[str] = mapped_column(String(200))
    title_en: Mapped[str] = mapped_column(String(200))
    legal_basis: Mapped[str | None] = mapped_column(String(1000))
    effect: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer)
    permit_types: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    conditions: Mapped[dict[str, Any]] = mapped_column(JSONB)
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[datetime | None] = mapped_column(_INSTANT)
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[Timestamp]
    repealed_by: Mapped[str | None] = mapped_column(String(200))
    repealed_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    repeal_reason: Mapped[str | None] = mapped_column(String(1000))
    version: Mapped[int] = mapped_column(Integer)


class RuleBook(Base):
    """One row: the edition of all rules and areas, new with every change; checks compare it."""

    __tablename__ = "rule_book"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    edition: Mapped[UUID]


class PermitType(Base):
    """A kind of permit an enterprise may apply for."""

    __tablename__ = "permit_types"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("lifts IN ('permit_required', 'ban')", name="lifts"),
        CheckConstraint("basis IN ('area', 'route')", name="basis"),
        CheckConstraint("max_days BETWEEN 1 AND 1100", name="max_days"),
    )

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(String(64))
    name_zh: Mapped[str] = mapped_column(String(200))
    name_en: Mapped[str] = mapped_column(String(200))
    basis: Mapped[str] = mapped_column(String(16))
    lifts: Mapped[str] = mapped_column(String(16))
    max_days: Mapped[int] = mapped_column(Integer)
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[Timestamp]
    version: Mapped[int] = mapped_column(Integer)


class PermitApplication(_Scheduled, Base):
    """An enterprise asks for a permit: submitted, then approved, rejected or withdrawn."""

    __tablename__ = "permit_applications"
    __table_args__ = (
        CheckConstraint("status IN ('submitted', 'approved', 'rejected', 'withdrawn')", name="status"),
        CheckConstraint("valid_to > valid_from", name="interval"),
        Index("ix_permit_applications_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_permit_applications_status_id", "status", "id"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID]
    vehicle_id: Mapped[UUID]
    permit_type_id: Mapped[UUID] = mapped_column(ForeignKey("permits.permit_types.id"))
    purpose: Mapped[str] = mapped_column(String(1000))
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[Timestamp]
    status: Mapped[str] = mapped_column(String(16))
    submitted_by: Mapped[str] = mapped_column(String(200))
    submitted_at: Mapped[Timestamp]
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    reason: Mapped[str | None] = mapped_column(String(1000))
    permit_id: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(Integer)
    type: Mapped[PermitType] = relationship(lazy="joined", innerjoin=True)

    @property
    def permit_type(self) -> str:
        """Code of the permit type."""
        return self.type.code


class Permit(_Scheduled, Base):
    """One vehicle may do in some areas and hours what a rule makes subject to a permit.

    `granted_until` is the end as decided; `valid_to` is that or the end of the vehicle's registration,
    whichever comes first.
    """

    __tablename__ = "permits"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("application_id"),
        CheckConstraint("status IN ('active', 'suspended', 'revoked', 'expired')", name="status"),
        CheckConstraint("valid_to >= valid_from AND granted_until >= valid_to", name="interval"),
        Index("ix_permits_vehicle_id_valid_to", "vehicle_id", "valid_to"),
        Index("ix_permits_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_permits_ending", "valid_to", postgresql_where=text("status = 'active'")),
    )

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(String(64))
    application_id: Mapped[UUID] = mapped_column(ForeignKey("permits.permit_applications.id"))
    enterprise_id: Mapped[UUID]
    vehicle_id: Mapped[UUID]
    permit_type: Mapped[str] = mapped_column(String(64))
    lifts: Mapped[str] = mapped_column(String(16))
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[Timestamp]
    granted_until: Mapped[Timestamp]
    status: Mapped[str] = mapped_column(String(16))
    external_number: Mapped[str | None] = mapped_column(String(64))
    issued_by: Mapped[str] = mapped_column(String(200))
    issued_at: Mapped[Timestamp]
    revoked_by: Mapped[str | None] = mapped_column(String(200))
    revoked_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    revocation_reason: Mapped[str | None] = mapped_column(String(1000))
    version: Mapped[int] = mapped_column(Integer)


class CheckLogEntry(Base):
    """One answered check; append-only, each digest chained to the one before."""

    __tablename__ = "check_log"
    __table_args__ = (
        Index("ix_check_log_plate_number_pos", "plate_number", "pos"),
        Index("ix_check_log_subject_pos", "subject", "pos"),
    )

    pos: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    recorded_at: Mapped[Timestamp]
    subject: Mapped[str] = mapped_column(String(200))
    plate_number: Mapped[str] = mapped_column(String(16))
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class Enterprise(Base):
    """Copy of the registry's enterprise."""

    __tablename__ = "enterprises"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))
    is_demo: Mapped[bool]
    version: Mapped[Big]


class EnterpriseStanding(Base):
    """Copy of one turn of the enterprise's course: what holds from an instant on, also of those to come.

    `status` is as officials decided; `lapses` are the licences that have run out.
    """

    __tablename__ = "enterprise_standings"

    enterprise_id: Mapped[Key]
    since: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    lapses: Mapped[list[str]] = mapped_column(ARRAY(String(64)))


class Vehicle(Base):
    """Copy of the registry's vehicle: one registration over one interval; `facts` are the rules' facts.

    `standings` is the whole course of its papers, as `services.shared.rules.standing.Course` stores it.
    """

    __tablename__ = "vehicles"
    __table_args__ = (
        Index("ix_vehicles_plate", "plate_number", "plate_color", "valid_from"),
        Index("ix_vehicles_enterprise_id_id", "enterprise_id", "id"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID]
    plate_number: Mapped[str] = mapped_column(String(16))
    plate_color: Mapped[int] = mapped_column(SmallInteger)
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[datetime | None] = mapped_column(_INSTANT)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    standings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    is_demo: Mapped[bool]
    version: Mapped[Big]


class Area(Base):
    """Copy of the registry's area."""

    __tablename__ = "areas"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(32))
    schematic: Mapped[bool]
    version: Mapped[Big]


class AreaVersion(Base):
    """The shape of an area in force over a half-open interval."""

    __tablename__ = "area_versions"
    __table_args__ = (Index("ix_area_versions_geometry", "geometry", postgresql_using="gist"),)

    area_id: Mapped[Key] = mapped_column(ForeignKey("permits.areas.id", ondelete="CASCADE"))
    valid_from: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    valid_to: Mapped[datetime | None] = mapped_column(_INSTANT)
    geometry: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4326, spatial_index=False))
