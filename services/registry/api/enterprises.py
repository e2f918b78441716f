"""`/v1/enterprises`: firms and their standing."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.registry.api.guards import Official, Party
from services.registry.api.versions import etag
from services.registry.domain.enterprises import Standing
from services.registry.operations.enterprises import change_standing
from services.registry.queries import enterprises as queries
from services.registry.schemas.enterprises import EnterpriseOut, StandingDecision, StandingOut
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/enterprises", tags=["enterprises"])


@router.get("", summary="企业列表 / List enterprises")
async def list_enterprises(
    who: Party,
    session: ReadTx,
    status: Annotated[Standing | None, Query(description="Only these.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EnterpriseOut]:
    """List firms; a firm sees itself."""
    items, following = await queries.page_enterprises(session, who, status, cursor, limit)
    return Page(items=[EnterpriseOut.model_validate(item) for item in items], next_cursor=following)


@router.get("/{enterprise_id}", summary="企业信息 / Read an enterprise")
async def read_enterprise(
    who: Party, session: ReadTx, response: Response, enterprise_id: UUID
) -> EnterpriseOut:
    """Return a firm; `ETag` is its version."""
    enterprise = await queries.get_enterprise(session, who, enterprise_id)
    response.headers["ETag"] = etag(enterprise.version)
    return EnterpriseOut.model_validate(enterprise)


@router.get("/{enterprise_id}/standings", summary="状态变更记录 / Decisions about its standing")
async def list_standings(
    who: Party, session: ReadTx, enterprise_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[StandingOut]:
    """List every decision about a firm's standing: cause and effective time."""
    items, following = await queries.page_standings(session, who, enterprise_id, cursor, limit)
    return Page(items=[StandingOut.model_validate(item) for item in items], next_cursor=following)


@router.post(
    "/{enterprise_id}/suspension", summary="暂停企业 / Suspend an enterprise", responses=problems(409)
)
async def suspend_enterprise(
    who: Official, session: WriteTx, now: Now, enterprise_id: UUID, given: StandingDecision
) -> EnterpriseOut:
    """Suspend an active firm: it may read its own and appeal, nothing else."""
    changed = await change_standing(session, who, enterprise_id, Standing.SUSPENDED, given, now)
    return EnterpriseOut.model_validate(changed)


@router.post(
    "/{enterprise_id}/reinstatement", summary="恢复企业 / Reinstate an enterprise", responses=problems(409)
)
async def reinstate_enterprise(
    who: Official, session: WriteTx, now: Now, enterprise_id: UUID, given: StandingDecision
) -> EnterpriseOut:
    """Lift a suspension."""
    changed = await change_standing(session, who, enterprise_id, Standing.ACTIVE, given, now)
    return EnterpriseOut.model_validate(changed)


@router.post("/{enterprise_id}/closure", summary="注销企业 / Close an enterprise", responses=problems(409))
async def close_enterprise(
    who: Official, session: WriteTx, now: Now, enterprise_id: UUID, given: StandingDecision
) -> EnterpriseOut:
    """Close a firm for good; its clients are disabled."""
    changed = await change_standing(session, who, enterprise_id, Standing.CLOSED, given, now)
    return EnterpriseOut.model_validate(changed)
