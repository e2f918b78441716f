"""Applications for permits: an enterprise asks, a named police official decides (`domain.md` §4.1)."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.errors import (
    ApplicationDecided,
    ApplicationElapsed,
    EnterpriseNotActive,
    PermitOverlaps,
    PermitRefused,
    RegistrationNotInForce,
    VehicleLapsed,
)
from services.permits.models import Permit, PermitApplication, PermitType, Vehicle, permit_numbers
from services.permits.operations.publishing import publish_permit
from services.permits.operations.rules import require_areas
from services.permits.queries.copies import get_vehicle_of
from services.permits.queries.permits import get_application
from services.permits.queries.rules import find_type
from services.permits.queries.standings import get_firm_course, papers_of
from services.permits.schemas.permits import ApprovalIn, PermitApplicationCreate, ReasonIn
from services.shared.auth import Principal
from services.shared.db import constraint_of
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.rules.standing import enterprise_lapsed, vehicle_lapsed
from services.shared.standards.check import Reason


async def submit_application(
    session: AsyncSession, who: Principal, body: PermitApplicationCreate, now: datetime
) -> PermitApplication:
    """Apply for a permit for one of the enterprise's own vehicles.

    Raises:
        NotFound: The vehicle is unknown or another's.
        EnterpriseNotActive: The enterprise is suspended or closed, or a licence of its has run out.
        VehicleLapsed: Inspection, insurance or road transport certificate is not in force.
        RegistrationNotInForce: The vehicle's registration does not hold when the permit would begin.
        Unprocessable: Unknown type or area, a period that is over or longer than the type allows.
    """
    vehicle = await get_vehicle_of(session, body.vehicle_id, who.enterprise_id)
    await _require_standing(session, vehicle, now, max(now, body.valid_from))
    permit_type = await find_type(session, body.permit_type)
    if permit_type is None:
        fault = FieldError(
            "body.permit_type", "permit_type_unknown", "未知的通行证类型 / unknown permit type"
        )
        raise Unprocessable(errors=[fault])
    _require_period(permit_type, body, now)
    await require_areas(session, body.area_ids)
    application = PermitApplication(
        id=new_id(),
        enterprise_id=vehicle.enterprise_id,
        type=permit_type,
        status="submitted",
        submitted_by=who.subject,
        submitted_at=now,
        version=1,
        windows=[window.model_dump() for window in body.windows],
        **body.model_dump(exclude={"permit_type", "windows"}),
    )
    session.add(application)
    await session.flush()
    return application


async def approve_application(
    session: AsyncSession, official: Principal, application_id: UUID, body: ApprovalIn, now: datetime
) -> PermitApplication:
    """Grant what was applied for, from now at the earliest; everything is checked again.

    Raises:
        NotFound: No such application.
        ApplicationDecided: It is no longer open.
        ApplicationElapsed: Its period is over.
        EnterpriseNotActive: The enterprise is not active any more.
        VehicleLapsed: Its papers are not in force any more.
        RegistrationNotInForce: The registration does not hold any more.
        PermitOverlaps: The vehicle holds a permit of this type in this period.
    """
    application = await _open(session, official, application_id)
    if application.valid_to <= now:
        raise ApplicationElapsed
    begins_at = max(application.valid_from, now)
    # Kept: an end of the registration that arrives meanwhile waits, finds this permit and cuts it.
    vehicle = await get_vehicle_of(session, application.vehicle_id, application.enterprise_id, keep=True)
    await _require_standing(session, vehicle, now, begins_at)
    permit = await _issue(session, official, application, vehicle, begins_at, body.external_number, now)
    _decide(application, official, "approved", body.reason, now)
    application.permit_id = permit.id
    await session.flush()
    return application


async def reject_application(
    session: AsyncSession, official: Principal, application_id: UUID, body: ReasonIn, now: datetime
) -> PermitApplication:
    """Refuse an application; the enterprise may apply again.

    Raises:
        NotFound: No such application.
        ApplicationDecided: It is no longer open.
    """
    application = await _open(session, official, application_id)
    _decide(application, official, "rejected", body.reason, now)
    await session.flush()
    return application


async def withdraw_application(
    session: AsyncSession, who: Principal, application_id: UUID, body: ReasonIn, now: datetime
) -> PermitApplication:
    """Take back an application that has not been decided.

    Raises:
        NotFound: Unknown, or another's.
        ApplicationDecided: It is no longer open.
    """
    application = await _open(session, who, application_id)
    _decide(application, who, "withdrawn", body.reason, now)
    await session.flush()
    return application


async def _open(session: AsyncSession, who: Principal, application_id: UUID) -> PermitApplication:
    application = await get_application(session, who, application_id, lock=True)
    if application.status != "submitted":
        raise ApplicationDecided
    return application


def _decide(
    application: PermitApplication, who: Principal, status: str, reason: str | None, now: datetime
) -> None:
    application.status = status
    application.decided_by = who.subject
    application.decided_at = now
    application.reason = reason
    application.version += 1


async def _require_standing(
    session: AsyncSession, vehicle: Vehicle, now: datetime, begins_at: datetime
) -> None:
    """Firm and papers must be in order when it is asked and when the permit would begin (§4.4)."""
    firm, papers = await get_firm_course(session, vehicle.enterprise_id), papers_of(vehicle)
    for instant in (now, begins_at):
        if not (standing := firm.at(instant)).active:
            raise EnterpriseNotActive(_detail(enterprise_lapsed(standing.lapses)) if standing.lapses else "")
        if lapses := papers.at(instant).lapses:
            raise VehicleLapsed(_detail(vehicle_lapsed(lapses)), extra={"lapses": lapses})
    ended = vehicle.valid_to is not None and vehicle.valid_to <= begins_at
    if ended or vehicle.valid_from > begins_at:
        raise RegistrationNotInForce


def _detail(reason: Reason) -> str:
    return f"{reason.zh} / {reason.en}"


def _require_period(permit_type: PermitType, body: PermitApplicationCreate, now: datetime) -> None:
    faults = []
    if body.valid_to <= now:
        faults.append(FieldError("body.valid_to", "elapsed", "时段已过 / the period is over"))
    if body.valid_to - body.valid_from > timedelta(days=permit_type.max_days):
        message = f"最长 {permit_type.max_days} 天 / at most {permit_type.max_days} days"
        faults.append(FieldError("body.valid_to", "too_long", message))
    if faults:
        raise PermitRefused(errors=faults)


async def _issue(
    session: AsyncSession,
    official: Principal,
    application: PermitApplication,
    vehicle: Vehicle,
    begins_at: datetime,
    external_number: str | None,
    now: datetime,
) -> Permit:
    number = await session.scalar(permit_numbers)
    permit = Permit(
        id=new_id(),
        code=f"P{number:08d}",
        application_id=application.id,
        enterprise_id=application.enterprise_id,
        vehicle_id=application.vehicle_id,
        permit_type=application.type.code,
        lifts=application.type.lifts,
        area_ids=application.area_ids,
        weekdays=application.weekdays,
        windows=application.windows,
        holiday_calendar=application.holiday_calendar,
        valid_from=begins_at,
        valid_to=min(application.valid_to, vehicle.valid_to or application.valid_to),
        granted_until=application.valid_to,
        status="active",
        external_number=external_number,
        issued_by=official.subject,
        issued_at=now,
        version=1,
    )
    session.add(permit)
    try:
        await publish_permit(session, permit)
    except IntegrityError as error:
        if constraint_of(error) == "ex_permits_one_of_a_type":
            raise PermitOverlaps from error
        raise
    return permit
