"""Reads of operating statements; the caller's ownership is a `where` in each."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.plausibility import FleetGroup
from services.registry.models import OperatingStatement, Vehicle
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page
from services.shared.standards.energy import Powertrain


@dataclass(frozen=True, slots=True)
class StatementFilter:
    """What a list of statements is narrowed to; None is no condition."""

    enterprise_id: UUID | None = None
    month: str | None = None
    status: str | None = None
    late: bool | None = None
    flagged: bool | None = None
    superseded: bool = False


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else OperatingStatement.enterprise_id == who.enterprise_id


async def get_statement(
    session: AsyncSession, who: Principal, statement_id: UUID, *, lock: bool = False
) -> OperatingStatement:
    """Return a statement the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(OperatingStatement).where(OperatingStatement.id == statement_id, _visible(who))
    found = await session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound
    return found


async def find_current_statement(
    session: AsyncSession, enterprise_id: UUID, month: str, *, lock: bool = False
) -> OperatingStatement | None:
    """Return the revision of a firm's month that is not superseded, or None."""
    statement = select(OperatingStatement).where(
        OperatingStatement.enterprise_id == enterprise_id,
        OperatingStatement.month == month,
        OperatingStatement.superseded_at.is_(None),
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def page_statements(
    session: AsyncSession, who: Principal, only: StatementFilter, cursor: str | None, limit: int
) -> tuple[list[OperatingStatement], str | None]:
    """Return a page of the statements the caller may see, current ones unless all are asked for."""
    statement = select(OperatingStatement).where(_visible(who))
    if not only.superseded:
        statement = statement.where(OperatingStatement.superseded_at.is_(None))
    for column, value in (
        (OperatingStatement.enterprise_id, only.enterprise_id),
        (OperatingStatement.month, only.month),
        (OperatingStatement.status, only.status),
        (OperatingStatement.late, only.late),
        (func.jsonb_array_length(OperatingStatement.flags) > 0, only.flagged),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return await page(session, statement, [OperatingStatement.id], cursor, limit)


async def fleet_between(
    session: AsyncSession, enterprise_id: UUID, begin: datetime, end: datetime
) -> list[FleetGroup]:
    """Return the vehicles a firm had registered at any time of [begin, end), as groups."""
    statement = (
        select(
            Vehicle.powertrain,
            Vehicle.energy_code,
            func.count().label("vehicles"),
            func.max(Vehicle.payload_kg).label("largest"),
        )
        .where(
            Vehicle.enterprise_id == enterprise_id,
            Vehicle.valid_from < end,
            or_(Vehicle.valid_to.is_(None), Vehicle.valid_to > begin),
        )
        .group_by(Vehicle.powertrain, Vehicle.energy_code)
    )
    rows = (await session.execute(statement)).all()
    return [FleetGroup(Powertrain(row[0]), row[1], row.vehicles, row.largest) for row in rows]
