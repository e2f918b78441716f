"""Reads of vehicles; the caller's ownership is a `where` in each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    Row,
    Select,
    String,
    bindparam,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from services.registry.models import Vehicle
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


@dataclass(frozen=True, slots=True)
class VehicleFilter:
    """What a list of vehicles is narrowed to; None is no condition."""

    plate_number: str | None = None
    plate_color: int | None = None
    enterprise_id: UUID | None = None
    at: datetime | None = None


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Vehicle.enterprise_id == who.enterprise_id


async def get_vehicle(
    session: AsyncSession, who: Principal, vehicle_id: UUID, *, lock: bool = False
) -> Vehicle:
    """Return a vehicle the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Vehicle).where(Vehicle.id == vehicle_id, _visible(who))
    vehicle = await session.scalar(statement.with_for_update() if lock else statement)
    if vehicle is None:
        raise NotFound
    return vehicle


async def page_vehicles(
    session: AsyncSession, who: Principal, only: VehicleFilter, cursor: str | None, limit: int
) -> tuple[list[Vehicle], str | None]:
    """Return a page of the vehicles the caller may see."""
    return await page(session, vehicles_of(who, only), [Vehicle.id], cursor, limit)


def vehicles_of(who: Principal, only: VehicleFilter) -> Select[Vehicle]:
    """Return the select of the vehicles the caller may see."""
    statement = select(Vehicle).where(_visible(who))
    if only.plate_number is not None:
        statement = statement.where(Vehicle.plate_number == only.plate_number)
    if only.plate_color is not None:
        statement = statement.where(Vehicle.plate_color == only.plate_color)
    if only.enterprise_id is not None:
        statement = statement.where(Vehicle.enterprise_id == only.enterprise_id)
    if only.at is not None:
        open_or_later = or_(Vehicle.valid_to.is_(None), Vehicle.valid_to > only.at)
        statement = statement.where(Vehicle.valid_from <= only.at, open_or_later)
    return statement


class Wanted(NamedTuple):
    """A plate and colour over an interval, with a number to know it by."""

    number: int
    plate_number: str
    plate_color: int
    begin: datetime
    end: datetime | None


_WANTED_TYPES: tuple[TypeEngine[Any], ...] = (
    *(Integer(), String(), Integer()),
    *(DateTime(timezone=True), DateTime(timezone=True)),
)


async def registrations_within(session: AsyncSession, wanted: Sequence[Wanted]) -> dict[int, list[Row[Any]]]:
    """Return, by number, the registrations of whoever that share an instant with one of these.

    One statement for all; each row has the columns of `vehicles`.
    """
    if not wanted:
        return {}
    names = Wanted._fields
    arrays = [
        bindparam(name, list(values), ARRAY(kind))
        for name, values, kind in zip(names, zip(*wanted, strict=True), _WANTED_TYPES, strict=True)
    ]
    w = func.unnest(*arrays).table_valued(*names, name="wanted").render_derived()
    share = func.tstzrange(Vehicle.valid_from, Vehicle.valid_to).op("&&")(func.tstzrange(w.c.begin, w.c.end))
    statement = select(w.c.number, *Vehicle.__table__.columns).where(
        Vehicle.plate_number == w.c.plate_number, Vehicle.plate_color == w.c.plate_color, share
    )
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in await session.execute(statement):
        found[row.number].append(row)
    return found
