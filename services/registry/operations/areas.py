"""Areas and the versions of their shapes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.areas import AreaKind
from services.registry.errors import AreaClosed, AreaCodeTaken, AreaVersionOverlap
from services.registry.models import Area, AreaVersion
from services.registry.operations.publishing import publish_area
from services.registry.operations.shaping import Shaped, shape_or_refuse
from services.registry.operations.versions import check_version
from services.registry.queries.areas import (
    find_open_version,
    get_area,
    get_area_with_versions,
    has_version_from,
)
from services.registry.schemas.areas import AreaClosureCreate, AreaCreate, AreaUpdate, AreaVersionCreate
from services.shared.auth import Principal
from services.shared.ids import new_id
from services.shared.writing import write


async def create_area(
    session: AsyncSession, who: Principal, given: AreaCreate, now: datetime
) -> dict[str, Any]:
    """Make an area with its first shape.

    Raises:
        AreaCodeTaken: The code is in use.
        Unprocessable: The shape is not valid; member and place of the fault are named.
    """
    shaped = await shape_or_refuse(session, given.shape())
    area = await begin_area(session, given.code, given.name, given.kind, now, schematic=given.schematic)
    await add_version(session, who, area, shaped, (given.valid_from, given.valid_to), now)
    return await get_area_with_versions(session, area.id)


async def begin_area(
    session: AsyncSession, code: str, name: str, kind: AreaKind, now: datetime, *, schematic: bool
) -> Area:
    """Write an area that has no shape yet; `add_version` gives it one and publishes it.

    Raises:
        AreaCodeTaken: The code is in use.
    """
    area = Area(
        id=new_id(),
        code=code,
        name=name,
        kind=kind.value,
        schematic=schematic,
        version=0,
        created_at=now,
        updated_at=now,
    )
    session.add(area)
    await write(session, {"uq_areas_code": AreaCodeTaken})
    return area


async def add_area_version(
    session: AsyncSession, who: Principal, area_id: UUID, given: AreaVersionCreate, now: datetime
) -> dict[str, Any]:
    """Give an area a further shape; an open one that began earlier ends where this one begins.

    Raises:
        NotFound: No such area.
        AreaClosed: It has ended for good.
        AreaVersionOverlap: Another shape is in force in this interval.
        Unprocessable: The shape is not valid; member and place of the fault are named.
    """
    shaped = await shape_or_refuse(session, given.shape())
    area = await get_area(session, area_id, lock=True)
    await add_version(session, who, area, shaped, (given.valid_from, given.valid_to), now)
    return await get_area_with_versions(session, area.id)


async def add_version(
    session: AsyncSession,
    who: Principal,
    area: Area,
    shaped: Shaped,
    interval: tuple[datetime, datetime | None],
    now: datetime,
) -> None:
    """Give a new or locked area a further shape, and publish it.

    Raises:
        AreaClosed: It has ended for good.
        AreaVersionOverlap: Another shape is in force in this interval.
    """
    if area.closed_at is not None:
        raise AreaClosed
    present = await find_open_version(session, area.id)
    if present is not None and present.valid_from < interval[0]:
        present.valid_to = interval[0]
        await write(session, {})
    session.add(
        AreaVersion(
            id=new_id(),
            area_id=area.id,
            valid_from=interval[0],
            valid_to=interval[1],
            geometry=func.ST_GeomFromEWKB(shaped.ewkb),
            source=shaped.source,
            mended=shaped.mended,
            made_by=who.subject,
            made_by_name=who.name,
            created_at=now,
        )
    )
    await write(session, {"ex_area_versions_interval": AreaVersionOverlap})
    await publish_area(session, area, now)


async def update_area(
    session: AsyncSession, area_id: UUID, given: AreaUpdate, expected: int | None, now: datetime
) -> dict[str, Any]:
    """Rename an area, or change what it is for.

    Raises:
        NotFound: No such area.
        AreaClosed: It has ended for good.
        PreconditionFailed: `expected` is not its version.
    """
    area = await get_area(session, area_id, lock=True)
    if area.closed_at is not None:
        raise AreaClosed
    check_version(area, expected)
    area.name, area.kind, area.schematic = given.name, given.kind.value, given.schematic
    await publish_area(session, area, now)
    return await get_area_with_versions(session, area.id)


async def close_area(
    session: AsyncSession, who: Principal, area_id: UUID, given: AreaClosureCreate, now: datetime
) -> dict[str, Any]:
    """End an area for good: its open shape ends, no other follows.

    Raises:
        NotFound: No such area.
        AreaClosed: It has ended already.
        AreaVersionOverlap: A shape begins at that time or later.
    """
    area = await get_area(session, area_id, lock=True)
    if area.closed_at is not None:
        raise AreaClosed
    at = given.at or now
    if await has_version_from(session, area_id, at):
        raise AreaVersionOverlap("此后仍有版本生效 / a shape begins at that time or later")
    present = await find_open_version(session, area_id, at)
    if present is not None:
        present.valid_to = at
        await write(session, {})
    area.closed_at, area.closed_reason = at, given.reason
    area.closed_by, area.closed_by_name = who.subject, who.name
    await publish_area(session, area, now)
    return await get_area_with_versions(session, area.id)
