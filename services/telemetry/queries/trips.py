"""Reading trips and daily mileages."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.paging import page
from services.telemetry.models import DailyMileage, Trip
from services.telemetry.queries.terminals import owned


@dataclass(frozen=True, slots=True)
class TripFilter:
    """Which trips: all given conditions hold; the window is half-open and touched by the trip."""

    vehicle_id: UUID | None = None
    enterprise_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None
    with_retracted: bool = False


@dataclass(frozen=True, slots=True)
class MileageFilter:
    """Which days: all given conditions hold, both days included."""

    vehicle_id: UUID | None = None
    enterprise_id: UUID | None = None
    first: date | None = None
    last: date | None = None


async def page_trips(
    session: AsyncSession, who: Principal, wanted: TripFilter, cursor: str | None, limit: int
) -> tuple[list[Trip], str | None]:
    """Give one page of the caller's trips by start."""
    statement = select(Trip).where(owned(who, Trip.enterprise_id))
    if wanted.vehicle_id is not None:
        statement = statement.where(Trip.vehicle_id == wanted.vehicle_id)
    if wanted.enterprise_id is not None:
        statement = statement.where(Trip.enterprise_id == wanted.enterprise_id)
    if wanted.end is not None:
        statement = statement.where(Trip.started_at < wanted.end)
    if wanted.start is not None:
        statement = statement.where((Trip.ended_at.is_(None)) | (Trip.ended_at > wanted.start))
    if not wanted.with_retracted:
        statement = statement.where(Trip.status != "retracted")
    keys: list[Any] = [Trip.started_at, Trip.id]
    return await page(session, statement, keys, cursor, limit)


async def page_mileages(
    session: AsyncSession, who: Principal, wanted: MileageFilter, cursor: str | None, limit: int
) -> tuple[list[DailyMileage], str | None]:
    """Give one page of the caller's daily mileages by day."""
    statement = select(DailyMileage).where(owned(who, DailyMileage.enterprise_id))
    if wanted.vehicle_id is not None:
        statement = statement.where(DailyMileage.vehicle_id == wanted.vehicle_id)
    if wanted.enterprise_id is not None:
        statement = statement.where(DailyMileage.enterprise_id == wanted.enterprise_id)
    if wanted.first is not None:
        statement = statement.where(DailyMileage.day >= wanted.first)
    if wanted.last is not None:
        statement = statement.where(DailyMileage.day <= wanted.last)
    keys: list[Any] = [DailyMileage.day, DailyMileage.id]
    return await page(session, statement, keys, cursor, limit)
