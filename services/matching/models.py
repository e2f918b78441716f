"""Tables of matching: loads, offers, waybills and their events, assignments, and copies of others' facts."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    Sequence,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.shared.changes.feed import Feed
from services.shared.db import Big, Key, Timestamp, make_metadata
from services.shared.ddl import kernel_tables
from services.shared.follow import follow_tables

SCHEMA = "matching"
SCHEMA_REVISION = "0002"


class Base(DeclarativeBase):
    """Base of every table of this service."""

    metadata = make_metadata(SCHEMA)


KERNEL = kernel_tables(Base.metadata)
FEED = Feed(SCHEMA, Base.metadata)
FOLLOW_CURSORS = follow_tables(Base.metadata)
WAYBILL_NUMBERS = Sequence("waybill_numbers", metadata=Base.metadata)


class Load(Base):
    """Goods a shipper wants carried. Open until awarded, withdrawn or past its pickup window."""

    __tablename__ = "loads"
    __table_args__ = (
        CheckConstraint(
            "status IN ('open','awarded','completed','cancelled','withdrawn','expired')", "status"
        ),
        CheckConstraint("weight_kg > 0 AND volume_m3 > 0", "positive"),
        CheckConstraint("pickup_from < pickup_to AND delivery_from < delivery_to", "windows"),
        Index(None, "shipper_id", "id"),
        Index(None, "carrier_id", "id"),
        Index("ix_loads_open", "id", postgresql_where=text("status = 'open'")),
    )

    id: Mapped[Key]
    shipper_id: Mapped[UUID]
    carrier_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(String(16))
    origin_lon: Mapped[float]
    origin_lat: Mapped[float]
    origin_address: Mapped[str] = mapped_column(String(200))
    destination_lon: Mapped[float]
    destination_lat: Mapped[float]
    destination_address: Mapped[str] = mapped_column(String(200))
    weight_kg: Mapped[float]
    volume_m3: Mapped[float]
    temperature_class: Mapped[str] = mapped_column(String(16))
    cargo_type_code: Mapped[str] = mapped_column(String(4))
    description: Mapped[str] = mapped_column(String(512))
    pickup_from: Mapped[Timestamp]
    pickup_to: Mapped[Timestamp]
    delivery_from: Mapped[Timestamp]
    delivery_to: Mapped[Timestamp]
    is_demo: Mapped[bool]
    created_at: Mapped[Timestamp]
    version: Mapped[int]


class Offer(Base):
    """A carrier's price for a load with one vehicle, and what the shipper may see of the vehicle."""

    __tablename__ = "offers"
    __table_args__ = (
        CheckConstraint("status IN ('open','accepted','rejected','withdrawn','lost','lapsed')", "status"),
        CheckConstraint("price_yuan > 0", "price"),
        Index(None, "load_id", "id"),
        Index(None, "carrier_id", "id"),
        Index(None, "shipper_id", "id"),
        Index(
            "uq_offers_open_load_id_vehicle_id",
            "load_id",
            "vehicle_id",
            unique=True,
            postgresql_where=text("status = 'open'"),
        ),
    )

    id: Mapped[Key]
    load_id: Mapped[UUID] = mapped_column(ForeignKey("matching.loads.id"))
    vehicle_id: Mapped[UUID]
    carrier_id: Mapped[UUID]
    shipper_id: Mapped[UUID]
    price_yuan: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    status: Mapped[str] = mapped_column(String(16))
    vehicle_size: Mapped[str] = mapped_column(String(16))
    vehicle_refrigeration: Mapped[str] = mapped_column(String(16))
    vehicle_energy: Mapped[str] = mapped_column(String(16))
    distance_band: Mapped[str] = mapped_column(String(32))
    score: Mapped[float]
    created_at: Mapped[Timestamp]
    decided_at: Mapped[Timestamp | None]


class Waybill(Base):
    """What was agreed for one load: who carries it with which vehicle at what price, and how far it is."""

    __tablename__ = "waybills"
    __table_args__ = (
        CheckConstraint(
            "status IN ('consigned','loaded','departed','arrived','signed','cancelled')", "status"
        ),
        UniqueConstraint("number"),
        UniqueConstraint("load_id"),
        UniqueConstraint("offer_id"),
        Index(None, "shipper_id", "id"),
        Index(None, "carrier_id", "id"),
    )

    id: Mapped[Key]
    number: Mapped[str] = mapped_column(String(20))
    load_id: Mapped[UUID] = mapped_column(ForeignKey("matching.loads.id"))
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("matching.offers.id"))
    shipper_id: Mapped[UUID]
    carrier_id: Mapped[UUID]
    vehicle_id: Mapped[UUID]
    plate_number: Mapped[str] = mapped_column(String(16))
    plate_color: Mapped[int]
    price_yuan: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    status: Mapped[str] = mapped_column(String(16))
    consigned_at: Mapped[Timestamp]
    loaded_at: Mapped[Timestamp | None]
    departed_at: Mapped[Timestamp | None]
    arrived_at: Mapped[Timestamp | None]
    signed_at: Mapped[Timestamp | None]
    cancelled_at: Mapped[Timestamp | None]
    is_demo: Mapped[bool]
    version: Mapped[int]


