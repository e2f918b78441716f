"""`/v1/position-readings`: who read where vehicles were, shown to their owner."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx
from services.telemetry.queries.readings import ReadingFilter, page_readings
from services.telemetry.schemas.readings import PositionReadingOut

router = Router(tags=["positions"])

_ONLY = (
    "Only where this vehicle was asked for by name. What showed it by box, map, stream, nearby, fleet or list"
    " names no vehicles and is left out: read the firm's entries without this."
)
Owner = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]


@router.get("/v1/position-readings", summary="位置查阅记录 / Who read positions")
async def list_position_readings(
    who: Owner,
    session: ReadTx,
    vehicle_id: Annotated[UUID | None, Query(description=_ONLY)] = None,
    start: Annotated[Instant | None, Query(alias="from", description="Read from then on.")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="Read before.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PositionReadingOut]:
    """Page over readings of positions, oldest first; a firm sees those that concern its vehicles.

    A reading that showed vehicles of several firms is one entry for each.
    """
    wanted = ReadingFilter(vehicle_id, start, end)
    items, following = await page_readings(session, who, wanted, cursor, limit)
    return Page(items=items, next_cursor=following)
