"""How a vehicle's registration begins, is corrected and ends."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.errors import PlateRegistered, VehicleEnded
from services.registry.models import Enterprise, Vehicle
from services.registry.operations.publishing import publish_vehicle
from services.registry.queries.enterprises import get_writing_enterprise
from services.registry.queries.vehicles import get_vehicle, lock_plate
from services.registry.schemas.vehicles import (
    DeregistrationCreate,
    TransferCreate,
    VehicleCreate,
    VehicleUpdate,
)
from services.shared.auth import Principal
from services.shared.errors import FieldError, NotFound, PreconditionFailed, Unprocessable
from services.shared.ids import new_id

_REFUSALS = {"ex_vehicles_plate": PlateRegistered, "ck_vehicles_interval": VehicleEnded}
_KEPT_AT_TRANSFER = (
    "plate_number",
    "plate_color",
    *VehicleUpdate.model_fields,
)


async def register_vehicle(
    session: AsyncSession, who: Principal, given: VehicleCreate, now: datetime
) -> Vehicle:
    """Register a vehicle of an active firm.

    Raises:
        EnterpriseSuspended: The firm is not active.
        NotFound: The firm is unknown or not the caller's.
        PlateRegistered: Plate and colour are registered in this interval.
        Unprocessable: No firm named, or the interval is over before it began.
    """
    enterprise = await get_writing_enterprise(session, _owner(who, given.enterprise_id))
    start = given.valid_from or now
    if given.valid_to is not None and given.valid_to <= start:
        raise _interval("body.valid_to")
    await lock_plate(session, given.plate_number, given.plate_color)
    vehicle = Vehicle(**new_registration(given, enterprise, start, now))
    await publish_vehicle(session, vehicle, now, _REFUSALS)
    return vehicle


def new_registration(
    given: VehicleCreate, owner: Enterprise, begin: datetime, now: datetime
) -> dict[str, Any]:
    """Return the columns of a registration that is still to be written and published."""
    return {
        "id": new_id(),
        "enterprise_id": owner.id,
        "plate_number": given.plate_number,
        "plate_color": given.plate_color,
        "valid_from": begin,
        "valid_to": given.valid_to,
        "is_demo": owner.is_demo,
        "lapses": [],
        "verified": {},
        "version": 0,
        "created_at": now,
        **given.technical(),
    }


def _owner(who: Principal, named: UUID | None) -> UUID:
    owner = who.enterprise_id if who.enterprise_id is not None else named
    if owner is None:
        fault = FieldError("body.enterprise_id", "missing", "须指明企业 / name the enterprise")
        raise Unprocessable(errors=[fault])
    if named not in {None, owner}:
        raise NotFound
    return owner


def _interval(field: str) -> Unprocessable:
    message = "终止时间须晚于起始时间 / must be after the beginning"
    return Unprocessable(errors=[FieldError(field, "interval", message)])


async def update_vehicle(
    session: AsyncSession,
    who: Principal,
    vehicle_id: UUID,
    given: VehicleUpdate,
    expected: int | None,
    now: datetime,
) -> Vehicle:
    """Replace a vehicle's own properties.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active.
        VehicleEnded: The registration has ended.
        PreconditionFailed: `expected` is not its version.
    """
    vehicle = await _changeable(session, who, vehicle_id, now)
    if expected is not None and expected != vehicle.version:
        raise PreconditionFailed
    for name, value in given.model_dump().items():
        setattr(vehicle, name, value)
    await publish_vehicle(session, vehicle, now)
    return vehicle


async def deregister_vehicle(
    session: AsyncSession, who: Principal, vehicle_id: UUID, given: DeregistrationCreate, now: datetime
) -> Vehicle:
    """End a registration.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active.
        VehicleEnded: It has ended, or would before it began.
    """
    vehicle = await _changeable(session, who, vehicle_id, now)
    await lock_plate(session, vehicle.plate_number, vehicle.plate_color)
    _end(vehicle, given.at or now, given.reason)
    await publish_vehicle(session, vehicle, now)
    return vehicle


async def transfer_vehicle(
    session: AsyncSession, vehicle_id: UUID, who: Principal, given: TransferCreate, now: datetime
) -> Vehicle:
    """End a registration and begin the new owner's; returns the new one.

    Raises:
        NotFound: No such vehicle or new owner.
        EnterpriseSuspended: The new owner is not active.
        VehicleEnded: The registration has ended, or would before it began.
    """
    vehicle = await get_vehicle(session, who, vehicle_id, lock=True)
    owner = await get_writing_enterprise(session, given.enterprise_id)
    at = given.at or now
    was_until = vehicle.valid_to
    await lock_plate(session, vehicle.plate_number, vehicle.plate_color)
    _end(vehicle, at, given.reason)
    await publish_vehicle(session, vehicle, now)
    successor = Vehicle(
        id=new_id(),
        enterprise_id=owner.id,
        valid_from=at,
        valid_to=was_until,
        predecessor_id=vehicle.id,
        is_demo=owner.is_demo,
        version=0,
        created_at=now,
        **{name: getattr(vehicle, name) for name in _KEPT_AT_TRANSFER},
    )
    await publish_vehicle(session, successor, now, _REFUSALS)
    return successor


async def _changeable(session: AsyncSession, who: Principal, vehicle_id: UUID, now: datetime) -> Vehicle:
    vehicle = await get_vehicle(session, who, vehicle_id, lock=True)
    if not who.is_bureau:
        await get_writing_enterprise(session, vehicle.enterprise_id)
    if vehicle.valid_to is not None and vehicle.valid_to <= now:
        raise VehicleEnded
    return vehicle


def _end(vehicle: Vehicle, at: datetime, reason: str) -> None:
    if at <= vehicle.valid_from or (vehicle.valid_to is not None and at >= vehicle.valid_to):
        raise VehicleEnded
    vehicle.valid_to = at
    vehicle.end_reason = reason
