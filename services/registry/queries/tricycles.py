"""Reads of express tricycles; the caller's ownership is a `where` in each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.standing import Turn, at_instant, course
from services.registry.domain.tricycles import Checklist, Facts, checklist_on, days_of, judge
from services.registry.models import Driver, Enterprise, Tricycle
from services.registry.schemas.tricycles import ChecklistOut, TricycleOut
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page
from services.shared.standards.zones import CITY_ZONE, city_day


@dataclass(frozen=True, slots=True)
class TricycleFilter:
    """What a list of tricycles is narrowed to; None is no condition."""

    enterprise_id: UUID | None = None
    status: str | None = None
    code: str | None = None
    rider_id: UUID | None = None


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Tricycle.enterprise_id == who.enterprise_id


async def get_tricycle(
    session: AsyncSession, who: Principal, tricycle_id: UUID, *, lock: bool = False
) -> Tricycle:
    """Return a tricycle the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Tricycle).where(Tricycle.id == tricycle_id, _visible(who))
    tricycle = await session.scalar(statement.with_for_update() if lock else statement)
    if tricycle is None:
        raise NotFound
    return tricycle


async def find_tricycle_of(session: AsyncSession, rider_id: UUID) -> Tricycle | None:
    """Return the tricycle a rider is assigned to, locked, or None."""
    statement = select(Tricycle).where(Tricycle.rider_id == rider_id, Tricycle.status != "retired")
    return await session.scalar(statement.with_for_update())


async def page_tricycles(
    session: AsyncSession, who: Principal, only: TricycleFilter, cursor: str | None, limit: int
) -> tuple[list[Tricycle], str | None]:
    """Return a page of the tricycles the caller may see."""
    statement = select(Tricycle).where(_visible(who))
    wanted = {
        Tricycle.enterprise_id: only.enterprise_id,
        Tricycle.status: only.status,
        Tricycle.code: only.code,
        Tricycle.rider_id: only.rider_id,
    }
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(column == value)
    return await page(session, statement, [Tricycle.id], cursor, limit)


async def show_tricycles(
    session: AsyncSession, checklists: Sequence[Checklist], tricycles: Sequence[Tricycle], now: datetime
) -> list[TricycleOut]:
    """Return tricycles with their lapses and how they stand to the checklist, as of now."""
    riders = await _by_id(session, Driver, {each.rider_id for each in tricycles if each.rider_id})
    firms = await _by_id(session, Enterprise, {each.enterprise_id for each in tricycles})
    today = city_day(now)
    checklist = checklist_on(checklists, today)
    shown = []
    for each in tricycles:
        facts = _facts(each, riders.get(each.rider_id), firms[each.enterprise_id])
        results = judge(checklist, facts, today)
        columns = {name: getattr(each, name, None) for name in TricycleOut.model_fields}
        columns["lapses"] = at_instant(turns_of_tricycle(each), now)
        columns["checklist"] = ChecklistOut.of(checklist, results)
        shown.append(TricycleOut.model_validate(columns))
    return shown


async def _by_id(session: AsyncSession, kind: type[Any], ids: Collection[UUID]) -> dict[Any, Any]:
    if not ids:
        return {}
    return {row.id: row for row in await session.scalars(select(kind).where(kind.id.in_(ids)))}


def _facts(tricycle: Tricycle, rider: Driver | None, firm: Enterprise) -> Facts:
    same = set(Facts.__slots__) & set(Tricycle.__table__.columns.keys())
    return Facts(
        **{name: getattr(tricycle, name) for name in same},
        livery_photo=tricycle.livery_document_id is not None,
        responsibility_statement=tricycle.responsibility_document_id is not None,
        rider_assigned=rider is not None,
        rider_active=rider is not None and rider.status == "active",
        rider_trained_on=rider.trained_on if rider is not None else None,
        operator_active=firm.status == "active",
    )


def turns_of_tricycle(tricycle: Tricycle) -> list[Turn]:
    """Return the course of a tricycle's papers from its registration on; a retired one has none."""
    if tricycle.status == "retired":
        return []
    days = days_of(tricycle.insurance_valid_to, tricycle.annual_check_valid_to)
    return course(days, tricycle.created_at, CITY_ZONE)
