"""Reads of restriction rules and permit types."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.models import PermitType, RestrictionRule
from services.shared.errors import NotFound
from services.shared.paging import page


async def get_rule(session: AsyncSession, rule_id: UUID, *, lock: bool = False) -> RestrictionRule:
    """Return one rule, locked for change where asked.

    Raises:
        NotFound: No such rule.
    """
    statement = select(RestrictionRule).where(RestrictionRule.id == rule_id)
    rule = await session.scalar(statement.with_for_update() if lock else statement)
    if rule is None:
        raise NotFound
    return rule


async def page_rules(
    session: AsyncSession, *, area_id: UUID | None, at: datetime | None, cursor: str | None, limit: int
) -> tuple[list[RestrictionRule], str | None]:
    """Page over rules, of one area and in force at one instant where given, oldest first."""
    statement = select(RestrictionRule)
    if area_id is not None:
        statement = statement.where(RestrictionRule.area_ids.contains([area_id]))
    if at is not None:
        statement = statement.where(
            RestrictionRule.valid_from <= at,
            or_(RestrictionRule.valid_to.is_(None), RestrictionRule.valid_to > at),
        )
    return await page(session, statement, [RestrictionRule.valid_from, RestrictionRule.id], cursor, limit)


async def find_type(session: AsyncSession, code: str) -> PermitType | None:
    """Return the permit type of a code, or None."""
    found: PermitType | None = await session.scalar(select(PermitType).where(PermitType.code == code))
    return found


async def find_unknown_types(session: AsyncSession, codes: list[str]) -> set[str]:
    """Return the codes that are no permit type."""
    known = await session.scalars(select(PermitType.code).where(PermitType.code.in_(codes)))
    return set(codes) - set(known)


async def page_types(
    session: AsyncSession, cursor: str | None, limit: int
) -> tuple[list[PermitType], str | None]:
    """Page over permit types by code."""
    return await page(session, select(PermitType), [PermitType.code], cursor, limit)
