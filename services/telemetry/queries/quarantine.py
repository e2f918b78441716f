"""Reading quarantine: pages, one row, and all that meet conditions piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.paging import page
from services.telemetry.errors import QuarantinedNotFound
from services.telemetry.models import QuarantinedPosition
from services.telemetry.queries.positions import Firms
from services.telemetry.queries.terminals import owned

_LONGEST_ID = 18
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class QuarantineFilter:
    """Which rows: all given conditions hold; the window is half-open and touched by the receptions."""

    terminal_number: str | None = None
    reasons: tuple[str, ...] = ()
    received_from: datetime | None = None
    received_to: datetime | None = None


def _select(who: Principal, wanted: QuarantineFilter) -> Select[Any]:
    statement = select(QuarantinedPosition).where(owned(who, QuarantinedPosition.enterprise_id))
    if wanted.terminal_number is not None:
        statement = statement.where(QuarantinedPosition.terminal_number == wanted.terminal_number)
    if wanted.reasons:
        statement = statement.where(QuarantinedPosition.reason.in_(wanted.reasons))
    if wanted.received_from is not None:
        statement = statement.where(QuarantinedPosition.last_received_at >= wanted.received_from)
    if wanted.received_to is not None:
        statement = statement.where(QuarantinedPosition.first_received_at < wanted.received_to)
    return statement


async def page_quarantine(
    session: AsyncSession, who: Principal, wanted: QuarantineFilter, cursor: str | None, limit: int
) -> tuple[list[QuarantinedPosition], str | None]:
    """Give one page of what the caller's terminals sent to quarantine, oldest first."""
    keys: list[Any] = [QuarantinedPosition.id]
    return await page(session, _select(who, wanted), keys, cursor, limit)


async def get_quarantined(session: AsyncSession, who: Principal, quarantined_id: str) -> QuarantinedPosition:
    """Give one row.

    Raises:
        QuarantinedNotFound: unknown, not the caller's, or no number at all.
    """
    is_number = quarantined_id.isascii() and quarantined_id.isdigit() and len(quarantined_id) <= _LONGEST_ID
    number = int(quarantined_id) if is_number else 0
    statement = _select(who, QuarantineFilter()).where(QuarantinedPosition.id == number)
    row: QuarantinedPosition | None = await session.scalar(statement)
    if row is None:
        raise QuarantinedNotFound
    return row


async def check_quarantined(session: AsyncSession, who: Principal, ids: Sequence[int]) -> None:
    """Check that rows are the caller's.

    Raises:
        QuarantinedNotFound: one is unknown or not the caller's.
    """
    mine = _select(who, QuarantineFilter()).where(QuarantinedPosition.id.in_(ids))
    count = await session.scalar(select(func.count()).select_from(mine.subquery()))
    if count != len(set(ids)):
        raise QuarantinedNotFound


async def get_last_id(session: AsyncSession) -> int:
    """Give the greatest id there is by now; 0 where there is none."""
    return int(await session.scalar(select(func.coalesce(func.max(QuarantinedPosition.id), 0))) or 0)


async def count_terminals_by_firm(session: AsyncSession, who: Principal, wanted: QuarantineFilter) -> Firms:
    """Give how many terminals of each firm have rows that meet the conditions."""
    rows = _select(who, wanted).subquery()
    terminals = func.count(rows.c.terminal_number.distinct())
    statement = select(rows.c.enterprise_id, terminals).group_by(rows.c.enterprise_id)
    return {firm: count for firm, count in await session.execute(statement) if firm is not None}


async def find_next_quarantined(
    session: AsyncSession, who: Principal, wanted: QuarantineFilter, after: int, upto: int
) -> Sequence[QuarantinedPosition]:
    """Give the next some hundred that meet the conditions, oldest first, of ids in (after, upto]."""
    statement = _select(who, wanted).where(QuarantinedPosition.id > after, QuarantinedPosition.id <= upto)
    return (await session.scalars(statement.order_by(QuarantinedPosition.id).limit(_AT_ONCE))).all()
