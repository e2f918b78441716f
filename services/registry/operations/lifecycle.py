"""The stages of a facility: recorded with day and evidence, put right by corrections that stay on record."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.lifecycle import (
    FacilityStatus,
    Step,
    in_order,
    is_whole,
    may_follow,
    misdated,
)
from services.registry.errors import StageOutOfOrder
from services.registry.models import Facility, FacilityStep
from services.registry.operations.documents import check_evidence
from services.registry.operations.facilities import changeable_facility
from services.registry.operations.publishing import publish_facility
from services.registry.queries.facilities import steps_in_force
from services.registry.schemas.facilities import CorrectionCreate, StepCreate
from services.shared.auth import Principal
from services.shared.errors import FieldError, Forbidden, Unprocessable
from services.shared.ids import new_id
from services.shared.standards.zones import city_day
from services.shared.writing import write


async def take_step(
    session: AsyncSession,
    who: Principal,
    facility_id: UUID,
    target: FacilityStatus,
    given: StepCreate,
    now: datetime,
) -> Facility:
    """Record that a facility reached a stage; of an office only a named official may.

    Raises:
        NotFound: Unknown or another's.
        Forbidden: The office is not in charge of the kind, or no person of it decides.
        EnterpriseSuspended: The firm is not active.
        StageOutOfOrder: The stage does not follow the present one.
        Unprocessable: The day lies ahead or before the present stage, or a document is unknown.
    """
    if who.is_bureau and not who.is_official:
        raise Forbidden("须由具名工作人员办理 / a named official must decide")
    facility = await changeable_facility(session, who, facility_id)
    if not may_follow(FacilityStatus(facility.status), target):
        raise StageOutOfOrder
    evidence = await check_evidence(session, who, given.document_ids)
    step = _record(facility, target, given.on, given.note, who, now)
    records = [*await steps_in_force(session, facility.id), step]
    step.document_ids = evidence
    return await _put(session, facility, records, now)


def _record(
    facility: Facility,
    status: FacilityStatus,
    day: date,
    note: str | None,
    who: Principal,
    now: datetime,
) -> FacilityStep:
    return FacilityStep(
        id=new_id(),
        facility_id=facility.id,
        status=status.value,
        day=day,
        note=note,
        decided_by=who.subject,
        decided_by_name=who.name,
        decided_at=now,
    )


async def correct_step(
    session: AsyncSession, who: Principal, facility_id: UUID, given: CorrectionCreate, now: datetime
) -> Facility:
    """Put a recorded stage right: another day, or withdrawn; the wrong record stays, superseded.

    Raises:
        NotFound: No such facility.
        Forbidden: The office is not in charge of the kind.
        StageOutOfOrder: The stage is not on record, or others stand on the one withdrawn.
        Unprocessable: The day lies ahead or out of order, or a document is unknown.
    """
    facility = await changeable_facility(session, who, facility_id)
    records = await steps_in_force(session, facility.id)
    wrong = next((record for record in records if record.status == given.status.value), None)
    if wrong is None:
        raise StageOutOfOrder("该阶段没有记录 / the stage is not on record")
    evidence = await check_evidence(session, who, given.document_ids)
    wrong.superseded_at, wrong.superseded_by, wrong.superseded_by_name = now, who.subject, who.name
    wrong.superseded_reason = given.reason
    await write(session, {})
    kept = [record for record in records if record is not wrong]
    if given.on is not None:
        right = _record(facility, given.status, given.on, wrong.note, who, now)
        right.document_ids = list(dict.fromkeys([*wrong.document_ids, *evidence]))
        right.corrects_id = wrong.id
        kept.append(right)
    return await _put(session, facility, kept, now)


async def _put(
    session: AsyncSession, facility: Facility, records: Sequence[FacilityStep], now: datetime
) -> Facility:
    """Write the records in force and the days and stage that follow from them."""
    steps = in_order([Step(FacilityStatus(record.status), record.day) for record in records])
    if not is_whole(steps):
        raise StageOutOfOrder
    wrong = misdated(steps, city_day(now))
    if wrong is not None:
        message = "不能晚于今天，也不能早于前一阶段 / must not lie ahead nor before the stage before"
        raise Unprocessable(errors=[FieldError("body.on", "day_out_of_order", f"{wrong.status}: {message}")])
    days = {step.status: step.on for step in steps}
    facility.planned_on = days[FacilityStatus.PLANNED]
    facility.built_on = days.get(FacilityStatus.BUILT)
    facility.opened_on = days.get(FacilityStatus.OPERATING)
    facility.closed_on = days.get(FacilityStatus.CLOSED)
    facility.status = steps[-1].status.value
    openings = [record for record in records if record.status == FacilityStatus.OPERATING.value]
    facility.opening_document_ids = openings[0].document_ids if openings else []
    session.add_all(records)
    await publish_facility(session, facility, now)
    return facility
