"""`/v1/visits`, `/v1/ingest-accounting`, `/v1/ingest-totals`."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.errors import FieldError
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx
from services.shared.standards.zones import city_day
from services.telemetry.api.reading import Stated
from services.telemetry.errors import RangeTooLong
from services.telemetry.operations.positions import read_visits
from services.telemetry.queries.records import VisitFilter, page_accounting, page_totals
from services.telemetry.schemas.positions import AccountOut, TotalOut, VisitOut

router = Router(tags=["records"])

Owner = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]
_WEEK, _LONGEST = timedelta(days=6), timedelta(days=30)
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
Number = Annotated[
    str | None, Query(max_length=32, pattern=r"^[A-Za-z0-9_-]+$", description="Of this terminal.")
]


@router.get("/v1/visits", summary="进出记录 / List visits")
async def list_visits(
    asked: Stated,
    session: ReadTx,
    vehicle_id: Annotated[UUID | None, Query(description="Of this vehicle.")] = None,
    area_id: Annotated[UUID | None, Query(description="To this area.")] = None,
    start: Annotated[Instant | None, Query(alias="from", description="Not over by then.")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="Begun before.")] = None,
    include_retracted: Annotated[bool, Query(description="Those too that a correction withdrew.")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[VisitOut]:
    """Page over visits by time of entering; the window is touched by the visit.

    Offices and police state a purpose, and what they read is on record.
    """
    wanted = VisitFilter(vehicle_id, area_id, start, end, include_retracted)
    visits, next_cursor = await read_visits(session, asked, wanted, cursor, limit)
    return Page(items=[VisitOut.model_validate(visit) for visit in visits], next_cursor=next_cursor)


@router.get("/v1/ingest-accounting", summary="接入核算 / Accounts by terminal and day")
async def list_accounting(
    who: Owner,
    session: ReadTx,
    terminal_number: Number = None,
    day: Annotated[date | None, Query(description="Day of reception in the city's zone.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AccountOut]:
    """Page over received = stored + duplicate + quarantined, per terminal and day."""
    rows, next_cursor = await page_accounting(session, who, terminal_number, day, cursor, limit)
    return Page(items=[AccountOut.model_validate(row) for row in rows], next_cursor=next_cursor)


async def _days(
    now: Now,
    start: Annotated[date | None, Query(alias="from", description="Default: a week before `to`.")] = None,
    end: Annotated[date | None, Query(alias="to", description="The last day; default today.")] = None,
) -> tuple[date, date]:
    last = end or city_day(now)
    is_ours = _FIRST_DAY <= last <= _LAST_DAY
    first = start or (last - _WEEK if is_ours else last)
    if not is_ours or not timedelta(0) <= last - first <= _LONGEST:
        fault = FieldError(
            "query.from", "window", "至多31天 / at most 31 days of 2000 to 2099, `from` not after `to`"
        )
        raise RangeTooLong(errors=[fault])
    return first, last


@router.get("/v1/ingest-totals", summary="接入合计 / Totals by day and firm")
async def list_totals(
    who: Owner,
    session: ReadTx,
    days: Annotated[tuple[date, date], Depends(_days)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[TotalOut]:
    """Page over the sums of the accounting over all terminals of a firm, by day."""
    rows, next_cursor = await page_totals(session, who, days, cursor, limit)
    return Page(items=[TotalOut.model_validate(row) for row in rows], next_cursor=next_cursor)
