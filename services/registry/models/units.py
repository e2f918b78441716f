"""Bays and chargers of facilities, counted one by one over the days they are in service."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, SmallInteger, String, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.registry.models.facilities import Confirmed, Placed
from services.shared.db import Key, Timestamp


def _arguments(table: str) -> tuple[Any, ...]:
    """Return what both tables hold: a code is used once at a time within a facility."""
    days = func.daterange(text("in_service_from"), text("in_service_to"))
    return (
        Index(f"ix_{table}_facility_id_id", "facility_id", "id"),
        CheckConstraint("in_service_to IS NULL OR in_service_to >= in_service_from", name="days"),
        ExcludeConstraint(
            ("facility_id", "="), ("code", "="), (days, "&&"), name=f"ex_{table}_code", using="gist"
        ),
    )


class Unit(Confirmed):
    """What a bay and a charger have in common; `in_service_to` is the first day it no longer is."""

    id: Mapped[Key]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("registry.facilities.id"))
    code: Mapped[str] = mapped_column(String(64))
    in_service_from: Mapped[date]
    in_service_to: Mapped[date | None]
    end_reason: Mapped[str | None] = mapped_column(String(1000))
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class Bay(Unit, Placed, Base):
    """A place to stop for loading; windows are [{"start": "HH:MM", "end": "HH:MM"}] of wall time."""

    __tablename__ = "bays"
    __table_args__ = (
        *_arguments("bays"),
        Index("ix_bays_location", "location", postgresql_using="gist"),
    )

    area_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.areas.id"))
    length_m: Mapped[float | None]
    nev_only: Mapped[bool]
    has_charger: Mapped[bool]
    max_stay_minutes: Mapped[int | None]
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    windows: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    holiday_calendar: Mapped[bool]
    fee_note: Mapped[str | None] = mapped_column(String(500))
    road: Mapped[str | None] = mapped_column(String(200))
    section: Mapped[str | None] = mapped_column(String(200))
    legal_basis: Mapped[str | None] = mapped_column(String(500))
    photo_document_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.documents.id"))


class Charger(Unit, Base):
    """A charging point 充电桩; it stands where its facility does."""

    __tablename__ = "chargers"
    __table_args__ = _arguments("chargers")

    power_kw: Mapped[float]
    current: Mapped[str] = mapped_column(String(2))
    connectors: Mapped[list[str]] = mapped_column(ARRAY(String(16)))
    open_to_delivery_vehicles: Mapped[bool]
    operator_name: Mapped[str | None] = mapped_column(String(200))
    operator_uscc: Mapped[str | None] = mapped_column(String(18))


class UnitEnding(Base):
    """One decision that a bay or charger goes out of service, or back into it (`day` is then empty)."""

    __tablename__ = "unit_endings"
    __table_args__ = (Index("ix_unit_endings_unit_id_id", "unit_id", "id"),)

    id: Mapped[Key]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("registry.facilities.id"))
    unit_kind: Mapped[str] = mapped_column(String(16))
    unit_id: Mapped[UUID]
    day: Mapped[date | None]
    reason: Mapped[str] = mapped_column(String(1000))
    decided_by: Mapped[str] = mapped_column(String(200))
    decided_by_name: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[Timestamp]
