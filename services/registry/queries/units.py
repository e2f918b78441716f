"""Reads of bays and chargers; everyone reads them, who keeps the facility changes them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Bay, Charger, Facility
from services.registry.queries.facilities import own_facility
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.geo import Bbox
from services.shared.paging import page

Kept = TypeVar("Kept", Bay, Charger)

_POINTS = text("""
SELECT DISTINCT ON (area_id) area_id, ST_X(p) AS lon, ST_Y(p) AS lat
FROM registry.area_versions, ST_PointOnSurface(geometry) AS p
WHERE area_id = ANY(:areas) ORDER BY area_id, valid_from DESC
""")


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """What a list of bays or chargers is narrowed to; None is no condition."""

    facility_id: UUID | None = None
    day: date | None = None
    box: Bbox | None = None
    nev_only: bool | None = None


async def get_unit(session: AsyncSession, model: type[Kept], unit_id: UUID) -> Kept:
    """Return a bay or charger.

    Raises:
        NotFound: No such one.
    """
    unit = await session.scalar(select(model).where(model.id == unit_id))
    if unit is None:
        raise NotFound
    return unit


async def get_facility_id(session: AsyncSession, who: Principal, model: type[Kept], unit_id: UUID) -> UUID:
    """Return the facility of a bay or charger that the caller keeps.

    Raises:
        NotFound: Unknown, or of another's facility.
    """
    statement = select(model.facility_id).join(Facility, Facility.id == model.facility_id)
    facility_id = await session.scalar(statement.where(model.id == unit_id, own_facility(who)))
    if facility_id is None:
        raise NotFound
    return facility_id


async def get_unit_for_update(session: AsyncSession, model: type[Kept], unit_id: UUID) -> Kept:
    """Return a bay or charger, locked; its facility is locked before.

    Raises:
        NotFound: No such one.
    """
    unit = await session.scalar(select(model).where(model.id == unit_id).with_for_update())
    if unit is None:
        raise NotFound
    return unit


async def page_units(
    session: AsyncSession, model: type[Kept], only: UnitFilter, cursor: str | None, limit: int
) -> tuple[list[Kept], str | None]:
    """Return a page of bays or chargers; a day narrows them to those in service then.

    A box and `nev_only` are for bays.
    """
    statement = select(model)
    if only.facility_id is not None:
        statement = statement.where(model.facility_id == only.facility_id)
    if only.day is not None:
        ends_later = or_(model.in_service_to.is_(None), model.in_service_to > only.day)
        statement = statement.where(model.in_service_from <= only.day, ends_later)
    if only.nev_only is not None:
        statement = statement.where(Bay.nev_only == only.nev_only)
    if only.box is not None:
        box = only.box
        envelope = func.ST_MakeEnvelope(box.west, box.south, box.east, box.north, 4326)
        statement = statement.where(func.ST_Intersects(Bay.location, envelope))
    return await page(session, statement, [model.id], cursor, limit)


async def unconfirmed_units(session: AsyncSession, model: type[Kept], facility_id: UUID) -> list[Kept]:
    """Return the bays or chargers of a facility that no official has confirmed, locked."""
    statement = select(model).where(model.facility_id == facility_id, model.confirmed_at.is_(None))
    return list(await session.scalars(statement.order_by(model.id).with_for_update()))


async def codes_in_use(
    session: AsyncSession, model: type[Kept], facility_id: UUID, wanted: Collection[tuple[str, date]]
) -> set[str]:
    """Return which of these codes are taken at a facility on or after the day they would begin."""
    codes = {code for code, _ in wanted}
    statement = select(model).where(model.facility_id == facility_id, model.code.in_(codes))
    begins = dict(wanted)
    return {
        unit.code
        for unit in await session.scalars(statement)
        if unit.in_service_to is None or unit.in_service_to > max(begins[unit.code], unit.in_service_from)
    }


async def points_on(session: AsyncSession, area_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return a position inside each of these areas by its latest shape; unknown ones are left out."""
    if not area_ids:
        return {}
    rows = (await session.execute(_POINTS, {"areas": list(area_ids)})).all()
    return {row.area_id: {"lon": row.lon, "lat": row.lat} for row in rows}
