"""Reads of drivers and riders: the caller's ownership is a `where`, personal values come out masked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.people import PERSONAL_FIELDS, Papers, days_of, mask
from services.registry.domain.standing import Turn, at_instant, course
from services.registry.models import Driver
from services.registry.schemas.drivers import DriverOut
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page
from services.shared.personal import Vault
from services.shared.standards.zones import CITY_ZONE


@dataclass(frozen=True, slots=True)
class DriverFilter:
    """What a list of drivers is narrowed to; None is no condition."""

    enterprise_id: UUID | None = None
    status: str | None = None
    kind: str | None = None


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Driver.enterprise_id == who.enterprise_id


async def get_employer(session: AsyncSession, who: Principal, driver_id: UUID) -> UUID:
    """Return the firm that a driver the caller may see works for.

    Raises:
        NotFound: Unknown or another's.
    """
    employer = await session.scalar(select(Driver.enterprise_id).where(Driver.id == driver_id, _visible(who)))
    if employer is None:
        raise NotFound
    return employer


async def get_driver(session: AsyncSession, who: Principal, driver_id: UUID, *, lock: bool = False) -> Driver:
    """Return a driver the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Driver).where(Driver.id == driver_id, _visible(who))
    driver = await session.scalar(statement.with_for_update() if lock else statement)
    if driver is None:
        raise NotFound
    return driver


async def page_drivers(
    session: AsyncSession, who: Principal, only: DriverFilter, cursor: str | None, limit: int
) -> tuple[list[Driver], str | None]:
    """Return a page of the drivers the caller may see."""
    statement = select(Driver).where(_visible(who))
    if only.enterprise_id is not None:
        statement = statement.where(Driver.enterprise_id == only.enterprise_id)
    if only.status is not None:
        statement = statement.where(Driver.status == only.status)
    if only.kind is not None:
        statement = statement.where(Driver.kind == only.kind)
    return await page(session, statement, [Driver.id], cursor, limit)


async def find_drivers(
    session: AsyncSession, who: Principal, driver_ids: Collection[UUID], *, lock: bool = False
) -> list[Driver]:
    """Return those of the drivers that the caller may see, locked for a change when asked."""
    statement = select(Driver).where(Driver.id.in_(driver_ids), _visible(who)).order_by(Driver.id)
    return list(await session.scalars(statement.with_for_update() if lock else statement))


async def is_employed(session: AsyncSession, enterprise_id: UUID, driver_ids: Collection[UUID]) -> bool:
    """Tell whether one of these is in active employment of a firm."""
    statement = select(Driver.id).where(
        Driver.id.in_(driver_ids), Driver.enterprise_id == enterprise_id, Driver.status == "active"
    )
    return await session.scalar(statement.limit(1)) is not None


async def employed_among(session: AsyncSession, driver_ids: Collection[UUID]) -> dict[UUID, Driver]:
    """Return those of these that are in active employment, of whatever firm; for the worker."""
    statement = select(Driver).where(Driver.id.in_(driver_ids), Driver.status == "active")
    return {driver.id: driver for driver in await session.scalars(statement)}


async def show_drivers(
    session: AsyncSession, vault: Vault, drivers: Sequence[Driver], now: datetime
) -> list[DriverOut]:
    """Return drivers as everybody sees them: personal values masked, lapses as of now."""
    values = await vault.read(session, [driver.id for driver in drivers])
    return [_shown(driver, values.get(driver.id, {}), now) for driver in drivers]


def _shown(driver: Driver, values: dict[str, str], now: datetime) -> DriverOut:
    own = set(DriverOut.model_fields) - set(PERSONAL_FIELDS) - {"lapses"}
    masked = {field: mask(field, values[field]) if field in values else None for field in PERSONAL_FIELDS}
    return DriverOut.model_validate(
        {
            **{name: getattr(driver, name) for name in own},
            **masked,
            "lapses": at_instant(turns_of_driver(driver), now),
        }
    )


def turns_of_driver(driver: Driver) -> list[Turn]:
    """Return the course of a driver's papers from the beginning of the employment on."""
    if driver.employed_from is None:
        return []
    begin = datetime.combine(driver.employed_from, time(), CITY_ZONE)
    return course(days_of(Papers.of(driver)), begin, CITY_ZONE)
