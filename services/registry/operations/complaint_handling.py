"""How complaints are handled: taken up, given to another official, put to the firm, answered, closed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.complaints import ComplaintStatus, is_in_hand, may_follow
from services.registry.errors import ComplaintStep, ComplaintUnmatched
from services.registry.models import Complaint
from services.registry.operations.complaints import add_step
from services.registry.operations.documents import check_evidence
from services.registry.operations.recording import record_complaint
from services.registry.operations.versions import check_version
from services.registry.queries.complaints import find_enterprise, find_handler, find_vehicle, get_complaint
from services.registry.queries.enterprises import get_open_enterprise
from services.registry.schemas.complaints import (
    AcceptanceCreate,
    ComplaintAcceptanceCreate,
    FirmStatementCreate,
    OutcomeCreate,
    StatementRequestCreate,
)
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable


async def accept_complaint(
    session: AsyncSession,
    official: Principal,
    complaint_id: UUID,
    given: ComplaintAcceptanceCreate,
    expected: int | None,
    now: datetime,
) -> Complaint:
    """Take a complaint up, for oneself or another official; say what it is about where that was not found.

    Raises:
        NotFound: No such complaint.
        PreconditionFailed: `expected` is not its version.
        ComplaintStep: It was taken up before.
        Unprocessable: No such official, firm or registration.
    """
    complaint = await _taken(session, official, complaint_id, expected)
    _step(complaint, ComplaintStatus.ACCEPTED)
    await _put_right(session, complaint, given)
    complaint.accepted_at = now
    return await _assign(session, official, complaint, given, "accepted", now)


async def assign_complaint(
    session: AsyncSession,
    official: Principal,
    complaint_id: UUID,
    given: AcceptanceCreate,
    expected: int | None,
    now: datetime,
) -> Complaint:
    """Give a complaint that is in hand to another official, or take it over.

    Raises:
        NotFound: No such complaint.
        PreconditionFailed: `expected` is not its version.
        ComplaintStep: It is not in hand.
        Unprocessable: No such official.
    """
    complaint = await _taken(session, official, complaint_id, expected)
    if not is_in_hand(complaint.status):
        raise ComplaintStep
    return await _assign(session, official, complaint, given, "assigned", now)


async def _taken(
    session: AsyncSession, official: Principal, complaint_id: UUID, expected: int | None
) -> Complaint:
    complaint = await get_complaint(session, official, complaint_id, lock=True)
    check_version(complaint, expected)
    return complaint


def _step(complaint: Complaint, target: ComplaintStatus) -> None:
    if not may_follow(complaint.status, target):
        raise ComplaintStep
    complaint.status = target.value


async def _assign(
    session: AsyncSession,
    official: Principal,
    complaint: Complaint,
    given: AcceptanceCreate,
    kind: str,
    now: datetime,
) -> Complaint:
    complaint.handler_id, complaint.handler_name = official.subject, official.name
    if given.handler_id is not None and str(given.handler_id) != official.subject:
        handler = await find_handler(session, given.handler_id)
        if handler is None:
            raise _unknown("handler_id", "没有这名工作人员 / no such official")
        complaint.handler_id, complaint.handler_name = str(handler.id), handler.display_name
    await record_complaint(session, complaint, now)
    await add_step(session, complaint, kind, now, (official.subject, official.name), given.note)
    return complaint


async def _put_right(session: AsyncSession, complaint: Complaint, given: ComplaintAcceptanceCreate) -> None:
    """Say what of the registry a complaint is about; a registration brings its firm with it."""
    if given.vehicle_id is not None:
        vehicle = await find_vehicle(session, given.vehicle_id)
        if vehicle is None or given.enterprise_id not in {None, vehicle.enterprise_id}:
            raise _unknown("vehicle_id", "没有这辆车，或不属于该企业 / no such vehicle, or not of this firm")
        complaint.vehicle_id, complaint.enterprise_id = vehicle.id, vehicle.enterprise_id
    elif given.enterprise_id is not None:
        if await find_enterprise(session, given.enterprise_id) is None:
            raise _unknown("enterprise_id", "没有这家企业 / no such firm")
        if given.enterprise_id != complaint.enterprise_id:
            complaint.vehicle_id, complaint.enterprise_id = None, given.enterprise_id


def _unknown(field: str, message: str) -> Unprocessable:
    return Unprocessable(errors=[FieldError(f"body.{field}", f"{field}_unknown", message)])


async def request_statement(
    session: AsyncSession,
    official: Principal,
    complaint_id: UUID,
    given: StatementRequestCreate,
    expected: int | None,
    now: datetime,
) -> Complaint:
    """Put a complaint to the firm, which sees it from now on.

    Raises:
        NotFound: No such complaint.
        PreconditionFailed: `expected` is not its version.
        ComplaintUnmatched: No firm of the registry is known.
        ComplaintStep: It is not in hand, or the firm has been asked and has not answered.
    """
    complaint = await _taken(session, official, complaint_id, expected)
    if complaint.enterprise_id is None:
        raise ComplaintUnmatched
    _step(complaint, ComplaintStatus.FORWARDED)
    complaint.forwarded_at = complaint.forwarded_at or now
    complaint.request_text = given.text
    await record_complaint(session, complaint, now)
    await add_step(session, complaint, "forwarded", now, (official.subject, official.name), given.text)
    return complaint


async def give_statement(
    session: AsyncSession, who: Principal, complaint_id: UUID, given: FirmStatementCreate, now: datetime
) -> Complaint:
    """Keep the firm's side; a suspended firm may give it too.

    Raises:
        NotFound: Unknown, another's, or not forwarded.
        EnterpriseSuspended: The firm is closed.
        ComplaintStep: The firm is not being asked.
        Unprocessable: A document is unknown or another's.
    """
    complaint = await get_complaint(session, who, complaint_id, lock=True)
    _step(complaint, ComplaintStatus.ANSWERED)
    if complaint.enterprise_id is not None:
        await get_open_enterprise(session, complaint.enterprise_id)
    complaint.statement_document_ids = await check_evidence(session, who, given.document_ids)
    complaint.statement_text, complaint.answered_at = given.text, now
    await record_complaint(session, complaint, now)
    await add_step(session, complaint, "answered", now, (who.subject, who.name), given.text)
    return complaint


async def close_complaint(
    session: AsyncSession,
    official: Principal,
    complaint_id: UUID,
    given: OutcomeCreate,
    expected: int | None,
    now: datetime,
) -> Complaint:
    """Close a complaint with its outcome; final.

    Raises:
        NotFound: No such complaint.
        PreconditionFailed: `expected` is not its version.
        ComplaintStep: It is not in hand.
    """
    complaint = await _taken(session, official, complaint_id, expected)
    _step(complaint, ComplaintStatus.CLOSED)
    complaint.outcome, complaint.measures, complaint.reply = given.outcome.value, given.measures, given.reply
    complaint.decided_by, complaint.decided_by_name = official.subject, official.name
    complaint.decided_at = now
    await record_complaint(session, complaint, now)
    await add_step(session, complaint, "closed", now, (official.subject, official.name), given.reply)
    return complaint
