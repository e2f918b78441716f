"""Reads of the copies of registry that decisions need."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.models import Area, Vehicle
from services.shared.errors import NotFound


async def get_vehicle_of(
    session: AsyncSession, vehicle_id: UUID, enterprise_id: UUID | None, *, keep: bool = False
) -> Vehicle:
    """Return a vehicle of the enterprise; its copy kept as it is until the transaction ends where asked.

    Raises:
        NotFound: Unknown, or another's.
    """
    statement = select(Vehicle).where(Vehicle.id == vehicle_id, Vehicle.enterprise_id == enterprise_id)
    if keep:
        statement = statement.with_for_update(read=True)
    vehicle = await session.scalar(statement)
    if vehicle is None and keep:
        # Copies built again are new rows, which a statement that waited for the old one does not see.
        vehicle = await session.scalar(statement)
    if vehicle is None:
        raise NotFound
    return vehicle


async def find_unknown_areas(session: AsyncSession, area_ids: list[UUID]) -> set[UUID]:
    """Return the ids that are no area."""
    known = await session.scalars(select(Area.id).where(Area.id.in_(area_ids)))
    return set(area_ids) - set(known)