class WaybillEvent(Base):
    """One reported event of a waybill; each kind happens once."""

    __tablename__ = "waybill_events"
    __table_args__ = (
        CheckConstraint("kind IN ('loaded','departed','arrived','signed','cancelled')", "kind"),
        CheckConstraint("party IN ('shipper','carrier')", "party"),
        UniqueConstraint("waybill_id", "kind"),
    )

    id: Mapped[Key]
    waybill_id: Mapped[UUID] = mapped_column(ForeignKey("matching.waybills.id"))
    kind: Mapped[str] = mapped_column(String(16))
    at: Mapped[Timestamp]
    party: Mapped[str] = mapped_column(String(16))
    reported_by: Mapped[str] = mapped_column(String(200))
    note: Mapped[str | None] = mapped_column(String(500))
    recorded_at: Mapped[Timestamp]


class Assignment(Base):
    """The hours a vehicle is promised to a waybill; two live ones of a vehicle never overlap."""

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("waybill_id"),
        ExcludeConstraint(
            ("vehicle_id", "="),
            ("during", "&&"),
            name="ex_assignments_vehicle_id_during",
            using="gist",
            where=text("released_at IS NULL"),
        ),
        Index(
            "ix_assignments_during",
            "during",
            postgresql_using="gist",
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    id: Mapped[Key]
    waybill_id: Mapped[UUID] = mapped_column(ForeignKey("matching.waybills.id"))
    vehicle_id: Mapped[UUID]
    carrier_id: Mapped[UUID]
    shipper_id: Mapped[UUID]
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    released_at: Mapped[Timestamp | None]


class EnterpriseCopy(Base):
    """What the registry says of a firm; `standings` is the course, as `rules.standing.Course` stores it."""

    __tablename__ = "enterprises"
    __table_args__ = (Index(None, "pos"),)

    id: Mapped[Key]
    status: Mapped[str] = mapped_column(String(16))
    standings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    is_demo: Mapped[bool]
    version: Mapped[Big]
    pos: Mapped[Big]


class VehicleCopy(Base):
    """What the registry says of a vehicle; `state` is a `VehicleState`."""

    __tablename__ = "vehicles"
    __table_args__ = (Index(None, "pos"), Index(None, "enterprise_id"))

    id: Mapped[Key]
    enterprise_id: Mapped[UUID]
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)
    deleted: Mapped[bool]
    version: Mapped[Big]
    pos: Mapped[Big]


class AreaCopy(Base):
    """Which version of an area is known; its shapes are in `area_versions`."""

    __tablename__ = "areas"

    id: Mapped[Key]
    version: Mapped[Big]
    pos: Mapped[Big]


class AreaShape(Base):
    """One shape of an area over a half-open interval, WGS-84."""

    __tablename__ = "area_versions"
    __table_args__ = (
        Index(None, "area_id"),
        Index("ix_area_versions_geometry", "geometry", postgresql_using="gist"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    area_id: Mapped[UUID] = mapped_column(ForeignKey("matching.areas.id", ondelete="CASCADE"))
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[Timestamp | None]
    geometry: Mapped[WKBElement] = mapped_column(Geometry("MULTIPOLYGON", 4326, spatial_index=False))


class RestrictionRuleCopy(Base):
    """What permits says of a rule; `state` is a `RestrictionRuleState`."""

    __tablename__ = "restriction_rules"
    __table_args__ = (Index(None, "pos"),)

    id: Mapped[Key]
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)
    deleted: Mapped[bool]
    version: Mapped[Big]
    pos: Mapped[Big]


class PermitCopy(Base):
    """What permits says of a permit; `state` is a `PermitState`."""

    __tablename__ = "permits"
    __table_args__ = (Index(None, "pos"), Index(None, "enterprise_id"))

    id: Mapped[Key]
    enterprise_id: Mapped[UUID]
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)
    deleted: Mapped[bool]
    version: Mapped[Big]
    pos: Mapped[Big]
