"""Reads of applications and permits; ownership stands in every `where`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.models import Permit, PermitApplication
from services.shared.auth import Principal, Role
from services.shared.errors import NotFound
from services.shared.paging import page

_OFFICES = {Role.police, Role.transport_bureau, Role.commerce_bureau, Role.postal_bureau, Role.service}


def _seen_by(who: Principal, owner: Any) -> ColumnElement[bool]:
    """Offices see all; an enterprise its own; anybody else nothing."""
    return true() if who.role in _OFFICES else owner == who.enterprise_id


async def get_application(
    session: AsyncSession, who: Principal, application_id: UUID, *, lock: bool = False
) -> PermitApplication:
    """Return an application the caller may see, locked for change where asked.

    Raises:
        NotFound: Unknown, or another's.
    """
    statement = select(PermitApplication).where(
        PermitApplication.id == application_id, _seen_by(who, PermitApplication.enterprise_id)
    )
    found = await session.scalar(statement.with_for_update(of=PermitApplication) if lock else statement)
    if found is None:
        raise NotFound
    return found


async def page_applications(
    session: AsyncSession, who: Principal, *, status: str | None, cursor: str | None, limit: int
) -> tuple[list[PermitApplication], str | None]:
    """Page over the applications the caller may see, oldest first."""
    statement = select(PermitApplication).where(_seen_by(who, PermitApplication.enterprise_id))
    if status is not None:
        statement = statement.where(PermitApplication.status == status)
    return await page(session, statement, [PermitApplication.id], cursor, limit)


async def get_permit(session: AsyncSession, who: Principal, permit_id: UUID, *, lock: bool = False) -> Permit:
    """Return a permit the caller may see, locked for change where asked.

    Raises:
        NotFound: Unknown, or another's.
    """
    statement = select(Permit).where(Permit.id == permit_id, _seen_by(who, Permit.enterprise_id))
    found = await session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound
    return found


async def page_permits(
    session: AsyncSession,
    who: Principal,
    *,
    vehicle_id: UUID | None,
    status: str | None,
    cursor: str | None,
    limit: int,
) -> tuple[list[Permit], str | None]:
    """Page over the permits the caller may see, oldest first."""
    statement = select(Permit).where(_seen_by(who, Permit.enterprise_id))
    if vehicle_id is not None:
        statement = statement.where(Permit.vehicle_id == vehicle_id)
    if status is not None:
        statement = statement.where(Permit.status == status)
    return await page(session, statement, [Permit.id], cursor, limit)


async def find_elapsed_permits(session: AsyncSession, now: datetime, limit: int) -> list[Permit]:
    """Return active permits whose period is over, locked; those another transaction holds are left out."""
    statement = (
        select(Permit)
        .where(Permit.status == "active", Permit.valid_to <= now)
        .order_by(Permit.valid_to)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list((await session.scalars(statement)).all())


async def find_standing_permits_of(session: AsyncSession, vehicle_id: UUID) -> list[Permit]:
    """Return the vehicle's permits that have not been revoked, locked."""
    statement = select(Permit).where(Permit.vehicle_id == vehicle_id, Permit.status != "revoked")
    return list((await session.scalars(statement.with_for_update())).all())
