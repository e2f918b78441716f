"""How an express tricycle is registered, filed, ridden, inspected and retired."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.people import Employment, PersonKind
from services.registry.domain.tricycles import TricycleStatus
from services.registry.errors import (
    RiderUnavailable,
    TricycleFiled,
    TricycleNumberTaken,
    TricycleRetired,
)
from services.registry.models import Tricycle
from services.registry.operations.documents import check_evidence
from services.registry.operations.owners import owner_of
from services.registry.operations.publishing import publish_tricycle
from services.registry.operations.versions import check_version
from services.registry.queries.drivers import get_driver
from services.registry.queries.enterprises import get_writing_enterprise
from services.registry.queries.tricycles import find_tricycle_of, get_tricycle
from services.registry.schemas.tricycles import (
    FilingCreate,
    InspectionCreate,
    RetirementCreate,
    RiderAssignment,
    TricycleCreate,
    TricycleUpdate,
)
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.standards.zones import city_day

_REFUSALS = {
    **{
        f"uq_tricycles_{name}": TricycleNumberTaken
        for name in ("code", "frame_number", "tag_id", "gps_terminal_number")
    },
    "uq_tricycles_rider_id": RiderUnavailable,
}
_INSPECTED = ("meets_yzt_0136", "annual_check_valid_to")
_FILED = ("brand", "model", "frame_number")
_DOCUMENTS = ("livery_document_id", "responsibility_document_id")


async def register_tricycle(
    session: AsyncSession, who: Principal, given: TricycleCreate, now: datetime
) -> Tricycle:
    """Register a tricycle of an active firm; an official files it then.

    Raises:
        EnterpriseSuspended: The firm is not active.
        NotFound: The firm is unknown or not the caller's.
        TricycleNumberTaken: Another one has its frame number, tag or terminal.
        Unprocessable: No firm is named, or a document is unknown.
    """
    enterprise = await get_writing_enterprise(session, owner_of(who, given.enterprise_id))
    await _check_documents(session, who, given)
    tricycle = Tricycle(
        id=new_id(),
        enterprise_id=enterprise.id,
        status=TricycleStatus.PENDING.value,
        violations_count=0,
        is_demo=enterprise.is_demo,
        version=0,
        created_at=now,
        **given.model_dump(exclude={"enterprise_id"}),
    )
    await publish_tricycle(session, tricycle, now, _REFUSALS)
    return tricycle


async def update_tricycle(
    session: AsyncSession,
    who: Principal,
    tricycle_id: UUID,
    given: TricycleUpdate,
    expected: int | None,
    now: datetime,
) -> Tricycle:
    """Replace what a tricycle is and has.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active.
        TricycleRetired: It is retired.
        PreconditionFailed: `expected` is not its version.
        TricycleNumberTaken: Another one has its frame number, tag or terminal.
        Unprocessable: A document is unknown.
    """
    tricycle = await _changeable(session, who, tricycle_id)
    check_version(tricycle, expected)
    await _check_documents(session, who, given)
    if _differs(given, tricycle, _INSPECTED):  # what is said now is no longer what an official found
        tricycle.inspected_on = tricycle.inspected_by = tricycle.inspected_by_name = None
    if _differs(given, tricycle, _FILED):  # another tricycle than the one that was filed
        tricycle.status, tricycle.code = TricycleStatus.PENDING.value, None
        tricycle.filed_on = tricycle.filed_by = tricycle.filed_by_name = None
    for name, value in given.model_dump().items():
        setattr(tricycle, name, value)
    await publish_tricycle(session, tricycle, now, _REFUSALS)
    return tricycle


def _differs(given: TricycleUpdate, tricycle: Tricycle, names: Iterable[str]) -> bool:
    return any(getattr(given, name) != getattr(tricycle, name) for name in names)


async def file_tricycle(
    session: AsyncSession,
    official: Principal,
    tricycle_id: UUID,
    given: FilingCreate,
    expected: int | None,
    now: datetime,
) -> Tricycle:
    """Give a tricycle its filing number.

    Raises:
        NotFound: No such tricycle.
        PreconditionFailed: `expected` is not its version.
        TricycleFiled: It is filed or retired.
        TricycleNumberTaken: The number was given before.
        Unprocessable: The day is in the future.
    """
    tricycle = await get_tricycle(session, official, tricycle_id, lock=True)
    check_version(tricycle, expected)
    if tricycle.status != TricycleStatus.PENDING:
        raise TricycleFiled
    today = city_day(now)
    if given.on is not None and given.on > today:
        fault = FieldError("body.on", "future", "不能晚于今天 / not after today")
        raise Unprocessable(errors=[fault])
    tricycle.status, tricycle.code = TricycleStatus.FILED.value, given.code
    tricycle.filed_on = given.on or today
    tricycle.filed_by, tricycle.filed_by_name = official.subject, official.name
    await publish_tricycle(session, tricycle, now, _REFUSALS)
    return tricycle


async def inspect_tricycle(
    session: AsyncSession,
    official: Principal,
    tricycle_id: UUID,
    given: InspectionCreate,
    expected: int | None,
    now: datetime,
) -> Tricycle:
    """Record what an official found at a tricycle.

    Raises:
        NotFound: No such tricycle.
        PreconditionFailed: `expected` is not its version.
        TricycleRetired: It is retired.
    """
    tricycle = await _changeable(session, official, tricycle_id)
    check_version(tricycle, expected)
    for name in _INSPECTED:
        value = getattr(given, name)
        if value is not None:
            setattr(tricycle, name, value)
    tricycle.violations_count += given.violations_found
    tricycle.inspection_note = given.note
    tricycle.inspected_on = city_day(now)
    tricycle.inspected_by, tricycle.inspected_by_name = official.subject, official.name
    await publish_tricycle(session, tricycle, now)
    return tricycle


async def assign_rider(
    session: AsyncSession, who: Principal, tricycle_id: UUID, given: RiderAssignment, now: datetime
) -> Tricycle:
    """Put a rider on a tricycle, or take the rider off.

    Raises:
        NotFound: The tricycle or the rider is unknown, another's, or the rider another firm's.
        EnterpriseSuspended: The firm is not active.
        TricycleRetired: It is retired.
        RiderUnavailable: The person is no rider in employment, or has another tricycle.
    """
    # The rider first, as where an employment ends: two orders would wait for each other.
    rider = await get_driver(session, who, given.rider_id, lock=True) if given.rider_id else None
    tricycle = await _changeable(session, who, tricycle_id)
    if rider is not None and rider.enterprise_id != tricycle.enterprise_id:
        raise RiderUnavailable
    if rider is not None and (rider.kind != PersonKind.RIDER or rider.status != Employment.ACTIVE):
        raise RiderUnavailable
    tricycle.rider_id = given.rider_id
    await publish_tricycle(session, tricycle, now, _REFUSALS)
    return tricycle


async def retire_tricycle(
    session: AsyncSession, who: Principal, tricycle_id: UUID, given: RetirementCreate, now: datetime
) -> Tricycle:
    """End a tricycle; its rider, frame number, tag and terminal are free again.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active.
        TricycleRetired: It is retired.
    """
    tricycle = await _changeable(session, who, tricycle_id)
    tricycle.status, tricycle.retired_reason, tricycle.rider_id = (
        TricycleStatus.RETIRED.value,
        given.reason,
        None,
    )
    await publish_tricycle(session, tricycle, now)
    return tricycle


async def release_rider(session: AsyncSession, rider_id: UUID, now: datetime) -> None:
    """Take a person off the tricycle it rides, if it does; the person's row is locked."""
    tricycle = await find_tricycle_of(session, rider_id)
    if tricycle is not None:
        tricycle.rider_id = None
        await publish_tricycle(session, tricycle, now)


async def _changeable(session: AsyncSession, who: Principal, tricycle_id: UUID) -> Tricycle:
    tricycle = await get_tricycle(session, who, tricycle_id, lock=True)
    if not who.is_bureau:
        await get_writing_enterprise(session, tricycle.enterprise_id)
    if tricycle.status == TricycleStatus.RETIRED:
        raise TricycleRetired
    return tricycle


async def _check_documents(session: AsyncSession, who: Principal, given: TricycleUpdate) -> None:
    for name in _DOCUMENTS:
        document_id = getattr(given, name)
        if document_id is not None:
            await check_evidence(session, who, [document_id], f"body.{name}")
