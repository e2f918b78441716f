"""`/v1/complaints`: what anybody says about a firm or a vehicle, and what became of it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.registry.api.applications import ShownCode
from services.registry.api.guards import Bureau, Firm, Party, Reviewer
from services.registry.api.limits import complain, open_to_everyone
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.domain.complaints import ComplaintCategory, ComplaintOutcome, ComplaintStatus
from services.registry.operations import complaint_handling as handling
from services.registry.operations import complaints as operations
from services.registry.queries import complaints as queries
from services.registry.schemas.complaints import (
    AcceptanceCreate,
    ComplaintAcceptanceCreate,
    ComplaintContactOut,
    ComplaintCreate,
    ComplaintEventOut,
    ComplaintOut,
    ComplaintProgressOut,
    ComplaintReceipt,
    FirmStatementCreate,
    OutcomeCreate,
    StatementRequestCreate,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import SECRET_FIELDS, Router, problems
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/complaints", tags=["complaints"])


async def _only(
    status: Annotated[ComplaintStatus | None, Query(description="Only these.")] = None,
    category: Annotated[ComplaintCategory | None, Query(description="Only this category.")] = None,
    outcome: Annotated[ComplaintOutcome | None, Query(description="Only with this outcome.")] = None,
    enterprise_id: Annotated[UUID | None, Query(description="Only about this firm.")] = None,
    vehicle_id: Annotated[UUID | None, Query(description="Only about this registration.")] = None,
    handler_id: Annotated[UUID | None, Query(description="Only handled by this staff account.")] = None,
    submitted_from: Annotated[Instant | None, Query(description="Not earlier.")] = None,
    submitted_to: Annotated[Instant | None, Query(description="Earlier than this.")] = None,
) -> queries.ComplaintFilter:
    return queries.ComplaintFilter(
        status and status.value,
        category and category.value,
        outcome and outcome.value,
        enterprise_id,
        vehicle_id,
        str(handler_id) if handler_id else None,
        submitted_from,
        submitted_to,
    )


@router.post(
    "",
    status_code=201,
    summary="投诉 / Complain",
    dependencies=[Depends(complain)],
    openapi_extra={SECRET_FIELDS: ["reference_code"]},
)
async def submit_complaint(
    session: WriteTx, now: Now, request: Request, given: ComplaintCreate
) -> ComplaintReceipt:
    """Complain about a firm or a vehicle; open to everyone, rate-limited.

    Keep the reference code: it is shown this once. The answer tells nothing about the registry.
    """
    return await operations.submit_complaint(session, request.app.state.vault, given, now)


@router.get(
    "/{complaint_id}/progress",
    summary="查询投诉进度 / How far it is",
    dependencies=[Depends(open_to_everyone)],
)
async def read_progress(
    session: ReadTx, complaint_id: UUID, reference_code: ShownCode
) -> ComplaintProgressOut:
    """Tell the complainant how far it is; open to whoever shows the reference code."""
    return queries.show_progress(await queries.get_own_complaint(session, complaint_id, reference_code))


@router.post(
    "/{complaint_id}/contact-erasure",
    summary="删除投诉人联系方式 / Erase the contact",
    dependencies=[Depends(open_to_everyone)],
)
async def erase_contact(
    session: WriteTx, now: Now, request: Request, complaint_id: UUID, reference_code: ShownCode
) -> ComplaintProgressOut:
    """Destroy the complainant's name and number for good; open to whoever shows the reference code."""
    vault = request.app.state.vault
    return await operations.erase_contact(session, vault, complaint_id, reference_code, now)


