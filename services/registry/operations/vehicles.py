"""How a vehicle's registration begins, is corrected and ends."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.verification import changed_fields
from services.registry.errors import PlateRegistered, VehicleEnded
from services.registry.models import Certificate, Enterprise, Vehicle
from services.registry.operations.owners import owner_of
from services.registry.operations.papers import declare_papers, inherited_papers, refuse_filler
from services.registry.operations.publishing import publish_vehicle
from services.registry.operations.resets import reset_groups
from services.registry.operations.versions import check_version
from services.registry.queries.certificates import certificates_of
from services.registry.queries.enterprises import get_writing_enterprise
from services.registry.queries.locks import lock_plate
from services.registry.queries.vehicles import get_vehicle
from services.registry.schemas.vehicles import (
    DeregistrationCreate,
    ReplatingCreate,
    TransferCreate,
    VehicleCreate,
    VehicleProperties,
    VehicleUpdate,
)
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.standards.zones import city_day

_REFUSALS = {"ex_vehicles_plate": PlateRegistered, "ck_vehicles_interval": VehicleEnded}
OF_PAPERS: Final = frozenset(
    {
        "inspection_valid_to",
        "insurance_valid_to",
        "road_transport_certificate_number",
        "road_transport_certificate_valid_to",
    }
)
OWN: Final = frozenset(VehicleUpdate.model_fields) - OF_PAPERS
"""Properties that stand on the vehicle's row alone; its papers are certificates."""


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
    enterprise = await get_writing_enterprise(session, owner_of(who, given.enterprise_id))
    start = given.valid_from or now
    if given.valid_to is not None and given.valid_to <= start:
        raise _interval("body.valid_to")
    await lock_plate(session, given.plate_number, given.plate_color)
    vehicle = new_registration(given, enterprise, start, now)
    papers = declare_papers(vehicle, given, (), who, now)
    await publish_vehicle(session, vehicle, now, certificates=papers, refusals=_REFUSALS)
    return vehicle


def new_registration(given: VehicleCreate, owner: Enterprise, begin: datetime, now: datetime) -> Vehicle:
    """Return a registration that is still to be published, with the papers that the form declares."""
    return Vehicle(
        id=new_id(),
        enterprise_id=owner.id,
        plate_number=given.plate_number,
        plate_color=given.plate_color,
        valid_from=begin,
        valid_to=given.valid_to,
        is_demo=owner.is_demo,
        verified={},
        version=0,
        created_at=now,
        **given.model_dump(include=set(OWN)),
    )


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
    """Replace a vehicle's own properties; a group of fields that changed is self-declared again.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active.
        VehicleEnded: The registration has ended.
        PreconditionFailed: `expected` is not its version.
        Unprocessable: The certificate on record is the filler of lighter vehicles.
    """
    vehicle = await _changeable(session, who, vehicle_id, now)
    check_version(vehicle, expected)
    present = (await certificates_of(session, [vehicle.id]))[vehicle.id]
    papers, changed = correct_registration(vehicle, given, present, who, now)
    refuse_filler(vehicle.gross_mass_kg, papers, "body.gross_mass_kg")
    await reset_groups(session, "vehicle", vehicle, changed, now)
    await publish_vehicle(session, vehicle, now, certificates=papers)
    return vehicle


def correct_registration(
    vehicle: Vehicle,
    given: VehicleProperties,
    present: Sequence[Certificate],
    who: Principal,
    now: datetime,
) -> tuple[list[Certificate], frozenset[str]]:
    """Take a form into a registration that is still to be published.

    Returns:
        The certificates that count then, and the fields and kinds of papers that changed.
    """
    before = _facts(vehicle)
    for name in OWN:
        setattr(vehicle, name, getattr(given, name))
    papers = declare_papers(vehicle, given, present, who, now)
    known = {paper.id for paper in present}
    renewed = {paper.kind for paper in papers if paper.id not in known}
    return papers, changed_fields(before, _facts(vehicle)) | renewed


def _facts(vehicle: Vehicle) -> dict[str, Any]:
    return {name: getattr(vehicle, name) for name in OWN}


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
    _end(vehicle, given.at or now, given.reason, given.exit_reason)
    await publish_vehicle(session, vehicle, now)
    return vehicle


