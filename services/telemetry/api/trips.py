"""`/v1/trips` and `/v1/daily-mileages`."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx
from services.telemetry.api.reading import Fleet, Stated
from services.telemetry.operations.positions import read_mileages, read_trips
from services.telemetry.queries.trips import MileageFilter, TripFilter
from services.telemetry.schemas.trips import DailyMileageOut, TripOut

router = Router(tags=["trips"])

Vehicle = Annotated[UUID | None, Query(description="Of this vehicle.")]


@router.get("/v1/trips", summary="行程列表 / List trips")
async def list_trips(
    asked: Stated,
    session: ReadTx,
    vehicle_id: Vehicle = None,
    enterprise_id: Fleet = None,
    start: Annotated[Instant | None, Query(alias="from", description="Not over by then.")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="Begun before.")] = None,
    include_retracted: Annotated[bool, Query(description="Those too that a correction withdrew.")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[TripOut]:
    """Page over trips by start; the window is touched by the trip, an open one is under way.

    Offices and police state a purpose, and what they read is on record.
    """
    wanted = TripFilter(vehicle_id, enterprise_id, start, end, include_retracted)
    trips, next_cursor = await read_trips(session, asked, wanted, cursor, limit)
    return Page(items=[TripOut.of(trip) for trip in trips], next_cursor=next_cursor)


@router.get("/v1/daily-mileages", summary="车辆日行驶里程 / List daily mileages")
async def list_daily_mileages(
    asked: Stated,
    session: ReadTx,
    vehicle_id: Vehicle = None,
    enterprise_id: Fleet = None,
    first: Annotated[date | None, Query(alias="from", description="First day, in the city's zone.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last day, in the city's zone.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DailyMileageOut]:
    """Page over vehicles' days; an open day's figures are those so far.

    Offices and police state a purpose, and what they read is on record.
    """
    wanted = MileageFilter(vehicle_id, enterprise_id, first, last)
    days, next_cursor = await read_mileages(session, asked, wanted, cursor, limit)
    return Page(items=[DailyMileageOut.of(day) for day in days], next_cursor=next_cursor)
