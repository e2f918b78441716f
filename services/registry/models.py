"""Tables of the registry (schema `registry`)."""

from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.shared.changes import Feed
from services.shared.db import Key, Timestamp, make_metadata
from services.shared.ddl import kernel_tables

SCHEMA_REVISION = "0001"


class Base(DeclarativeBase):
    """Base of the registry's tables."""

    metadata = make_metadata("registry")


KERNEL = kernel_tables(Base.metadata)
FEED = Feed("registry", Base.metadata)


class Client(Base):
    """An OAuth2 client; its secret exists here only as SHA-256."""

    __tablename__ = "clients"
    __table_args__ = (Index("ix_clients_enterprise_id", "enterprise_id"),)

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(32))
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class StaffAccount(Base):
    """A named person of an office, signing in with a password (argon2id)."""

    __tablename__ = "staff_accounts"
    __table_args__ = (UniqueConstraint("username"),)

    id: Mapped[Key]
    username: Mapped[str] = mapped_column(String(64))
    display_name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(32))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    password_hash: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


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
    reference_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(16))
    submitted_at: Mapped[Timestamp]
    decided_at: Mapped[Timestamp | None]
    decided_by: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str | None] = mapped_column(String(1000))
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.clients.id"))
    version: Mapped[int]


class Enterprise(Base):
    """A firm of the programme; `standing_*` is the row of `enterprise_standings` in force."""

    __tablename__ = "enterprises"
    __table_args__ = (
        Index("uq_enterprises_uscc", "uscc", unique=True, postgresql_where=text("status <> 'closed'")),
        CheckConstraint("status IN ('active', 'suspended', 'closed')", name="status"),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(200))
    uscc: Mapped[str] = mapped_column(String(18))
    kind: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    standing_reason: Mapped[str] = mapped_column(String(1000))
    standing_since: Mapped[Timestamp]
    is_demo: Mapped[bool]
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
    decided_at: Mapped[Timestamp]


class Vehicle(Base):
    """One registration: plate, colour and owner over one half-open interval."""

    __tablename__ = "vehicles"
    __table_args__ = (
        Index("ix_vehicles_enterprise_id_id", "enterprise_id", "id"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="interval"),
        ExcludeConstraint(
            ("plate_number", "="),
            ("plate_color", "="),
            (func.tstzrange(text("valid_from"), text("valid_to")), "&&"),
            name="ex_vehicles_plate",
            using="gist",
        ),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID] = mapped_column(ForeignKey("registry.enterprises.id"))
    plate_number: Mapped[str] = mapped_column(String(16))
    plate_color: Mapped[int] = mapped_column(SmallInteger)
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[Timestamp | None]
    predecessor_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.vehicles.id"))
    end_reason: Mapped[str | None] = mapped_column(String(1000))
    powertrain: Mapped[str] = mapped_column(String(8))
    energy_code: Mapped[str | None] = mapped_column(String(1))
    vehicle_type: Mapped[str | None] = mapped_column(String(3))
    curb_mass_kg: Mapped[int | None]
    gross_mass_kg: Mapped[int | None]
    payload_kg: Mapped[int]
    volume_m3: Mapped[float | None]
    length_m: Mapped[float | None]
    width_m: Mapped[float | None]
    height_m: Mapped[float | None]
    refrigeration: Mapped[str] = mapped_column(String(16))
    is_demo: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class Area(Base):
    """A place that rules, visits and statistics refer to; its shapes are versions."""

    __tablename__ = "areas"
    __table_args__ = (UniqueConstraint("code"),)

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(32))
    schematic: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class AreaVersion(Base):
    """A shape in force over a half-open interval; WGS-84."""

    __tablename__ = "area_versions"
    __table_args__ = (
        Index("ix_area_versions_geometry", "geometry", postgresql_using="gist"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="interval"),
        ExcludeConstraint(
            ("area_id", "="),
            (func.tstzrange(text("valid_from"), text("valid_to")), "&&"),
            name="ex_area_versions_interval",
            using="gist",
        ),
    )

    id: Mapped[Key]
    area_id: Mapped[UUID] = mapped_column(ForeignKey("registry.areas.id"))
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[Timestamp | None]
    geometry: Mapped[Any] = mapped_column(
        Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False
    )
    created_at: Mapped[Timestamp]
