"""How a load is posted, withdrawn, and closed when its pickup window has passed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.errors import LoadNotOpen
from services.matching.models import Load, Offer
from services.matching.operations.publishing import publish_load
from services.matching.queries.loads import lock_overdue_loads, lock_own_load
from services.matching.queries.parties import get_active_enterprise
from services.matching.schemas.loads import LoadCreate
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id

SWEEP_BATCH = 500


async def post_load(session: AsyncSession, who: Principal, given: LoadCreate, now: datetime) -> Load:
    """Post a load of the caller's active firm.

    Raises:
        EnterpriseNotActive: The firm is not active.
        Unprocessable: The pickup window has passed.
    """
    enterprise = await get_active_enterprise(session, who)
    if given.pickup_window.end <= now:
        fault = FieldError("body.pickup_window.to", "window_passed", "装货时间窗已过 / the window has passed")
        raise Unprocessable("pickup_window", errors=[fault])
    load = Load(
        id=new_id(),
        shipper_id=enterprise.id,
        carrier_id=None,
        status="open",
        origin_lon=given.origin.lon,
        origin_lat=given.origin.lat,
        origin_address=given.origin.address,
        destination_lon=given.destination.lon,
        destination_lat=given.destination.lat,
        destination_address=given.destination.address,
        weight_kg=given.weight_kg,
        volume_m3=given.volume_m3,
        temperature_class=given.temperature_class,
        cargo_type_code=given.cargo_type_code,
        description=given.description,
        pickup_from=given.pickup_window.start,
        pickup_to=given.pickup_window.end,
        delivery_from=given.delivery_window.start,
        delivery_to=given.delivery_window.end,
        is_demo=enterprise.is_demo,
        created_at=now,
        version=0,
    )
    await publish_load(session, load)
    return load


async def withdraw_load(session: AsyncSession, who: Principal, load_id: UUID, now: datetime) -> Load:
    """Take back an open load of the caller's; its open offers lapse.

    Raises:
        NotFound: Unknown, or not the caller's.
        LoadNotOpen: It is awarded, withdrawn or expired.
    """
    load = await lock_own_load(session, who, load_id)
    if load.status != "open":
        raise LoadNotOpen
    await _close(session, load, "withdrawn", now)
    return load


async def expire_loads(session: AsyncSession, now: datetime) -> int:
    """Close loads whose pickup window has passed, a batch at a time; their open offers lapse.

    Returns:
        How many were closed.
    """
    loads = await lock_overdue_loads(session, now, SWEEP_BATCH)
    for load in loads:
        await _close(session, load, "expired", now)
    return len(loads)


async def lapse_stray_offers(session: AsyncSession, now: datetime) -> None:
    """Close open offers of loads that are not open: made while the load was being decided."""
    closed = select(Load.id).where(Load.id == Offer.load_id, Load.status != "open")
    await session.execute(
        update(Offer)
        .where(Offer.status == "open", closed.exists())
        .values(status="lapsed", decided_at=now)
        .execution_options(synchronize_session=False)
    )


async def _close(session: AsyncSession, load: Load, status: str, now: datetime) -> None:
    load.status = status
    await publish_load(session, load)
    await close_offers(session, load, "lapsed", now)


async def close_offers(session: AsyncSession, load: Load, status: str, now: datetime) -> None:
    """Close all open offers of a locked load."""
    await session.execute(
        update(Offer)
        .where(Offer.load_id == load.id, Offer.status == "open")
        .values(status=status, decided_at=now)
        .execution_options(synchronize_session=False)
    )
