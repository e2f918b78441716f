"""Reading legal holds: the offices' alone; all of them read all, who placed one lifts it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.paging import page
from services.telemetry.errors import LegalHoldNotFound
from services.telemetry.models import LegalHold


async def page_holds(
    session: AsyncSession, vehicle_id: UUID | None, cursor: str | None, limit: int, *, with_lifted: bool
) -> tuple[list[LegalHold], str | None]:
    """Give one page of holds, oldest first; with a vehicle those that keep its positions."""
    statement = select(LegalHold)
    if vehicle_id is not None:
        statement = statement.where((LegalHold.vehicle_id == vehicle_id) | LegalHold.vehicle_id.is_(None))
    if not with_lifted:
        statement = statement.where(LegalHold.lifted_at.is_(None))
    return await page(session, statement, [LegalHold.id], cursor, limit)


async def get_hold(session: AsyncSession, hold_id: UUID) -> LegalHold:
    """Give a hold.

    Raises:
        LegalHoldNotFound: there is none.
    """
    hold = await session.get(LegalHold, hold_id)
    if hold is None:
        raise LegalHoldNotFound
    return hold


async def get_own_hold(session: AsyncSession, who: Principal, hold_id: UUID) -> LegalHold:
    """Give a hold of the caller's office, locked.

    Raises:
        LegalHoldNotFound: there is none, or another office's.
    """
    statement = select(LegalHold).where(LegalHold.id == hold_id, LegalHold.owner_role == who.role.value)
    hold = await session.scalar(statement.with_for_update())
    if hold is None:
        raise LegalHoldNotFound
    return hold
