"""`/v1/staff-accounts` and `/v1/staff-sessions`: named officials."""

from uuid import UUID

from fastapi import Depends, Request, Response

from services.registry.api.guards import Administrator
from services.registry.api.limits import sign_in
from services.registry.operations import principals
from services.registry.operations.sign_in import sign_in_staff
from services.registry.queries.principals import page_staff_accounts
from services.registry.schemas.clients import TokenOut
from services.registry.schemas.staff import (
    StaffAccountCreate,
    StaffAccountCreated,
    StaffAccountOut,
    StaffSessionCreate,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import SECRET_FIELDS, Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(tags=["staff"])


@router.post(
    "/v1/staff-sessions",
    status_code=201,
    summary="工作人员登录 / Sign in",
    dependencies=[Depends(sign_in)],
    responses=problems(401, 429),
)
async def create_staff_session(
    request: Request, response: Response, now: Now, given: StaffSessionCreate
) -> TokenOut:
    """Give a named official an access token; unknown user and wrong password answer alike."""
    response.headers["Cache-Control"] = "no-store"
    state = request.app.state
    return await sign_in_staff(state.database, state.passwords, state.issuer, given, now)


@router.post(
    "/v1/staff-accounts",
    status_code=201,
    summary="创建工作人员账号 / Create a staff account",
    openapi_extra={SECRET_FIELDS: ["password"]},
    responses=problems(409),
)
async def create_staff_account(
    _who: Administrator, session: WriteTx, now: Now, request: Request, given: StaffAccountCreate
) -> StaffAccountCreated:
    """Make an account; its generated password is shown this once."""
    return await principals.create_staff_account(session, request.app.state.passwords, given, now)


@router.get("/v1/staff-accounts", summary="工作人员账号列表 / List staff accounts")
async def list_staff_accounts(
    _who: Administrator, session: ReadTx, cursor: Cursor = None, limit: Limit = 50
) -> Page[StaffAccountOut]:
    """List staff accounts."""
    items, following = await page_staff_accounts(session, cursor, limit)
    return Page(items=[StaffAccountOut.model_validate(item) for item in items], next_cursor=following)


@router.post("/v1/staff-accounts/{account_id}/disablement", summary="停用账号 / Disable a staff account")
async def disable_staff_account(
    _who: Administrator, session: WriteTx, now: Now, account_id: UUID
) -> StaffAccountOut:
    """Disable the account for ever; its tokens end at once."""
    return StaffAccountOut.model_validate(await principals.disable_staff_account(session, account_id, now))
