"""`/v1/loads`: goods shippers want carried."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.matching.api.parties import Firm, Party
from services.matching.operations import loads as operations
from services.matching.queries import loads as queries
from services.matching.schemas.loads import LoadCreate, LoadOut, LoadStatus, show_load
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/loads", tags=["loads"])


@router.post("", status_code=201, summary="发布货源 / Post a load")
async def post_load(who: Firm, session: WriteTx, now: Now, given: LoadCreate) -> LoadOut:
    """Post a load of the caller's active firm; every active firm sees it in a reduced view."""
    return show_load(await operations.post_load(session, who, given, now), full=True)


@router.get("", summary="货源列表 / List loads")
async def list_loads(
    who: Party,
    session: ReadTx,
    status: Annotated[LoadStatus | None, Query(description="Only loads in this state.")] = None,
    own: Annotated[bool | None, Query(description="true: only loads of which the caller is a party.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LoadOut]:
    """List the caller's loads in full and the open loads of others in the reduced view, oldest first."""
    only = queries.LoadFilter(status, own)
    items, following = await queries.page_loads(session, who, only, cursor, limit)
    shown = [show_load(load, full=queries.sees_in_full(who, load)) for load in items]
    return Page(items=shown, next_cursor=following)


@router.get("/{load_id}", summary="货源信息 / Read a load")
async def read_load(who: Party, session: ReadTx, load_id: UUID) -> LoadOut:
    """Return a load in the view the caller may have."""
    load = await queries.get_load(session, who, load_id)
    return show_load(load, full=queries.sees_in_full(who, load))


@router.post("/{load_id}/withdrawal", summary="撤回货源 / Withdraw a load", responses=problems(409))
async def withdraw_load(who: Firm, session: WriteTx, now: Now, load_id: UUID) -> LoadOut:
    """Take back an open load; its open offers lapse."""
    return show_load(await operations.withdraw_load(session, who, load_id, now), full=True)
