"""How a facility comes to be known, is corrected and confirmed."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.facilities import FacilityKind, is_in_charge
from services.registry.domain.lifecycle import FacilityStatus
from services.registry.errors import FacilityCodeTaken
from services.registry.models import Bay, Charger, Facility, FacilityStep
from services.registry.models.facilities import Confirmed
from services.registry.operations.documents import check_evidence, correct_evidence
from services.registry.operations.publishing import publish_bay, publish_charger, publish_facility
from services.registry.operations.versions import check_version
from services.registry.queries.enterprises import get_open_enterprise, get_writing_enterprise
from services.registry.queries.facilities import get_facility_for_update
from services.registry.queries.units import points_on, unconfirmed_units
from services.registry.schemas.facilities import ConfirmationCreate, FacilityCreate, FacilityUpdate
from services.shared.auth import Principal
from services.shared.errors import FieldError, Forbidden, NotFound, Unprocessable
from services.shared.ids import new_id
from services.shared.standards.zones import city_day
from services.shared.writing import write

_COLUMNS: Final = (
    *("name", "owner_department", "division_code", "zone_code", "address", "area_id", "schematic"),
)


async def create_facility(
    session: AsyncSession, who: Principal, given: FacilityCreate, now: datetime
) -> Facility:
    """Make a facility, planned from a day on: a firm its own, an official any of its office's kinds.

    Raises:
        Forbidden: The office is not in charge of the kind.
        NotFound: The firm named is unknown or not the caller's.
        EnterpriseSuspended: The firm may not write, or the one named is closed.
        FacilityCodeTaken: The code is in use.
        Unprocessable: A document or area is unknown, nobody operates or owns it, or the day lies ahead.
    """
    kind = FacilityKind(given.capacity.kind)
    check_in_charge(who, kind)
    if given.planned_on > city_day(now):
        raise Unprocessable(errors=[FieldError("body.planned_on", "day_ahead", DAY_AHEAD)])
    facility = Facility(
        id=new_id(),
        code=given.code,
        kind=kind.value,
        status=FacilityStatus.PLANNED.value,
        planned_on=given.planned_on,
        document_ids=[],
        opening_document_ids=[],
        confirmation_document_ids=[],
        version=0,
        created_at=now,
        updated_at=now,
    )
    await _describe(session, who, facility, given, now)
    session.add(facility)
    await write(session, {"uq_facilities_code": FacilityCodeTaken})
    session.add(_plan(who, facility, now))
    await publish_facility(session, facility, now)
    return facility


def _plan(who: Principal, facility: Facility, now: datetime) -> FacilityStep:
    """Return the record of a new facility's first stage."""
    return FacilityStep(
        id=new_id(),
        facility_id=facility.id,
        status=facility.status,
        day=facility.planned_on,
        document_ids=facility.document_ids,
        decided_by=who.subject,
        decided_by_name=who.name,
        decided_at=now,
    )


DAY_AHEAD: Final = "不能晚于今天 / must not lie ahead"


async def update_facility(
    session: AsyncSession,
    who: Principal,
    facility_id: UUID,
    given: FacilityUpdate,
    expected: int | None,
    now: datetime,
) -> Facility:
    """Replace what a facility is; an official's word counts as confirmed, a firm's waits for that.

    Raises:
        NotFound: Unknown or another's, or the firm named is.
        Forbidden: The office is not in charge of the kind.
        EnterpriseSuspended: The firm may not write, or the one named is closed.
        PreconditionFailed: `expected` is not its version.
        Unprocessable: Another kind, an unknown document or area, or nobody operates or owns it.
    """
    facility = await changeable_facility(session, who, facility_id)
    check_version(facility, expected)
    if given.capacity.kind != facility.kind:
        message = "设施类型不可更改 / the kind of a facility does not change"
        raise Unprocessable(errors=[FieldError("body.capacity.kind", "kind_fixed", message)])
    await _describe(session, who, facility, given, now)
    await publish_facility(session, facility, now)
    return facility


