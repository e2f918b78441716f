"""Vehicles: registrations over an interval."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, SmallInteger, String, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Vehicle(Base):
    """One registration: plate, colour and owner over one half-open interval.

    The days and numbers of its certificates repeat the rows of `certificates` that reach furthest; `lapses`
    are the kinds that have run out, `turns_at` is when the next does or is in force again.
    """

    __tablename__ = "vehicles"
    __table_args__ = (
        Index("ix_vehicles_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_vehicles_plate_number_plate_color", "plate_number", "plate_color"),
        Index(
            "ix_vehicles_plate_number",
            "plate_number",
            postgresql_using="gin",
            postgresql_ops={"plate_number": "gin_trgm_ops"},
        ),
        Index("ix_vehicles_turns_at", "turns_at", postgresql_where=text("turns_at IS NOT NULL")),
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
    vin: Mapped[str | None] = mapped_column(String(17))
    emission_stage: Mapped[int | None] = mapped_column(SmallInteger)
    use_character: Mapped[str | None] = mapped_column(String(20))
    registered_on: Mapped[date | None]
    licence_issued_on: Mapped[date | None]
    licence_issuer: Mapped[str | None] = mapped_column(String(128))
    entry_reason: Mapped[str | None] = mapped_column(String(16))
    entry_on: Mapped[date | None]
    exit_reason: Mapped[str | None] = mapped_column(String(16))
    exit_on: Mapped[date | None]
    inspection_valid_to: Mapped[date | None]
    insurance_valid_to: Mapped[date | None]
    road_transport_certificate_number: Mapped[str | None] = mapped_column(String(64))
    road_transport_certificate_valid_to: Mapped[date | None]
    lapses: Mapped[list[str]] = mapped_column(ARRAY(String(32)), server_default=text("'{}'"))
    turns_at: Mapped[Timestamp | None]
    verified: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    is_demo: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]
