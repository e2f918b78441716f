"""Positions, the latest of each terminal, what was refused, and the accounts of both.

Positions are keyed by an integer (`terminal_key`), everything else by the terminal's UUID. `positions` and
`latest_positions` hold plain coordinates and a cell, no geometry: a GiST index there would cost half the
ingest.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
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
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Big, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


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
    # JT/T 808 DWORDs, null of all other terminals.
    Column("alarm_bits", BigInteger),
    Column("status_bits", BigInteger),
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
    # Of the city day `counted_on`: steps from one newest position to the next, jumps and restarts among them.
    Column("boot", BigInteger),
    Column("counted_on", Date),
    Column("steps", Integer, nullable=False, server_default="0"),
    Column("jumps", Integer, nullable=False, server_default="0"),
    Column("restarts", Integer, nullable=False, server_default="0"),
    postgresql_with={"fillfactor": "50"},
)


class QuarantinedPosition(Base):
    """A fix or message that is wrong by itself, kept as it came, once per content."""

    __tablename__ = "quarantined_positions"
    __table_args__ = (
        UniqueConstraint("id"),
        Index("ix_quarantined_positions_enterprise_id", "enterprise_id", "id"),
        Index("ix_quarantined_positions_terminal_number_id", "terminal_number", "id"),
        Index("ix_quarantined_positions_last_received_at", "last_received_at"),
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
    days: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    """Times by city day of reception, the same days that accounting has; counted by a trigger."""


class IngestAccount(Base):
    """received = stored + duplicate + quarantined, per terminal and city day of reception."""

    __tablename__ = "ingest_accounting"
    __table_args__ = (
        CheckConstraint("received = stored + duplicate + quarantined", name="closes"),
        Index("ix_ingest_accounting_day_enterprise_id", "day", "enterprise_id"),
    )

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
    is_release: Mapped[bool] = mapped_column(server_default=text("false"))
    """Counts moved out of quarantine: nothing was received, ``received_at`` only tells the day."""
