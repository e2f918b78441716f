"""`/v1/areas`: places that rules, visits and statistics refer to."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.registry.api.guards import Anyone, Official
from services.registry.api.layers import GEOJSON, Bbox, layer_answer
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.domain.areas import AreaKind
from services.registry.operations import areas as operations
from services.registry.queries import areas as queries
from services.registry.schemas.areas import (
    AreaClosureCreate,
    AreaCreate,
    AreaOut,
    AreaUpdate,
    AreaVersionCreate,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit
from services.shared.routes import Router, problems
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/areas", tags=["areas"])


async def _only(
    now: Now,
    box: Bbox,
    at: Annotated[Instant | None, Query(description="Shapes in force then; default: now.")] = None,
    kind: Annotated[AreaKind | None, Query(description="Only this kind.")] = None,
    tolerance_m: Annotated[
        float | None, Query(gt=0, le=1000, description="Simplify shapes by at most so many metres.")
    ] = None,
) -> queries.LayerFilter:
    return queries.LayerFilter(at or now, kind, box, tolerance_m)


@router.post("", status_code=201, summary="新建区域 / Create an area", responses=problems(409))
async def create_area(
    who: Official, session: WriteTx, response: Response, now: Now, given: AreaCreate
) -> AreaOut:
    """Make an area with its first shape: a polygon, a circle, or a road section with its width.

    GCJ-02 and BD-09 are converted. What changes no place is put right and told in `mended`; any other fault
    is refused with its member and place.
    """
    made = AreaOut.model_validate(await operations.create_area(session, who, given, now))
    response.headers["ETag"] = etag(made.version)
    return made


@router.post(
    "/{area_id}/versions", status_code=201, summary="新增区域版本 / Add a shape", responses=problems(409)
)
async def add_area_version(
    who: Official, session: WriteTx, now: Now, area_id: UUID, given: AreaVersionCreate
) -> AreaOut:
    """Give the area a further shape; an open one that began earlier ends where this one begins."""
    return AreaOut.model_validate(await operations.add_area_version(session, who, area_id, given, now))


@router.put("/{area_id}", summary="更新区域名称与类型 / Rename an area", responses=problems(409, 412))
async def update_area(
    _who: Official,
    session: WriteTx,
    response: Response,
    now: Now,
    area_id: UUID,
    expected: ExpectedVersion,
    given: AreaUpdate,
) -> AreaOut:
    """Replace an area's name, kind and whether it is a sketch; its code stays, its shapes are versions."""
    changed = AreaOut.model_validate(await operations.update_area(session, area_id, given, expected, now))
    response.headers["ETag"] = etag(changed.version)
    return changed


@router.post("/{area_id}/closure", summary="停用区域 / Close an area", responses=problems(409))
async def close_area(
    who: Official, session: WriteTx, now: Now, area_id: UUID, given: AreaClosureCreate
) -> AreaOut:
    """End an area for good: its open shape ends, no other follows, its code is not used again."""
    return AreaOut.model_validate(await operations.close_area(session, who, area_id, given, now))


@router.get("", summary="区域图层 / Areas as GeoJSON", response_class=Response, responses=layer_answer())
async def list_areas(
    _who: Anyone,
    session: ReadTx,
    only: Annotated[queries.LayerFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Return the shapes in force at one time as a GeoJSON FeatureCollection with `next_cursor`."""
    return Response(await queries.area_layer(session, only, cursor, limit), media_type=GEOJSON)


@router.get("/{area_id}", summary="区域信息 / Read an area")
async def read_area(_who: Anyone, session: ReadTx, response: Response, area_id: UUID) -> AreaOut:
    """Return an area with all versions of its shape; `ETag` is its version."""
    found = AreaOut.model_validate(await queries.get_area_with_versions(session, area_id))
    response.headers["ETag"] = etag(found.version)
    return found
