"""`/v1/permit-applications`."""

from typing import Annotated

from fastapi import Query

from services.permits.api.callers import Applicant, Party, PoliceOfficial
from services.permits.models import PermitApplication
from services.permits.operations.applications import (
    approve_application,
    reject_application,
    submit_application,
    withdraw_application,
)
from services.permits.queries.permits import get_application, page_applications
from services.permits.schemas.permits import (
    ApplicationStatus,
    ApprovalIn,
    PermitApplicationCreate,
    PermitApplicationOut,
    ReasonIn,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.schemas import Identifier
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/permit-applications", tags=["permit-applications"])


@router.post(
    "",
    status_code=201,
    response_model=PermitApplicationOut,
    responses=problems(409),
    summary="申请通行证 / Apply for a permit",
)
async def create_permit_application(
    who: Applicant, session: WriteTx, body: PermitApplicationCreate, now: Now
) -> PermitApplication:
    """Apply for a permit for one of the enterprise's vehicles."""
    return await submit_application(session, who, body, now)


@router.get(
    "", response_model=Page[PermitApplicationOut], summary="通行证申请列表 / List permit applications"
)
async def list_permit_applications(
    who: Party,
    session: ReadTx,
    status: Annotated[ApplicationStatus | None, Query(description="Only with this status.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> object:
    """List applications: an enterprise its own, offices all."""
    items, following = await page_applications(session, who, status=status, cursor=cursor, limit=limit)
    return {"items": items, "next_cursor": following}


@router.get(
    "/{application_id}", response_model=PermitApplicationOut, summary="通行证申请 / Read a permit application"
)
async def read_permit_application(
    who: Party, session: ReadTx, application_id: Identifier
) -> PermitApplication:
    """Read one application."""
    return await get_application(session, who, application_id)


@router.post(
    "/{application_id}/approval",
    response_model=PermitApplicationOut,
    responses=problems(409),
    summary="批准申请 / Approve an application",
)
async def approve_permit_application(
    official: PoliceOfficial, session: WriteTx, application_id: Identifier, body: ApprovalIn, now: Now
) -> PermitApplication:
    """Grant the permit; a named official of the police."""
    return await approve_application(session, official, application_id, body, now)


@router.post(
    "/{application_id}/rejection",
    response_model=PermitApplicationOut,
    responses=problems(409),
    summary="驳回申请 / Reject an application",
)
async def reject_permit_application(
    official: PoliceOfficial, session: WriteTx, application_id: Identifier, body: ReasonIn, now: Now
) -> PermitApplication:
    """Refuse the application; a named official of the police."""
    return await reject_application(session, official, application_id, body, now)


@router.post(
    "/{application_id}/withdrawal",
    response_model=PermitApplicationOut,
    responses=problems(409),
    summary="撤回申请 / Withdraw an application",
)
async def withdraw_permit_application(
    who: Applicant, session: WriteTx, application_id: Identifier, body: ReasonIn, now: Now
) -> PermitApplication:
    """Take the application back."""
    return await withdraw_application(session, who, application_id, body, now)