async def confirm_facility(
    session: AsyncSession,
    who: Principal,
    facility_id: UUID,
    given: ConfirmationCreate,
    expected: int | None,
    now: datetime,
) -> Facility:
    """Confirm what a facility says of itself, and its bays and chargers that nobody has confirmed.

    Raises:
        NotFound: No such facility.
        Forbidden: The office is not in charge of the kind.
        PreconditionFailed: `expected` is not its version.
        Unprocessable: A document is unknown.
    """
    facility = await changeable_facility(session, who, facility_id)
    check_version(facility, expected)
    facility.confirmation_document_ids = await check_evidence(session, who, given.document_ids)
    confirm(facility, who, now)
    await publish_facility(session, facility, now)
    for bay in await unconfirmed_units(session, Bay, facility.id):
        confirm(bay, who, now)
        await publish_bay(session, bay, now)
    for charger in await unconfirmed_units(session, Charger, facility.id):
        confirm(charger, who, now)
        await publish_charger(session, charger, now)
    return facility


async def changeable_facility(session: AsyncSession, who: Principal, facility_id: UUID) -> Facility:
    """Return a facility the caller may change, locked.

    Raises:
        NotFound: Unknown or another's.
        Forbidden: The office is not in charge of the kind.
        EnterpriseSuspended: The firm is not active.
    """
    facility = await get_facility_for_update(session, who, facility_id)
    check_in_charge(who, FacilityKind(facility.kind))
    if who.enterprise_id is not None:
        await get_writing_enterprise(session, who.enterprise_id)
    return facility


def check_in_charge(who: Principal, kind: FacilityKind) -> None:
    """Let an office act on facilities of its kinds only.

    Raises:
        Forbidden: It is another's.
    """
    if who.is_bureau and not is_in_charge(who.role.value, kind):
        raise Forbidden("此类设施不由本部门主管 / this office is not in charge of the kind")


def confirm(entity: Confirmed, who: Principal, now: datetime) -> None:
    """Note whose word an entity's content is: a named official's, or not confirmed yet."""
    official = who.is_official
    entity.confirmed_at = now if official else None
    entity.confirmed_by = who.subject if official else None
    entity.confirmed_by_name = who.name if official else None


async def _describe(
    session: AsyncSession, who: Principal, facility: Facility, given: FacilityUpdate, now: datetime
) -> None:
    await _put_operator(session, who, facility, given)
    if given.area_id is not None and not await points_on(session, [given.area_id]):
        fault = FieldError("body.area_id", "area_unknown", "没有这个区域 / no such area")
        raise Unprocessable(errors=[fault])
    values: dict[str, Any] = {name: getattr(given, name) for name in _COLUMNS}
    values["capacity"] = given.capacity.model_dump(mode="json", exclude_none=True)
    values["document_ids"] = await correct_evidence(session, who, given.document_ids, facility.document_ids)
    for name, value in {**values, **given.wgs84()}.items():
        setattr(facility, name, value)
    confirm(facility, who, now)


async def _put_operator(
    session: AsyncSession, who: Principal, facility: Facility, given: FacilityUpdate
) -> None:
    operator = given.operator
    if who.enterprise_id is not None:
        if given.enterprise_id not in {None, who.enterprise_id}:
            raise NotFound
        if operator is not None:
            message = "企业只能登记自营设施 / a firm registers what it operates itself"
            raise Unprocessable(errors=[FieldError("body.operator", "operator_foreign", message)])
        enterprise = await get_writing_enterprise(session, who.enterprise_id)
    elif given.enterprise_id is not None:
        enterprise = await get_open_enterprise(session, given.enterprise_id)
    else:
        enterprise = None
    if enterprise is None and operator is None and given.owner_department is None:
        message = "须给出运营主体或主管单位 / name an operator or the department it belongs to"
        raise Unprocessable(errors=[FieldError("body.operator", "missing", message)])
    facility.enterprise_id = enterprise.id if enterprise else None
    facility.is_demo = enterprise is not None and enterprise.is_demo
    facility.operator_name = operator.name if operator else None
    facility.operator_uscc = operator.uscc if operator else None