async def transfer_vehicle(
    session: AsyncSession, vehicle_id: UUID, who: Principal, given: TransferCreate, now: datetime
) -> Vehicle:
    """End a registration and begin the new owner's; returns the new one.

    Raises:
        NotFound: No such vehicle or new owner.
        EnterpriseSuspended: The new owner is not active.
        VehicleEnded: The registration has ended, or would before it began, or its end is decided.
        Unprocessable: The new owner is the present one.
    """
    vehicle = await get_vehicle(session, who, vehicle_id, lock=True)
    owner = await get_writing_enterprise(session, given.enterprise_id)
    if owner.id == vehicle.enterprise_id:
        message = "该企业已是所有人 / this firm is its owner already"
        raise Unprocessable(errors=[FieldError("body.enterprise_id", "same_owner", message)])
    at = given.at or now
    was_until = vehicle.valid_to
    await lock_plate(session, vehicle.plate_number, vehicle.plate_color)
    _end(vehicle, at, given.reason, "transfer_out")
    await publish_vehicle(session, vehicle, now)
    successor = _successor(vehicle, at, was_until, now)
    successor.enterprise_id, successor.is_demo = owner.id, owner.is_demo
    successor.entry_reason, successor.entry_on = "transfer_in", city_day(at)
    await _continue(session, vehicle, successor, now)
    return successor


async def replate_vehicle(
    session: AsyncSession, who: Principal, vehicle_id: UUID, given: ReplatingCreate, now: datetime
) -> Vehicle:
    """End a registration and begin the same vehicle's under new plates; returns the new one.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active.
        VehicleEnded: The registration has ended, or would before it began.
        PlateRegistered: The new plate and colour are registered in this interval.
    """
    vehicle = await _changeable(session, who, vehicle_id, now)
    at = given.at or now
    was_until = vehicle.valid_to
    plates = {(vehicle.plate_number, vehicle.plate_color), (given.plate_number, given.plate_color)}
    for plate in sorted(plates):  # in one order everywhere: two re-platings must not wait for each other
        await lock_plate(session, *plate)
    _end(vehicle, at, given.reason, "re_plated")
    await publish_vehicle(session, vehicle, now)
    successor = _successor(vehicle, at, was_until, now)
    successor.plate_number, successor.plate_color = given.plate_number, given.plate_color
    await _continue(session, vehicle, successor, now)
    return successor


def _successor(vehicle: Vehicle, at: datetime, until: datetime | None, now: datetime) -> Vehicle:
    """Return the registration that continues a vehicle; it inherits its facts, no verification."""
    return Vehicle(
        id=new_id(),
        enterprise_id=vehicle.enterprise_id,
        plate_number=vehicle.plate_number,
        plate_color=vehicle.plate_color,
        valid_from=at,
        valid_to=until,
        predecessor_id=vehicle.id,
        is_demo=vehicle.is_demo,
        verified={},
        version=0,
        created_at=now,
        **_facts(vehicle),
    )


async def _continue(session: AsyncSession, vehicle: Vehicle, successor: Vehicle, now: datetime) -> None:
    present: list[Certificate] = (await certificates_of(session, [vehicle.id]))[vehicle.id]
    papers = inherited_papers(successor, present, now)
    await publish_vehicle(session, successor, now, certificates=papers, refusals=_REFUSALS)


async def _changeable(session: AsyncSession, who: Principal, vehicle_id: UUID, now: datetime) -> Vehicle:
    vehicle = await get_vehicle(session, who, vehicle_id, lock=True)
    if not who.is_bureau:
        await get_writing_enterprise(session, vehicle.enterprise_id)
    if vehicle.valid_to is not None and vehicle.valid_to <= now:
        raise VehicleEnded
    return vehicle


def _end(vehicle: Vehicle, at: datetime, reason: str, exit_reason: str) -> None:
    if vehicle.exit_reason is not None:  # its end is decided, and another registration may begin there
        raise VehicleEnded
    if at <= vehicle.valid_from or (vehicle.valid_to is not None and at >= vehicle.valid_to):
        raise VehicleEnded
    vehicle.valid_to = at
    vehicle.end_reason = reason
    vehicle.exit_reason = exit_reason
    vehicle.exit_on = city_day(at)
