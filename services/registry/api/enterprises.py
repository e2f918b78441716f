"""`/v1/enterprises`: firms and their standing."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from services.registry.api.guards import Official, Party, Registrar
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.domain.enterprises import Standing
from services.registry.operations import enterprises as operations
from services.registry.queries import enterprises as queries
from services.registry.queries.contacts import show_enterprises
from services.registry.schemas.enterprises import (
    EnterpriseOut,
    EnterpriseUpdate,
    MembershipCreate,
    StandingDecision,
    StandingOut,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/enterprises", tags=["enterprises"])


@router.get("", summary="企业列表 / List enterprises")
async def list_enterprises(
    who: Party,
    session: ReadTx,
    request: Request,
    status: Annotated[Standing | None, Query(description="Only these.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EnterpriseOut]:
    """List firms; a firm sees itself."""
    items, following = await queries.page_enterprises(session, who, status, cursor, limit)
    shown = await show_enterprises(session, request.app.state.vault, items)
    return Page(items=shown, next_cursor=following)


@router.get("/{enterprise_id}", summary="企业信息 / Read an enterprise")
async def read_enterprise(
    who: Party, session: ReadTx, request: Request, response: Response, enterprise_id: UUID
) -> EnterpriseOut:
    """Return a firm; `ETag` is its version."""
    enterprise = await queries.get_enterprise(session, who, enterprise_id)
    response.headers["ETag"] = etag(enterprise.version)
    return (await show_enterprises(session, request.app.state.vault, [enterprise]))[0]


@router.put(
    "/{enterprise_id}", summary="更新企业信息 / Replace a firm's particulars", responses=problems(412)
)
async def update_enterprise(
    who: Registrar,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    enterprise_id: UUID,
    expected: ExpectedVersion,
    given: EnterpriseUpdate,
) -> EnterpriseOut:
    """Replace name, kind, address and contacts; a group that changed is self-declared again."""
    vault = request.app.state.vault
    enterprise = await operations.update_enterprise(session, vault, who, enterprise_id, given, expected, now)
    response.headers["ETag"] = etag(enterprise.version)
    return (await show_enterprises(session, vault, [enterprise]))[0]


@router.post("/{enterprise_id}/membership", summary="示范工程成员 / Membership in the programme")
async def set_membership(
    _who: Official, session: WriteTx, request: Request, now: Now, enterprise_id: UUID, given: MembershipCreate
) -> EnterpriseOut:
    """Say since and until when a firm is a member of the programme."""
    enterprise = await operations.set_membership(session, enterprise_id, given, now)
    return (await show_enterprises(session, request.app.state.vault, [enterprise]))[0]


@router.get("/{enterprise_id}/standings", summary="状态变更记录 / Decisions about its standing")
async def list_standings(
    who: Party, session: ReadTx, enterprise_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[StandingOut]:
    """List every decision about a firm's standing: cause, effective time, and who decided."""
    items, following = await queries.page_standings(session, who, enterprise_id, cursor, limit)
    return Page(items=[StandingOut.model_validate(item) for item in items], next_cursor=following)


@router.post(
    "/{enterprise_id}/suspension", summary="暂停企业 / Suspend an enterprise", responses=problems(409)
)
async def suspend_enterprise(
    who: Official, session: WriteTx, request: Request, now: Now, enterprise_id: UUID, given: StandingDecision
) -> EnterpriseOut:
    """Suspend an active firm: it may read its own and appeal, nothing else."""
    changed = await operations.change_standing(session, who, enterprise_id, Standing.SUSPENDED, given, now)
    return (await show_enterprises(session, request.app.state.vault, [changed]))[0]


@router.post(
    "/{enterprise_id}/reinstatement", summary="恢复企业 / Reinstate an enterprise", responses=problems(409)
)
async def reinstate_enterprise(
    who: Official, session: WriteTx, request: Request, now: Now, enterprise_id: UUID, given: StandingDecision
) -> EnterpriseOut:
    """Lift a suspension."""
    changed = await operations.change_standing(session, who, enterprise_id, Standing.ACTIVE, given, now)
    return (await show_enterprises(session, request.app.state.vault, [changed]))[0]


@router.post("/{enterprise_id}/closure", summary="注销企业 / Close an enterprise", responses=problems(409))
async def close_enterprise(
    who: Official, session: WriteTx, request: Request, now: Now, enterprise_id: UUID, given: StandingDecision
) -> EnterpriseOut:
    """Close a firm for good; its clients are disabled."""
    changed = await operations.change_standing(session, who, enterprise_id, Standing.CLOSED, given, now)
    return (await show_enterprises(session, request.app.state.vault, [changed]))[0]
