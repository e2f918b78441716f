"""`/v1/latest-positions`, `/v1/nearby-vehicles`, and the delta for the services to the right."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Query, Response

from services.shared.auth import Principal, Role, require
from services.shared.boxes import InBox
from services.shared.routes import Router
from services.shared.schemas import Latitude, Longitude
from services.shared.sessions import ReadTx
from services.shared.standards.coordinates import Crs, convert
from services.telemetry.api.reading import Fleet, Rules, Stated, StatedOrService, Vehicles
from services.telemetry.domain.states import State
from services.telemetry.operations import positions as operations
from services.telemetry.queries.latest import LatestFilter
from services.telemetry.queries.nearby import Nearness
from services.telemetry.queries.positions import find_latest_changes
from services.telemetry.schemas.health import ReportingKind
from services.telemetry.schemas.positions import LatestChanges, LatestItem

router = Router(tags=["positions"])
internal_router = Router(tags=["internal"], include_in_schema=False)

Service = Annotated[Principal, Depends(require(Role.service))]
_GEOJSON: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "GeoJSON (RFC 7946)",
        "content": {"application/geo+json": {"schema": {"type": "object"}}},
    }
}


class GeoJsonResponse(Response):
    """A GeoJSON text made in SQL."""

    media_type = "application/geo+json"


@router.get(
    "/v1/latest-positions",
    response_class=GeoJsonResponse,
    responses=_GEOJSON,
    summary="最新位置 / Latest positions",
)
async def list_latest_positions(
    asked: Stated,
    box: InBox,
    rules: Rules,
    session: ReadTx,
    vehicles: Vehicles = [],  # noqa: B006  a query parameter's default
    enterprise_id: Fleet = None,
    state: Annotated[
        State | None, Query(description="By the age and speed of the newest fix; bounds in the city profile.")
    ] = None,
    kind: Annotated[
        ReportingKind | None, Query(description="Kind of terminal; a bridge reports nothing of itself.")
    ] = None,
    cursor: Annotated[int, Query(ge=0, lt=2**31, description="`next_cursor` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000, description="Most features a page.")] = 1000,
) -> GeoJsonResponse:
    """Give the newest good fix of each terminal as a FeatureCollection.

    Offices and police state a purpose, and what they read is on record.
    """
    wanted = LatestFilter(box, enterprise_id, tuple(vehicles), state, kind)
    return GeoJsonResponse(await operations.read_latest(session, asked, wanted, (cursor, limit), rules))


@router.get(
    "/v1/nearby-vehicles",
    response_class=GeoJsonResponse,
    responses=_GEOJSON,
    summary="附近车辆 / Vehicles near a point",
)
async def list_nearby_vehicles(
    asked: StatedOrService,
    rules: Rules,
    session: ReadTx,
    lon: Annotated[Longitude, Query(description="Degrees east.", examples=[122.07])],
    lat: Annotated[Latitude, Query(description="Degrees north.", examples=[41.12])],
    radius_m: Annotated[float, Query(gt=0, le=50_000, description="Metres, great-circle.")] = 2000.0,
    max_age_s: Annotated[int, Query(ge=1, le=86_400, description="Seconds since the fix.")] = 300,
    crs: Annotated[Crs, Query(description="Of the point; answers are WGS-84.")] = Crs.WGS84,
    limit: Annotated[int, Query(ge=1, le=200, description="Most vehicles.")] = 20,
) -> GeoJsonResponse:
    """Give the vehicles within a radius whose newest fix is fresh, the nearest first, with `distance_m`."""
    place = convert(lon, lat, crs)
    wanted = Nearness(*place, radius_m, asked.at - timedelta(seconds=max_age_s), limit)
    return GeoJsonResponse(await operations.read_nearby(session, asked, wanted, rules))


@internal_router.get("/internal/v1/latest-positions")
async def list_latest_changes(
    who: Service,  # noqa: ARG001  the guard
    session: ReadTx,
    after: Annotated[
        str, Query(pattern=r"^\d{1,18}\.\d{1,10}$", description="Cursor; default from the start.")
    ] = "0.0",
    limit: Annotated[int, Query(ge=1, le=5000)] = 5000,
) -> LatestChanges:
    """Give the vehicles' latest positions that changed after a cursor."""
    revision, terminal_key = map(int, after.split("."))
    rows = await find_latest_changes(session, revision, terminal_key, limit)
    items = [LatestItem.model_validate(row._mapping) for row in rows if row.vehicle_id]  # noqa: SLF001  public by docs
    return LatestChanges(
        items=items, next_after=f"{rows[-1].revision}.{rows[-1].terminal_key}" if rows else after
    )
