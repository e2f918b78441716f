"""Placing and lifting legal holds: an official's decisions, each on record with its reason."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.ids import new_id
from services.shared.logs import get_log
from services.telemetry.errors import LegalHoldLifted
from services.telemetry.models import LegalHold
from services.telemetry.queries.legal_holds import get_own_hold
from services.telemetry.queries.retention import find_dropped_before
from services.telemetry.queries.terminals import get_vehicles
from services.telemetry.schemas.legal_holds import LegalHoldCreate

# A day is dropped under the same lock: what is there when a hold is committed is kept by it.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('telemetry.legal_holds', 0))")
log = get_log(__name__)


async def place_hold(
    session: AsyncSession, who: Principal, given: LegalHoldCreate, now: datetime
) -> LegalHold:
    """Keep what is there, and what comes, of an interval.

    Raises:
        VehicleNotFound: there is no such vehicle.
    """
    await get_vehicles(session, who, [] if given.vehicle_id is None else [given.vehicle_id])
    await session.execute(_LOCK)
    dropped_before = await find_dropped_before(session)
    is_late = dropped_before is not None and given.starts_at < dropped_before
    hold = LegalHold(
        id=new_id(), **given.model_dump(), owner_role=who.role.value, placed_at=now, placed_by=who.subject,
        placed_by_name=who.name, gone_before=dropped_before if is_late else None,
    )  # fmt: skip
    session.add(hold)
    await session.flush()
    log.info("legal_hold_placed", hold_id=str(hold.id), subject=who.subject, role=who.role.value)
    return hold


async def lift_hold(
    session: AsyncSession, who: Principal, hold_id: UUID, reason: str, now: datetime
) -> LegalHold:
    """Keep no longer what is older than positions are kept; what no other hold covers is dropped.

    Raises:
        LegalHoldNotFound: there is none, or another office's.
        LegalHoldLifted: it has been lifted already.
    """
    hold = await get_own_hold(session, who, hold_id)
    if hold.lifted_at is not None:
        raise LegalHoldLifted
    hold.lifted_at, hold.lift_reason = now, reason
    hold.lifted_by, hold.lifted_by_name = who.subject, who.name
    await session.flush()
    log.info("legal_hold_lifted", hold_id=str(hold.id), subject=who.subject, role=who.role.value)
    return hold
