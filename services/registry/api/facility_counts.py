"""`/v1/facility-counts`: how many facilities, bays and chargers there were on a day."""

from typing import Annotated

from fastapi import Query

from services.registry.api.days import OnDay
from services.registry.api.guards import Anyone
from services.registry.queries.facility_layers import count_facilities
from services.registry.schemas.facilities import FacilityCount, FacilityCounts
from services.registry.schemas.places import DivisionCode
from services.shared.routes import Router
from services.shared.schemas import Code
from services.shared.sessions import ReadTx

router = Router(prefix="/v1/facility-counts", tags=["facilities"])


@router.get("", summary="设施数量 / Numbers of facilities")
async def read_facility_counts(
    _who: Anyone,
    session: ReadTx,
    at: OnDay,
    division_code: Annotated[DivisionCode | None, Query()] = None,
    zone_code: Annotated[Code | None, Query(description="Zone of the city profile.")] = None,
) -> FacilityCounts:
    """Count facilities by kind and stage at the end of a day, and the bays and chargers in service then.

    The days recorded are what counts, corrections included, not when they were recorded.
    """
    rows = await count_facilities(session, at, division_code, zone_code)
    return FacilityCounts(on=at, items=[FacilityCount.model_validate(row) for row in rows])
