"""`/v1/chargers`: chargers of facilities, counted one by one."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.registry.api.days import Today
from services.registry.api.guards import Anyone, Party
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.models import Charger
from services.registry.operations import unit_service
from services.registry.operations import units as operations
from services.registry.queries import units as queries
from services.registry.schemas.fields import Day
from services.registry.schemas.units import (
    ChargerIn,
    ChargerOut,
    ChargersCreate,
    ReinstatementCreate,
    RetirementCreate,
    UnitItems,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/chargers", tags=["facilities"])


async def _only(
    facility_id: Annotated[UUID | None, Query(description="Only this facility's.")] = None,
    at: Annotated[Day | None, Query(description="Only those in service on this day.")] = None,
) -> queries.UnitFilter:
    return queries.UnitFilter(facility_id, at)


@router.post("", status_code=201, summary="登记充电桩 / Register chargers", responses=problems(409))
async def create_chargers(
    who: Party, session: WriteTx, now: Now, today: Today, given: ChargersCreate
) -> UnitItems[ChargerOut]:
    """Make up to 200 chargers of one facility, all or none; each one refused is named in `errors`."""
    made = await operations.create_chargers(session, who, given, now)
    return UnitItems(items=[ChargerOut.at(each, today) for each in made])


@router.get("", summary="充电桩列表 / List chargers")
async def list_chargers(
    _who: Anyone,
    session: ReadTx,
    today: Today,
    only: Annotated[queries.UnitFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ChargerOut]:
    """List chargers, past and coming ones too unless `at` is given."""
    items, following = await queries.page_units(session, Charger, only, cursor, limit)
    return Page(items=[ChargerOut.at(item, only.day or today) for item in items], next_cursor=following)


@router.get("/{charger_id}", summary="充电桩信息 / Read a charger")
async def read_charger(
    _who: Anyone, session: ReadTx, response: Response, today: Today, charger_id: UUID
) -> ChargerOut:
    """Return a charger; `ETag` is its version."""
    found = await queries.get_unit(session, Charger, charger_id)
    response.headers["ETag"] = etag(found.version)
    return ChargerOut.at(found, today)


@router.put("/{charger_id}", summary="更新充电桩 / Replace a charger", responses=problems(409, 412))
async def update_charger(
    who: Party,
    session: WriteTx,
    response: Response,
    now: Now,
    today: Today,
    charger_id: UUID,
    expected: ExpectedVersion,
    given: ChargerIn,
) -> ChargerOut:
    """Replace what a charger is; its facility and the end of its service do not change here."""
    changed = await operations.update_charger(session, who, charger_id, given, expected, now)
    response.headers["ETag"] = etag(changed.version)
    return ChargerOut.at(changed, today)


@router.post("/{charger_id}/retirement", summary="停用充电桩 / Retire a charger", responses=problems(409))
async def retire_charger(
    who: Party, session: WriteTx, now: Now, today: Today, charger_id: UUID, given: RetirementCreate
) -> ChargerOut:
    """Take a charger out of service from a day on; its code can be used again from then."""
    ended = await unit_service.retire_unit(session, who, unit_service.CHARGERS, charger_id, given, now)
    return ChargerOut.at(ended, today)


@router.post(
    "/{charger_id}/reinstatement", summary="恢复充电桩 / Reinstate a charger", responses=problems(409)
)
async def reinstate_charger(
    who: Party, session: WriteTx, now: Now, today: Today, charger_id: UUID, given: ReinstatementCreate
) -> ChargerOut:
    """Undo a retirement that was wrong or is over."""
    back = await unit_service.reinstate_unit(session, who, unit_service.CHARGERS, charger_id, given, now)
    return ChargerOut.at(back, today)
