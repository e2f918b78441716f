"""`/v1/waybills`: what was agreed, and what happened to it."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.matching.api.parties import Firm, Party
from services.matching.operations import waybills as operations
from services.matching.queries import waybills as queries
from services.matching.schemas.waybills import (
    WaybillEventCreate,
    WaybillEventOut,
    WaybillOut,
    WaybillStatusText,
    show_waybill,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/waybills", tags=["waybills"])


@router.get("", summary="运单列表 / List waybills")
async def list_waybills(
    who: Party,
    session: ReadTx,
    status: Annotated[WaybillStatusText | None, Query(description="Only waybills in this state.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[WaybillOut]:
    """List the waybills of which the caller is shipper or carrier, oldest first; a bureau sees all."""
    items, following = await queries.page_waybills(session, who, status, cursor, limit)
    loads = await queries.get_loads_of(session, who, items)
    return Page(items=[show_waybill(w, loads[w.load_id]) for w in items], next_cursor=following)


@router.get("/{waybill_id}", summary="运单信息 / Read a waybill")
async def read_waybill(who: Party, session: ReadTx, response: Response, waybill_id: UUID) -> WaybillOut:
    """Return a waybill; `ETag` is its version."""
    waybill = await queries.get_waybill(session, who, waybill_id)
    loads = await queries.get_loads_of(session, who, [waybill])
    response.headers["ETag"] = f'"{waybill.version}"'
    return show_waybill(waybill, loads[waybill.load_id])


@router.post(
    "/{waybill_id}/events",
    status_code=201,
    summary="上报运单事件 / Report a waybill event",
    responses=problems(409),
)
async def report_event(
    who: Firm, session: WriteTx, now: Now, waybill_id: UUID, given: WaybillEventCreate
) -> WaybillEventOut:
    """Report what happened: loaded, departed, arrived (carrier), signed, cancelled (either party).

    Cancelling is possible before departure. 409 `event-out-of-order` says what does not fit.
    """
    return WaybillEventOut.model_validate(await operations.report_event(session, who, waybill_id, given, now))


@router.get("/{waybill_id}/events", summary="运单事件列表 / List a waybill's events")
async def list_events(
    who: Party, session: ReadTx, waybill_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[WaybillEventOut]:
    """List a waybill's events in the order they were recorded."""
    items, following = await queries.page_events(session, who, waybill_id, cursor, limit)
    return Page(items=[WaybillEventOut.model_validate(item) for item in items], next_cursor=following)
