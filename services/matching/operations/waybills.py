"""How what happens to a waybill is recorded."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.domain.waybills import EventKind, Party, WaybillStatus, refuse_event
from services.matching.errors import EventOutOfOrder
from services.matching.models import Assignment, Load, Waybill, WaybillEvent
from services.matching.operations.publishing import publish_load, publish_waybill
from services.matching.queries.waybills import get_waybill
from services.matching.schemas.waybills import WaybillEventCreate
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.ids import new_id

_ENDS_LOAD = {EventKind.SIGNED: "completed", EventKind.CANCELLED: "cancelled"}


async def report_event(
    session: AsyncSession, who: Principal, waybill_id: UUID, given: WaybillEventCreate, now: datetime
) -> WaybillEvent:
    """Record an event of a waybill of which the caller is a party.

    Signed and cancelled free the vehicle. A firm suspended on the way may still report how it ends.

    Raises:
        NotFound: Unknown, or not the caller's.
        EventOutOfOrder: The state, the time or the caller's part does not allow it.
    """
    waybill = await get_waybill(session, who, waybill_id, lock=True)
    kind, parties = EventKind(given.kind), _parties(who, waybill)
    refusal = refuse_event(kind, WaybillStatus(waybill.status), parties, given.at, _latest(waybill), now)
    if refusal is not None:
        raise EventOutOfOrder(f"{refusal.zh} / {refusal.en}")
    event = WaybillEvent(
        id=new_id(),
        waybill_id=waybill.id,
        kind=kind,
        at=given.at,
        party=Party.CARRIER if Party.CARRIER in parties else Party.SHIPPER,
        reported_by=who.subject,
        note=given.note,
        recorded_at=now,
    )
    session.add(event)
    waybill.status = kind
    setattr(waybill, f"{kind}_at", given.at)
    load = await session.get_one(Load, waybill.load_id, with_for_update=kind in _ENDS_LOAD)
    if kind in _ENDS_LOAD:
        load.status = _ENDS_LOAD[kind]
        await publish_load(session, load)
        await _release(session, waybill, now)
    await publish_waybill(session, waybill, load)
    return event


def _parties(who: Principal, waybill: Waybill) -> frozenset[Party]:
    sides = {Party.CARRIER: waybill.carrier_id, Party.SHIPPER: waybill.shipper_id}
    found = frozenset(party for party, enterprise_id in sides.items() if enterprise_id == who.enterprise_id)
    if not found:
        raise NotFound
    return found


def _latest(waybill: Waybill) -> datetime:
    times = (waybill.consigned_at, waybill.loaded_at, waybill.departed_at, waybill.arrived_at)
    return max(time for time in times if time is not None)


async def _release(session: AsyncSession, waybill: Waybill, now: datetime) -> None:
    await session.execute(
        update(Assignment)
        .where(Assignment.waybill_id == waybill.id, Assignment.released_at.is_(None))
        .values(released_at=now)
        .execution_options(synchronize_session=False)
    )
