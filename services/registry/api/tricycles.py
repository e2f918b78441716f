"""`/v1/tricycles`: express tricycles in a namespace of their own."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.registry.api.guards import Party, TricycleKeeper, TricycleOfficial
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.domain.tricycles import TricycleStatus
from services.registry.models import Tricycle
from services.registry.operations import tricycles as operations
from services.registry.queries import tricycles as queries
from services.registry.schemas.tricycles import (
    FilingCreate,
    InspectionCreate,
    RetirementCreate,
    RiderAssignment,
    TricycleCreate,
    TricycleOut,
    TricycleUpdate,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.schemas import Code
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/tricycles", tags=["tricycles"])


async def _only(
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
    status: Annotated[TricycleStatus | None, Query(description="Only these.")] = None,
    code: Annotated[Code | None, Query(description="Only the one with this filing number.")] = None,
    rider_id: Annotated[UUID | None, Query(description="Only the one this person rides.")] = None,
) -> queries.TricycleFilter:
    return queries.TricycleFilter(enterprise_id, status, code, rider_id)


async def _shown(
    request: Request, response: Response, session: ReadTx, tricycle: Tricycle, now: Now
) -> TricycleOut:
    response.headers["ETag"] = etag(tricycle.version)
    return (await queries.show_tricycles(session, request.app.state.checklists, [tricycle], now))[0]


@router.post("", status_code=201, summary="登记快递三轮车 / Register a tricycle", responses=problems(409))
async def register_tricycle(
    who: TricycleKeeper,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    given: TricycleCreate,
) -> TricycleOut:
    """Register a tricycle of an active firm, to be filed by an official.

    409 `tricycle-number-taken`: another one has its frame number, tag or terminal; whose is not told.
    """
    tricycle = await operations.register_tricycle(session, who, given, now)
    return await _shown(request, response, session, tricycle, now)


@router.get("", summary="快递三轮车列表 / List tricycles")
async def list_tricycles(
    who: Party,
    session: ReadTx,
    request: Request,
    now: Now,
    only: Annotated[queries.TricycleFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[TricycleOut]:
    """List tricycles, retired ones too; a firm sees its own."""
    items, following = await queries.page_tricycles(session, who, only, cursor, limit)
    shown = await queries.show_tricycles(session, request.app.state.checklists, items, now)
    return Page(items=shown, next_cursor=following)


@router.get("/{tricycle_id}", summary="快递三轮车信息 / Read a tricycle")
async def read_tricycle(
    who: Party, session: ReadTx, request: Request, response: Response, now: Now, tricycle_id: UUID
) -> TricycleOut:
    """Return a tricycle and how it stands to the checklist; `ETag` is its version."""
    tricycle = await queries.get_tricycle(session, who, tricycle_id)
    return await _shown(request, response, session, tricycle, now)


@router.put("/{tricycle_id}", summary="更新快递三轮车 / Replace its properties", responses=problems(409, 412))
async def update_tricycle(
    who: TricycleKeeper,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    tricycle_id: UUID,
    expected: ExpectedVersion,
    given: TricycleUpdate,
) -> TricycleOut:
    """Replace what a tricycle is and has; filing, rider and inspection are steps of their own."""
    tricycle = await operations.update_tricycle(session, who, tricycle_id, given, expected, now)
    return await _shown(request, response, session, tricycle, now)


@router.post("/{tricycle_id}/filing", summary="备案 / File a tricycle", responses=problems(409))
async def file_tricycle(
    who: TricycleOfficial,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    tricycle_id: UUID,
    given: FilingCreate,
    expected: ExpectedVersion,
) -> TricycleOut:
    """Give a tricycle its filing number, by a named official of the transport or postal bureau."""
    tricycle = await operations.file_tricycle(session, who, tricycle_id, given, expected, now)
    return await _shown(request, response, session, tricycle, now)


@router.post("/{tricycle_id}/inspection", summary="检查 / Inspect a tricycle", responses=problems(409))
async def inspect_tricycle(
    who: TricycleOfficial,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    tricycle_id: UUID,
    given: InspectionCreate,
    expected: ExpectedVersion,
) -> TricycleOut:
    """Record what an official found: compliance, the annual check, violations."""
    tricycle = await operations.inspect_tricycle(session, who, tricycle_id, given, expected, now)
    return await _shown(request, response, session, tricycle, now)


@router.post("/{tricycle_id}/rider", summary="指定骑手 / Assign the rider", responses=problems(409))
async def assign_rider(
    who: TricycleKeeper,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    tricycle_id: UUID,
    given: RiderAssignment,
) -> TricycleOut:
    """Put a rider of the same firm on a tricycle, or nobody: one person, one tricycle 一人一车."""
    tricycle = await operations.assign_rider(session, who, tricycle_id, given, now)
    return await _shown(request, response, session, tricycle, now)


@router.post("/{tricycle_id}/retirement", summary="注销 / Retire a tricycle", responses=problems(409))
async def retire_tricycle(
    who: TricycleKeeper,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    tricycle_id: UUID,
    given: RetirementCreate,
) -> TricycleOut:
    """Retire a tricycle for good; rider, frame number, tag and terminal are free, its number is not."""
    tricycle = await operations.retire_tricycle(session, who, tricycle_id, given, now)
    return await _shown(request, response, session, tricycle, now)
