"""Reads of vehicles; the caller's ownership is a `where` in each."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Vehicle
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


@dataclass(frozen=True, slots=True)
class VehicleFilter:
    """What a list of vehicles is narrowed to; None is no condition."""

    plate_number: str | None = None
    plate_color: int | None = None
    enterprise_id: UUID | None = None
    at: datetime | None = None


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Vehicle.enterprise_id == who.enterprise_id


async def get_vehicle(
    session: AsyncSession, who: Principal, vehicle_id: UUID, *, lock: bool = False
) -> Vehicle:
    """Return a vehicle the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Vehicle).where(Vehicle.id == vehicle_id, _visible(who))
    vehicle = await session.scalar(statement.with_for_update() if lock else statement)
    if vehicle is None:
        raise NotFound
    return vehicle


async def page_vehicles(
    session: AsyncSession, who: Principal, only: VehicleFilter, cursor: str | None, limit: int
) -> tuple[list[Vehicle], str | None]:
    """Return a page of the vehicles the caller may see."""
    statement = select(Vehicle).where(_visible(who))
    if only.plate_number is not None:
        statement = statement.where(Vehicle.plate_number == only.plate_number)
    if only.plate_color is not None:
        statement = statement.where(Vehicle.plate_color == only.plate_color)
    if only.enterprise_id is not None:
        statement = statement.where(Vehicle.enterprise_id == only.enterprise_id)
    if only.at is not None:
        open_or_later = or_(Vehicle.valid_to.is_(None), Vehicle.valid_to > only.at)
        statement = statement.where(Vehicle.valid_from <= only.at, open_or_later)
    return await page(session, statement, [Vehicle.id], cursor, limit)


async def lock_plate(session: AsyncSession, plate_number: str, plate_color: int) -> None:
    """Let one transaction at a time register a plate.

    Two at once would wait for each other in the exclusion constraint and end as a deadlock.
    """
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:plate, 8))"),
        {"plate": f"{plate_number}/{plate_color}"},
    )
