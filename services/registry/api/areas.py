"""`/v1/areas`: places that rules, visits and statistics refer to."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.registry.api.guards import Anyone, Official
from services.registry.operations import areas as operations
from services.registry.queries import areas as queries
from services.registry.schemas.areas import AreaCreate, AreaKind, AreaOut, AreaVersionCreate
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit
from services.shared.routes import Router, problems
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx, WriteTx

GEOJSON = "application/geo+json"

router = Router(prefix="/v1/areas", tags=["areas"])


async def _box(
    bbox: Annotated[
        str | None,
        Query(
            max_length=200,
            description="west,south,east,north in degrees, WGS-84.",
            examples=["122.0,41.0,122.2,41.2"],
        ),
    ] = None,
) -> queries.Box | None:
    return None if bbox is None else queries.parse_box(bbox)


@router.post("", status_code=201, summary="新建区域 / Create an area", responses=problems(409))
async def create_area(_who: Official, session: WriteTx, now: Now, given: AreaCreate) -> AreaOut:
    """Make an area with its first shape; GCJ-02 and BD-09 are converted, invalid shapes refused."""
    return AreaOut.model_validate(await operations.create_area(session, given, now))


@router.post(
    "/{area_id}/versions", status_code=201, summary="新增区域版本 / Add a shape", responses=problems(409)
)
async def add_area_version(
    _who: Official, session: WriteTx, now: Now, area_id: UUID, given: AreaVersionCreate
) -> AreaOut:
    """Give the area a further shape; an open one that began earlier ends where this one begins."""
    return AreaOut.model_validate(await operations.add_area_version(session, area_id, given, now))


@router.get(
    "",
    summary="区域图层 / Areas as GeoJSON",
    response_class=Response,
    responses={
        200: {"content": {GEOJSON: {"schema": {"type": "object"}}}, "description": "FeatureCollection"}
    },
)
async def list_areas(
    _who: Anyone,
    session: ReadTx,
    now: Now,
    box: Annotated[queries.Box | None, Depends(_box)],
    at: Annotated[Instant | None, Query(description="Shapes in force then; default: now.")] = None,
    kind: Annotated[AreaKind | None, Query(description="Only this kind.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Return the shapes in force at one time as a GeoJSON FeatureCollection with `next_cursor`."""
    layer = await queries.area_layer(session, at or now, kind, box, cursor, limit)
    return Response(layer, media_type=GEOJSON)


@router.get("/{area_id}", summary="区域信息 / Read an area")
async def read_area(_who: Anyone, session: ReadTx, area_id: UUID) -> AreaOut:
    """Return an area with all versions of its shape."""
    return AreaOut.model_validate(await queries.get_area_with_versions(session, area_id))
