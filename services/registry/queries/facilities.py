"""Reads of facilities and of the history of their stages; everyone reads them, few may change them."""

from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Facility, FacilityStep
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


def own_facility(who: Principal) -> ColumnElement[bool]:
    """Return the condition that a facility is the caller's to keep."""
    return true() if who.is_bureau else Facility.enterprise_id == who.enterprise_id


async def get_facility(session: AsyncSession, facility_id: UUID) -> Facility:
    """Return a facility, which is nobody's secret.

    Raises:
        NotFound: No such facility.
    """
    facility = await session.scalar(select(Facility).where(Facility.id == facility_id))
    if facility is None:
        raise NotFound
    return facility


async def get_facility_for_update(session: AsyncSession, who: Principal, facility_id: UUID) -> Facility:
    """Return a facility the caller may change, locked.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Facility).where(Facility.id == facility_id, own_facility(who)).with_for_update()
    facility = await session.scalar(statement)
    if facility is None:
        raise NotFound
    return facility


async def steps_in_force(session: AsyncSession, facility_id: UUID) -> list[FacilityStep]:
    """Return the records of a facility's stages that no correction superseded."""
    statement = select(FacilityStep).where(
        FacilityStep.facility_id == facility_id, FacilityStep.superseded_at.is_(None)
    )
    return list(await session.scalars(statement))


async def page_steps(
    session: AsyncSession, who: Principal, facility_id: UUID, cursor: str | None, limit: int
) -> tuple[list[FacilityStep], str | None]:
    """Return a page of every record of a facility's stages, corrected ones too.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(FacilityStep).where(FacilityStep.facility_id == facility_id)
    keeps = statement.join(Facility, Facility.id == FacilityStep.facility_id).where(own_facility(who))
    if await session.scalar(keeps.limit(1)) is None:  # every facility has its plan on record
        raise NotFound
    return await page(session, statement, [FacilityStep.id], cursor, limit)
