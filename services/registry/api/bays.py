"""`/v1/bays`: bays of facilities, counted one by one."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.registry.api.days import Today
from services.registry.api.guards import Anyone, Party
from services.registry.api.layers import Bbox
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.models import Bay
from services.registry.operations import unit_service
from services.registry.operations import units as operations
from services.registry.queries import units as queries
from services.registry.schemas.fields import Day
from services.registry.schemas.units import (
    BayIn,
    BayOut,
    BaysCreate,
    ReinstatementCreate,
    RetirementCreate,
    UnitItems,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/bays", tags=["facilities"])


async def _only(
    box: Bbox,
    facility_id: Annotated[UUID | None, Query(description="Only this facility's.")] = None,
    at: Annotated[Day | None, Query(description="Only those in service on this day.")] = None,
    nev_only: Annotated[bool | None, Query(description="Only those for new-energy vehicles, or not.")] = None,
) -> queries.UnitFilter:
    return queries.UnitFilter(facility_id, at, box, nev_only)


@router.post("", status_code=201, summary="登记泊位 / Register bays", responses=problems(409))
async def create_bays(
    who: Party, session: WriteTx, now: Now, today: Today, given: BaysCreate
) -> UnitItems[BayOut]:
    """Make up to 200 bays of one facility, all or none; each one refused is named in `errors`."""
    made = await operations.create_bays(session, who, given, now)
    return UnitItems(items=[BayOut.at(each, today) for each in made])


@router.get("", summary="泊位列表 / List bays")
async def list_bays(
    _who: Anyone,
    session: ReadTx,
    today: Today,
    only: Annotated[queries.UnitFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[BayOut]:
    """List bays, past and coming ones too unless `at` is given."""
    items, following = await queries.page_units(session, Bay, only, cursor, limit)
    return Page(items=[BayOut.at(item, only.day or today) for item in items], next_cursor=following)


@router.get("/{bay_id}", summary="泊位信息 / Read a bay")
async def read_bay(_who: Anyone, session: ReadTx, response: Response, today: Today, bay_id: UUID) -> BayOut:
    """Return a bay; `ETag` is its version."""
    found = await queries.get_unit(session, Bay, bay_id)
    response.headers["ETag"] = etag(found.version)
    return BayOut.at(found, today)


@router.put("/{bay_id}", summary="更新泊位 / Replace a bay", responses=problems(409, 412))
async def update_bay(
    who: Party,
    session: WriteTx,
    response: Response,
    now: Now,
    today: Today,
    bay_id: UUID,
    expected: ExpectedVersion,
    given: BayIn,
) -> BayOut:
    """Replace what a bay is; its facility and the end of its service do not change here."""
    changed = await operations.update_bay(session, who, bay_id, given, expected, now)
    response.headers["ETag"] = etag(changed.version)
    return BayOut.at(changed, today)


@router.post("/{bay_id}/retirement", summary="停用泊位 / Retire a bay", responses=problems(409))
async def retire_bay(
    who: Party, session: WriteTx, now: Now, today: Today, bay_id: UUID, given: RetirementCreate
) -> BayOut:
    """Take a bay out of service from a day on; its code can be used again from then."""
    ended = await unit_service.retire_unit(session, who, unit_service.BAYS, bay_id, given, now)
    return BayOut.at(ended, today)


@router.post("/{bay_id}/reinstatement", summary="恢复泊位 / Reinstate a bay", responses=problems(409))
async def reinstate_bay(
    who: Party, session: WriteTx, now: Now, today: Today, bay_id: UUID, given: ReinstatementCreate
) -> BayOut:
    """Undo a retirement that was wrong or is over."""
    back = await unit_service.reinstate_unit(session, who, unit_service.BAYS, bay_id, given, now)
    return BayOut.at(back, today)
