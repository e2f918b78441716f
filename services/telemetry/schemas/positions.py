"""Reading positions, tracks, visits, quarantine and accounting over HTTP."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from services.shared.schemas import Instant, Name, Out

Purpose = Annotated[
    Name | None,
    Query(description="查询用途，公安必填 / What the reading is for; required of police."),
]
Bbox = Annotated[
    str | None,
    Query(
        max_length=120,
        description="west,south,east,north in degrees, WGS-84.",
        examples=["121.8,40.9,122.3,41.3"],
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


class QuarantinedOut(Out):
    """A fix that was wrong by itself."""

    id: int
    terminal_number: str
    reason: str
    detail: str
    raw: str = Field(description="As it came; bytes that are no UTF-8 are escaped.")
    times: int
    first_received_at: Instant
    last_received_at: Instant


class AccountOut(Out):
    """received = stored + duplicate + quarantined."""

    terminal_number: str
    day: date = Field(description="Day of reception in the city's zone.")
    received: int
    stored: int
    duplicate: int
    quarantined: int