@router.get("", summary="投诉列表 / List complaints")
async def list_complaints(
    who: Party,
    session: ReadTx,
    only: Annotated[queries.ComplaintFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ComplaintOut]:
    """List complaints; a firm sees those about itself once they were put to it."""
    items, following = await queries.page_complaints(session, who, only, cursor, limit)
    return Page(items=[ComplaintOut.model_validate(item) for item in items], next_cursor=following)


@router.get("/{complaint_id}", summary="投诉 / Read a complaint")
async def read_complaint(who: Party, session: ReadTx, response: Response, complaint_id: UUID) -> ComplaintOut:
    """Return a complaint; `ETag` is its version."""
    complaint = await queries.get_complaint(session, who, complaint_id)
    response.headers["ETag"] = etag(complaint.version)
    return ComplaintOut.model_validate(complaint)


@router.get("/{complaint_id}/events", summary="办理记录 / Steps of the handling")
async def list_complaint_events(
    who: Bureau, session: ReadTx, complaint_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[ComplaintEventOut]:
    """List every step: what, by whom, when, with its text."""
    items, following = await queries.page_complaint_events(session, who, complaint_id, cursor, limit)
    return Page(items=[ComplaintEventOut.model_validate(item) for item in items], next_cursor=following)


@router.get("/{complaint_id}/contact", summary="投诉人联系方式（脱敏） / The contact, masked")
async def read_contact(
    who: Bureau, session: ReadTx, request: Request, complaint_id: UUID
) -> ComplaintContactOut:
    """Return the complainant's contact, masked."""
    complaint = await queries.get_complaint(session, who, complaint_id)
    return await queries.show_contact(session, request.app.state.vault, complaint)


@router.post(
    "/{complaint_id}/acceptance", summary="受理投诉 / Take a complaint up", responses=problems(409, 412)
)
async def accept_complaint(
    who: Reviewer,
    session: WriteTx,
    now: Now,
    complaint_id: UUID,
    expected: ExpectedVersion,
    given: ComplaintAcceptanceCreate,
) -> ComplaintOut:
    """Take a complaint up, for oneself or another official; say what it is about where that is not known."""
    complaint = await handling.accept_complaint(session, who, complaint_id, given, expected, now)
    return ComplaintOut.model_validate(complaint)


@router.post(
    "/{complaint_id}/assignment", summary="转办投诉 / Give to another official", responses=problems(409, 412)
)
async def assign_complaint(
    who: Reviewer,
    session: WriteTx,
    now: Now,
    complaint_id: UUID,
    expected: ExpectedVersion,
    given: AcceptanceCreate,
) -> ComplaintOut:
    """Give a complaint that is in hand to another official, or take it over."""
    complaint = await handling.assign_complaint(session, who, complaint_id, given, expected, now)
    return ComplaintOut.model_validate(complaint)


@router.post(
    "/{complaint_id}/statement-request",
    summary="要求企业说明 / Ask the firm",
    responses=problems(409, 412),
)
async def request_statement(
    who: Reviewer,
    session: WriteTx,
    now: Now,
    complaint_id: UUID,
    expected: ExpectedVersion,
    given: StatementRequestCreate,
) -> ComplaintOut:
    """Put the complaint to the firm, which sees its text from now on, never the complainant."""
    complaint = await handling.request_statement(session, who, complaint_id, given, expected, now)
    return ComplaintOut.model_validate(complaint)


@router.post("/{complaint_id}/statement", summary="企业说明 / The firm's statement", responses=problems(409))
async def give_statement(
    who: Firm, session: WriteTx, now: Now, complaint_id: UUID, given: FirmStatementCreate
) -> ComplaintOut:
    """Answer the office's question; a suspended firm may too."""
    return ComplaintOut.model_validate(await handling.give_statement(session, who, complaint_id, given, now))


@router.post("/{complaint_id}/outcome", summary="投诉办结 / Close a complaint", responses=problems(409, 412))
async def close_complaint(
    who: Reviewer,
    session: WriteTx,
    now: Now,
    complaint_id: UUID,
    expected: ExpectedVersion,
    given: OutcomeCreate,
) -> ComplaintOut:
    """Close the complaint with its outcome, the measures, and the answer to the complainant."""
    complaint = await handling.close_complaint(session, who, complaint_id, given, expected, now)
    return ComplaintOut.model_validate(complaint)
