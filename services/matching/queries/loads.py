"""Reading loads."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Load
from services.matching.queries.parties import firm_of, is_party, may_see_load
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


@dataclass(frozen=True, slots=True)
class LoadFilter:
    """Narrows a list of loads."""

    status: str | None = None
    own: bool | None = None


def sees_in_full(who: Principal, load: Load) -> bool:
    """Tell which view of a visible load the caller gets."""
    return who.is_bureau or firm_of(who) in {load.shipper_id, load.carrier_id}


async def get_load(session: AsyncSession, who: Principal, load_id: UUID) -> Load:
    """Return a load the caller may see in some view.

    Raises:
        NotFound: Unknown, or not visible to the caller.
    """
    load = await session.scalar(select(Load).where(Load.id == load_id, may_see_load(who)))
    if load is None:
        raise NotFound
    return load


async def lock_own_load(session: AsyncSession, who: Principal, load_id: UUID) -> Load:
    """Return a load of the calling shipper, locked against every other decision about it.

    Raises:
        NotFound: Unknown, or not the caller's.
    """
    load = await session.scalar(
        select(Load)
        .where(Load.id == load_id, Load.shipper_id == firm_of(who))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if load is None:
        raise NotFound
    return load


async def page_loads(
    session: AsyncSession, who: Principal, only: LoadFilter, cursor: str | None, limit: int
) -> tuple[list[Load], str | None]:
    """Return one page of the loads the caller may see, oldest first, and the next cursor."""
    statement = select(Load).where(may_see_load(who))
    if only.status is not None:
        statement = statement.where(Load.status == only.status)
    if only.own is True:
        statement = statement.where(is_party(who, Load))
    return await page(session, statement, [Load.id], cursor, limit)


async def lock_overdue_loads(session: AsyncSession, now: datetime, limit: int) -> list[Load]:
    """Return open loads whose pickup window has passed, locked; those another process holds are left out."""
    statement = (
        select(Load)
        .where(Load.status == "open", Load.pickup_to <= now)
        .order_by(Load.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list((await session.scalars(statement)).all())
