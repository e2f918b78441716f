"""How an offer is made, withdrawn, rejected and accepted; accepting makes the waybill."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.domain.candidates import Matching, banded_km
from services.matching.domain.causes import LEGAL, Cause
from services.matching.domain.distances import band_text
from services.matching.domain.vehicles import Vehicle, vehicle_class
from services.matching.domain.view import FleetView
from services.matching.errors import (
    LoadNotOpen,
    OfferExists,
    OfferNotOpen,
    VehicleBooked,
    VehicleNotFeasible,
)
from services.matching.models import WAYBILL_NUMBERS, Assignment, Load, Offer, Waybill
from services.matching.operations.loads import close_offers
from services.matching.operations.publishing import publish_load, publish_waybill
from services.matching.queries.jobs import get_job
from services.matching.queries.loads import get_load, lock_own_load
from services.matching.queries.offers import get_received_offer, lock_offer
from services.matching.queries.parties import get_active_enterprise, is_demo_enterprise
from services.matching.schemas.offers import OfferCreate
from services.shared.auth import Principal
from services.shared.db import Database
from services.shared.errors import NotFound
from services.shared.ids import new_id
from services.shared.standards.zones import CITY_ZONE
from services.shared.writing import write

_LOCK_VEHICLE = text("SELECT pg_advisory_xact_lock(hashtextextended('matching.assignment.' || :vehicle, 0))")


class Desk:
    """What decisions about offers need beside the request's own transaction."""

    def __init__(self, database: Database, view: FleetView) -> None:
        self.database = database
        self.view = view

    async def matching(self, load: Load, now: datetime) -> Matching:
        """Return the load against the fleet as it is now."""
        return Matching(self.view.fleet, await get_job(self.database, load, now), self.view.limits)

    def find_vehicle(self, vehicle_id: UUID) -> Vehicle | None:
        """Return a vehicle as the copies know it."""
        row = self.view.fleet.row_of.get(vehicle_id)
        return None if row is None else self.view.fleet.vehicles[row]


async def make_offer(
    session: AsyncSession, desk: Desk, who: Principal, given: OfferCreate, now: datetime
) -> Offer:
    """Offer to carry an open load with one of the caller's own vehicles, feasible at this moment.

    Raises:
        EnterpriseNotActive: The caller's firm is not active.
        NotFound: The load or the vehicle is unknown or not the caller's to see.
        LoadNotOpen: The load is decided or overdue.
        VehicleNotFeasible: With the reasons.
        OfferExists: There is an open offer of this vehicle for this load.
    """
    await get_active_enterprise(session, who)
    load = await get_load(session, who, given.load_id)
    vehicle = desk.find_vehicle(given.vehicle_id)
    if vehicle is None or vehicle.enterprise_id != who.enterprise_id:
        raise NotFound
    _require_open(load, now)
    matching, row = await desk.matching(load, now), desk.view.fleet.row_of[vehicle.id]
    ranking, _ = matching.among(np.array([row], np.intp), banded_km)
    if not len(ranking):
        raise not_feasible(matching.causes(row))
    shown = vehicle_class(vehicle)
    offer = Offer(
        id=new_id(),
        load_id=load.id,
        vehicle_id=vehicle.id,
        carrier_id=vehicle.enterprise_id,
        shipper_id=load.shipper_id,
        price_yuan=given.price,
        status="open",
        vehicle_size=shown.size,
        vehicle_refrigeration=shown.refrigeration,
        vehicle_energy=shown.energy,
        distance_band=band_text(float(ranking.km[0])),
        score=float(ranking.scores[0]),
        created_at=now,
        decided_at=None,
    )
    session.add(offer)
    await write(session, {"uq_offers_open_load_id_vehicle_id": OfferExists})
    return offer


async def withdraw_offer(session: AsyncSession, who: Principal, offer_id: UUID, now: datetime) -> Offer:
    """Take back an open offer of the caller's.

    Raises:
        NotFound: Unknown, or not the caller's.
        OfferNotOpen: It is decided.
    """
    return await _close(await lock_offer(session, who, offer_id, made=True), "withdrawn", now)


