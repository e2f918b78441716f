"""`/v1/area-imports`: areas from a GeoJSON file."""

from typing import Annotated

from fastapi import Query

from services.registry.api.guards import Official
from services.registry.operations.area_imports import import_areas
from services.registry.schemas.area_imports import AreaCollection, AreaImportOut
from services.shared.clock import Now
from services.shared.routes import Router
from services.shared.sessions import WriteTx
from services.shared.standards.coordinates import Crs

router = Router(prefix="/v1/area-imports", tags=["areas"])


@router.post("", status_code=201, summary="导入区域 / Import areas")
async def create_area_import(
    who: Official,
    session: WriteTx,
    now: Now,
    given: AreaCollection,
    crs: Annotated[Crs, Query(description="System of the whole file.")] = Crs.WGS84,
    dry_run: Annotated[bool, Query(description="Store nothing, tell what would become of it.")] = False,
) -> AreaImportOut:
    """Create, reshape and rename areas as a GeoJSON file of at most 8 MiB says, all or nothing.

    The same file again changes nothing. A file with an invalid feature is refused whole: `errors` name
    feature, member and place, `items` the outcome of each feature. A dry run answers with the outcomes alone.
    """
    return await import_areas(session, who, given, crs, now, dry_run=dry_run)
