"""Reading positions, visits and accounting over HTTP."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from services.shared.schemas import Instant, Out
from services.shared.texts import FreeName

Purpose = Annotated[
    Annotated[FreeName, Field(min_length=2)] | None,
    Query(
        description="查询用途，公安和主管部门必填 / What the reading is for, required of police and offices;"
        " stays on record and is shown to the vehicles' owner: no identity or mobile number in it.",
        examples=["事故调查 2026-117"],
    ),
]


class LatestItem(BaseModel):
    """The newest good fix of a vehicle, for the services to the right."""

    vehicle_id: UUID
    enterprise_id: UUID
    terminal_id: UUID
    time: Instant
    lon: float
    lat: float
    speed_kmh: float | None
    heading_deg: float | None
    soc_pct: float | None
    cargo_temp_c: float | None
    load_state: Literal["empty", "partial", "full"] | None
    received_at: Instant


class LatestChanges(BaseModel):
    """What has changed since a cursor."""

    items: list[LatestItem]
    next_after: str = Field(description="Pass as `after` next time.")


class VisitOut(Out):
    """A vehicle inside an area; half-open, `left_at` null while it is there."""

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    area_id: UUID
    entered_at: Instant
    left_at: Instant | None
    status: Literal["open", "closed", "retracted"]
    supersedes: UUID | None
    sealed: bool = Field(description="已封存 / Final: the positions it was derived from may be gone.")


class PostedOut(Out):
    """What became of what was posted: received = stored + duplicate + quarantined."""

    received: int
    stored: int
    duplicate: int
    quarantined: int = Field(description="Wrong by themselves: `GET /v1/quarantined-positions` says why.")


class AccountOut(Out):
    """received = stored + duplicate + quarantined."""

    terminal_number: str = Field(description="Who sent them.")
    day: date = Field(description="Day of reception in the city's zone.")
    received: int = Field(description="Positions in committed batches, redeliveries included.")
    stored: int = Field(description="New ones.")
    duplicate: int = Field(description="Known already.")
    quarantined: int = Field(description="Wrong by themselves.")


class TotalOut(Out):
    """The accounts of all terminals of a firm on a day; received = stored + duplicate + quarantined."""

    day: date = Field(description="Day of reception in the city's zone.")
    enterprise_id: UUID | None = Field(description="The firm; null: of unknown terminals.")
    terminals: int = Field(description="How many terminals sent something.")
    received: int = Field(description="Positions in committed batches, redeliveries included.")
    stored: int = Field(description="New ones.")
    duplicate: int = Field(description="Known already.")
    quarantined: int = Field(description="Wrong by themselves.")
