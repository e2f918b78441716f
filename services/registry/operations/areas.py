"""Areas and the versions of their shapes."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.errors import AreaCodeTaken, AreaVersionOverlap
from services.registry.models import Area, AreaVersion
from services.registry.operations.publishing import publish_area
from services.registry.queries.areas import (
    find_geometry_fault,
    find_open_version,
    get_area,
    get_area_with_versions,
)
from services.registry.schemas.areas import AreaCreate, AreaShape, AreaVersionCreate
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.writing import write


async def create_area(session: AsyncSession, given: AreaCreate, now: datetime) -> dict[str, Any]:
    """Make an area with its first shape.

    Raises:
        AreaCodeTaken: The code is in use.
        Unprocessable: The shape is not valid; the place of the fault is named.
    """
    area = Area(
        id=new_id(),
        code=given.code,
        name=given.name,
        kind=given.kind,
        schematic=given.schematic,
        version=0,
        created_at=now,
        updated_at=now,
    )
    session.add(area)
    await write(session, {"uq_areas_code": AreaCodeTaken})
    await _add_version(session, area, given, now)
    return await get_area_with_versions(session, area.id)


async def add_area_version(
    session: AsyncSession, area_id: UUID, given: AreaVersionCreate, now: datetime
) -> dict[str, Any]:
    """Give an area a further shape; an open one that began earlier ends where this one begins.

    Raises:
        NotFound: No such area.
        AreaVersionOverlap: Another shape is in force in this interval.
        Unprocessable: The shape is not valid; the place of the fault is named.
    """
    area = await get_area(session, area_id, lock=True)
    present = await find_open_version(session, area_id)
    if present is not None and present.valid_from < given.valid_from:
        present.valid_to = given.valid_from
        await write(session, {})
    await _add_version(session, area, given, now)
    return await get_area_with_versions(session, area.id)


async def _add_version(session: AsyncSession, area: Area, given: AreaShape, now: datetime) -> None:
    shape = json.dumps(given.multipolygon())
    fault = await find_geometry_fault(session, shape)
    if fault is not None:
        place = f"({fault.lon:.6f}, {fault.lat:.6f})" if fault.lon is not None else ""
        message = f"几何无效 / invalid geometry: {fault.reason} {place}".strip()
        raise Unprocessable(message, errors=[FieldError("body.geometry", "geometry_invalid", message)])
    session.add(
        AreaVersion(
            id=new_id(),
            area_id=area.id,
            valid_from=given.valid_from,
            valid_to=given.valid_to,
            geometry=func.ST_SetSRID(func.ST_GeomFromGeoJSON(shape), 4326),
            created_at=now,
        )
    )
    await write(session, {"ex_area_versions_interval": AreaVersionOverlap})
    await publish_area(session, area, now)