async def reject_offer(session: AsyncSession, who: Principal, offer_id: UUID, now: datetime) -> Offer:
    """Refuse an open offer for a load of the caller's.

    Raises:
        NotFound: Unknown, or not for the caller's load.
        OfferNotOpen: It is decided.
    """
    return await _close(await lock_offer(session, who, offer_id, made=False), "rejected", now)


async def accept_offer(
    session: AsyncSession, desk: Desk, who: Principal, offer_id: UUID, now: datetime
) -> tuple[Waybill, Load]:
    """Award the load to an offer; exactly one can win, and its vehicle is promised for the job's hours.

    What the law asks of the vehicle must still hold; where it is by now, is no longer asked.

    Raises:
        EnterpriseNotActive: The caller's firm is not active.
        NotFound: The offer is unknown or not for the caller's load.
        LoadNotOpen: The load is decided or overdue.
        OfferNotOpen: The offer is.
        VehicleNotFeasible: The vehicle or its firm may not carry it any more; why, is its owner's to know.
        VehicleBooked: It has been promised elsewhere in these hours.
    """
    await get_active_enterprise(session, who)
    load = await get_load(session, who, (await get_received_offer(session, who, offer_id)).load_id)
    _require_open(load, now)
    matching = await desk.matching(load, now)
    load = await lock_own_load(session, who, load.id)
    _require_open(load, now)
    offer = await lock_offer(session, who, offer_id, made=False)
    if offer.status != "open":
        raise OfferNotOpen
    vehicle = desk.find_vehicle(offer.vehicle_id)
    if vehicle is None or any(c.code in LEGAL for c in matching.causes(desk.view.fleet.row_of[vehicle.id])):
        raise VehicleNotFeasible
    return await _award(session, load, offer, vehicle, now), load


async def _award(session: AsyncSession, load: Load, offer: Offer, vehicle: Vehicle, now: datetime) -> Waybill:
    serial = await session.scalar(WAYBILL_NUMBERS)
    waybill = Waybill(
        id=new_id(),
        number=f"{now.astimezone(CITY_ZONE):%Y%m%d}{serial:012d}",
        load_id=load.id,
        offer_id=offer.id,
        shipper_id=load.shipper_id,
        carrier_id=offer.carrier_id,
        vehicle_id=vehicle.id,
        plate_number=vehicle.plate_number,
        plate_color=vehicle.plate_color,
        price_yuan=offer.price_yuan,
        status="consigned",
        consigned_at=now,
        is_demo=load.is_demo or await is_demo_enterprise(session, offer.carrier_id),
        version=0,
    )
    offer.status, offer.decided_at = "accepted", now
    load.status, load.carrier_id = "awarded", offer.carrier_id
    await publish_load(session, load)
    await publish_waybill(session, waybill, load)
    await _promise(session, waybill, load)
    await close_offers(session, load, "lost", now)
    return waybill


async def _promise(session: AsyncSession, waybill: Waybill, load: Load) -> None:
    # One promise of a vehicle at a time: two crossing exclusion checks would wait for each other.
    await session.execute(_LOCK_VEHICLE, {"vehicle": str(waybill.vehicle_id)})
    session.add(
        Assignment(
            id=new_id(),
            waybill_id=waybill.id,
            vehicle_id=waybill.vehicle_id,
            carrier_id=waybill.carrier_id,
            shipper_id=waybill.shipper_id,
            during=Range(load.pickup_from, load.delivery_to),
            released_at=None,
        )
    )
    await write(session, {"ex_assignments_vehicle_id_during": VehicleBooked})


async def _close(offer: Offer, status: str, now: datetime) -> Offer:
    if offer.status != "open":
        raise OfferNotOpen
    offer.status, offer.decided_at = status, now
    return offer


def not_feasible(causes: list[Cause]) -> VehicleNotFeasible:
    """Return the refusal with its reasons, for the vehicle's owner."""
    detail = "; ".join(f"{cause.zh} / {cause.en}" for cause in causes)
    return VehicleNotFeasible(detail, extra={"reasons": [asdict(cause) for cause in causes]})


def _require_open(load: Load, now: datetime) -> None:
    if load.status != "open" or load.pickup_to <= now:
        raise LoadNotOpen
