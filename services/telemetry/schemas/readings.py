"""Readings of positions as their owner is shown them."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from services.shared.auth import Role
from services.shared.schemas import Instant, Out


class PositionReadingOut(Out):
    """One reading of positions as it concerns one firm: who, when, what for, where; never a position."""

    log_pos: int = Field(description="Position in the log.")
    read_at: Instant = Field(description="When.")
    reader: str = Field(description="Client or staff account.")
    reader_name: str | None = Field(description="The official's name; null for a client.")
    role: Role = Field(description="In which role; an office by its name.")
    kind: Literal[
        "latest", "track", "track_aggregates", "nearby", "map", "stream", "visits", "trips", "daily_mileages",
        "alerts", "quarantine",
    ] = Field(description="What was read.")  # fmt: skip
    purpose: str | None = Field(description="What for; null where none was stated.")
    enterprise_id: UUID | None = Field(description="Whose vehicles; null when the answer showed none.")
    vehicle_ids: list[UUID] | None = Field(
        default=None,
        description="The vehicles, where they were asked for by name; null of what a box or list showed.",
    )
    vehicles: int | None = Field(
        default=None, description="How many of the firm's were shown otherwise; of quarantine its terminals."
    )
    area_id: UUID | None = Field(default=None, description="Which area it was narrowed to.")
    of_enterprise_id: UUID | None = Field(default=None, description="Which firm it was narrowed to.")
    bbox: list[float] | None = Field(default=None, description="west, south, east, north.")
    point: list[float] | None = Field(default=None, description="Around which point: longitude, latitude.")
    radius_m: float | None = Field(default=None, description="How far around it.")
    read_from: Instant | None = Field(
        default=None, description="Window of the positions, or of their reception in quarantine, from."
    )
    read_to: Instant | None = Field(
        default=None, description="Window of the positions, or of their reception in quarantine, to."
    )
    first_day: date | None = Field(default=None, description="First day of daily mileages.")
    last_day: date | None = Field(default=None, description="Last day of daily mileages.")
    terminal_number: str | None = Field(
        default=None, description="Of quarantine: which terminal it was narrowed to."
    )
    reasons: list[str] | None = Field(
        default=None, description="Of quarantine: which reasons it was narrowed to."
    )
    format: str | None = Field(default=None, description="Form of a track or an export.")
    stands_for_s: int | None = Field(
        default=None, description="Of what goes on: for how long this entry stands."
    )
