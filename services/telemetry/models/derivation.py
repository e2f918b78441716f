"""How derivation keeps its place: checkpoints, heads, the cells a vehicle crossed, the work list."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


class PendingDerivation(Base):
    """A vehicle whose conclusions must be drawn anew from ``since`` on."""

    __tablename__ = "pending_derivations"
    __table_args__ = (Index("ix_pending_derivations_vehicle_id", "vehicle_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    vehicle_id: Mapped[UUID]
    since: Mapped[Timestamp]
    until: Mapped[datetime | None] = mapped_column(_INSTANT)
    """Last instant touched; null when everything after ``since`` may be."""


class DerivationState(Base):
    """Hourly checkpoint of a vehicle's derivation: its state after every fix before ``time``."""

    __tablename__ = "derivation_states"

    vehicle_id: Mapped[Key]
    time: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    state: Mapped[bytes] = mapped_column(LargeBinary)


class DerivationHead(Base):
    """The state of a vehicle's derivation after its newest fix, of ``time``: later ones go on from here.

    Its stored conclusions that have not ended are exactly what this state says, ended if ``over_at`` is set.
    """

    __tablename__ = "derivation_heads"
    __table_args__ = (
        Index(
            "ix_derivation_heads_under_way",
            "time",
            postgresql_where=text("is_under_way AND silent_since IS NULL"),
        ),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    vehicle_id: Mapped[Key]
    time: Mapped[Timestamp]
    state: Mapped[bytes] = mapped_column(LargeBinary)
    cells: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    """Cells of its hour that stand in ``vehicle_cells``."""
    is_under_way: Mapped[bool]
    silent_since: Mapped[datetime | None] = mapped_column(_INSTANT)
    """Set while an alert says that no fix has come since."""
    over_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    """Set once nothing is fitted to the vehicle any more: what went on has ended."""


class VehicleCell(Base):
    """The vehicle was in the 0.01 degree cell in the hour (hours since 1970), or a line between fixes was.

    Cell -1 stands for all. Rows are only added: one too many costs a recomputation that changes nothing.
    """

    __tablename__ = "vehicle_cells"
    __table_args__ = (Index("ix_vehicle_cells_hour", "hour", postgresql_using="brin"),)

    cell: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    vehicle_id: Mapped[Key]


class Seal(Base):
    """Positions before ``sealed_before`` may be gone: what was concluded from them is final."""

    __tablename__ = "seals"

    sealed_before: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    sealed_at: Mapped[Timestamp]
