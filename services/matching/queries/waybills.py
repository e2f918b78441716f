"""Reading waybills and their events."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Load, Waybill, WaybillEvent
from services.matching.queries.parties import is_party
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


async def get_waybill(
    session: AsyncSession, who: Principal, waybill_id: UUID, *, lock: bool = False
) -> Waybill:
    """Return a waybill of which the caller is a party.

    Args:
        session: A session.
        who: The caller.
        waybill_id: The waybill.
        lock: Whether it will be changed.

    Raises:
        NotFound: Unknown, or not the caller's.
    """
    statement = select(Waybill).where(Waybill.id == waybill_id, is_party(who, Waybill))
    waybill = await session.scalar(statement.with_for_update() if lock else statement)
    if waybill is None:
        raise NotFound
    return waybill


async def get_loads_of(
    session: AsyncSession, who: Principal, waybills: Sequence[Waybill]
) -> dict[UUID, Load]:
    """Return the loads of waybills by id."""
    wanted = [waybill.load_id for waybill in waybills]
    rows = await session.scalars(select(Load).where(Load.id.in_(wanted), is_party(who, Load)))
    return {load.id: load for load in rows}


async def page_waybills(
    session: AsyncSession, who: Principal, status: str | None, cursor: str | None, limit: int
) -> tuple[list[Waybill], str | None]:
    """Return one page of the waybills of which the caller is a party, oldest first, and the next cursor."""
    statement = select(Waybill).where(is_party(who, Waybill))
    if status is not None:
        statement = statement.where(Waybill.status == status)
    return await page(session, statement, [Waybill.id], cursor, limit)


async def page_events(
    session: AsyncSession, who: Principal, waybill_id: UUID, cursor: str | None, limit: int
) -> tuple[list[WaybillEvent], str | None]:
    """Return one page of a waybill's events in the order they were recorded, and the next cursor.

    Raises:
        NotFound: The waybill is unknown or not the caller's.
    """
    waybill = await get_waybill(session, who, waybill_id)
    statement = select(WaybillEvent).where(WaybillEvent.waybill_id == waybill.id)
    return await page(session, statement, [WaybillEvent.id], cursor, limit)
