"""Tables of the schema `telemetry`.

Positions are keyed by an integer (`terminal_key`), everything else by the terminal's UUID. `positions` and
`latest_positions` hold plain coordinates and a cell, no geometry: a GiST index there would cost half the
ingest.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.shared.changes import Feed
from services.shared.db import Big, Key, Timestamp, make_metadata
from services.shared.ddl import kernel_tables
from services.shared.follow import follow_tables

SCHEMA_REVISION = "0001"


class Base(DeclarativeBase):
    """Base of the service's entities."""

    metadata = make_metadata("telemetry")


feed = Feed("telemetry", Base.metadata)
kernel = kernel_tables(Base.metadata)
follow_cursors = follow_tables(Base.metadata)

_INSTANT = DateTime(timezone=True)


class Terminal(Base):
    """A device that reports positions under its own credential."""

    __tablename__ = "terminals"
    __table_args__ = (
        UniqueConstraint("terminal_key"),
        UniqueConstraint("terminal_number"),
        Index("ix_terminals_enterprise_id", "enterprise_id", "id"),
        Index("ix_terminals_unloaded", "id", postgresql_where=text("generation <> active_generation")),
        CheckConstraint("kind IN ('mqtt')", name="kind"),
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


def _content_columns() -> list[Column[Any]]:
    return [
        Column("content_hash", BigInteger, nullable=False),
        Column("lon", Double, nullable=False),
        Column("lat", Double, nullable=False),
        Column("cell", Integer, nullable=False),
        Column("speed_kmh", REAL),
        Column("heading_deg", REAL),
        Column("altitude_m", REAL),
        Column("mileage_km", Double),
        Column("soc_pct", REAL),
        Column("cargo_temp_c", REAL),
        Column("load_state", SmallInteger),
    ]


positions = Table(
    "positions",
    Base.metadata,
    Column("terminal_key", Integer, primary_key=True),
    Column("time", _INSTANT, primary_key=True),
    Column("content_hash", BigInteger, primary_key=True),
    *_content_columns()[1:],
    Column("boot", BigInteger),
    Column("seq", BigInteger),
    Column("received_at", _INSTANT, nullable=False),
    Index("ix_positions_time", "time", postgresql_using="brin"),
    postgresql_partition_by="RANGE (time)",
)

latest_positions = Table(
    "latest_positions",
    Base.metadata,
    Column("terminal_key", Integer, primary_key=True, autoincrement=False),
    Column("time", _INSTANT, nullable=False),
    *_content_columns(),
    Column("received_at", _INSTANT, nullable=False),
    Column("revision", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)


class QuarantinedPosition(Base):
    """A fix or message that is wrong by itself, kept as it came, once per content."""

    __tablename__ = "quarantined_positions"
    __table_args__ = (
        UniqueConstraint("id"),
        Index("ix_quarantined_positions_enterprise_id", "enterprise_id", "id"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    id: Mapped[Big] = mapped_column(Identity())
    terminal_number: Mapped[str] = mapped_column(Text)
    enterprise_id: Mapped[UUID | None]
    reason: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    times: Mapped[int] = mapped_column(Integer, server_default="1")
    first_received_at: Mapped[Timestamp]
    last_received_at: Mapped[Timestamp]


class IngestAccount(Base):
    """received = stored + duplicate + quarantined, per terminal and city day of reception."""

    __tablename__ = "ingest_accounting"
    __table_args__ = (CheckConstraint("received = stored + duplicate + quarantined", name="closes"),)

    terminal_number: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    enterprise_id: Mapped[UUID | None]
    received: Mapped[Big]
    stored: Mapped[Big]
    duplicate: Mapped[Big]
    quarantined: Mapped[Big]


class IngestBatch(Base):
    """What a committed batch touched, one array element a terminal; deleted when it has been folded."""

    __tablename__ = "ingest_batches"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    received_at: Mapped[Timestamp]
    terminal_keys: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    stored: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    duplicate: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    quarantined: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    min_time: Mapped[list[datetime | None]] = mapped_column(ARRAY(_INSTANT))
    max_time: Mapped[list[datetime | None]] = mapped_column(ARRAY(_INSTANT))


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
