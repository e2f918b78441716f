"""`/v1/latest-positions`, `/v1/tracks` and the delta for the services to the right."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Response

from services.shared.auth import Principal, Role, require
from services.shared.routes import Router
from services.shared.sessions import ReadTx
from services.telemetry.api.reading import InBox, InWindow, Reader
from services.telemetry.queries.positions import find_latest_changes, get_latest_geojson, get_track_geojson
from services.telemetry.queries.terminals import get_vehicles
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


@router.get("/v1/latest-positions", response_class=GeoJsonResponse, responses=_GEOJSON)
async def list_latest_positions(
    who: Reader,
    box: InBox,
    session: ReadTx,
    vehicle_id: UUID | None = None,
    cursor: Annotated[int, Query(ge=0, lt=2**31, description="`next_cursor` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> GeoJsonResponse:
    """Give the newest good fix of each terminal as a FeatureCollection."""
    return GeoJsonResponse(await get_latest_geojson(session, who, box, vehicle_id, cursor, limit))


@router.get("/v1/tracks", response_class=GeoJsonResponse, responses=_GEOJSON)
async def read_track(
    vehicle_id: UUID,
    who: Reader,
    window: InWindow,
    session: ReadTx,
    limit: Annotated[int, Query(ge=1, le=20_000)] = 10_000,
) -> GeoJsonResponse:
    """Give a vehicle's fixes in time order; `next_from` continues a long one."""
    await get_vehicles(session, who, [vehicle_id])
    return GeoJsonResponse(await get_track_geojson(session, who, vehicle_id, window, limit))


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
