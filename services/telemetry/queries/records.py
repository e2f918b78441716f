"""Reading visits and accounting."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.paging import decode_cursor, encode_cursor, page
from services.telemetry.models import IngestAccount, Visit
from services.telemetry.queries.terminals import owned

_COUNTS = ("received", "stored", "duplicate", "quarantined")


@dataclass(frozen=True, slots=True)
class VisitFilter:
    """Which visits: all given conditions hold; the window is half-open and touched by the visit."""

    vehicle_id: UUID | None = None
    area_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None
    with_retracted: bool = False


async def page_visits(
    session: AsyncSession, who: Principal, wanted: VisitFilter, cursor: str | None, limit: int
) -> tuple[list[Visit], str | None]:
    """Give one page of the caller's visits by time of entering."""
    statement = select(Visit).where(owned(who, Visit.enterprise_id))
    if wanted.vehicle_id is not None:
        statement = statement.where(Visit.vehicle_id == wanted.vehicle_id)
    if wanted.area_id is not None:
        statement = statement.where(Visit.area_id == wanted.area_id)
    if wanted.end is not None:
        statement = statement.where(Visit.entered_at < wanted.end)
    if wanted.start is not None:
        statement = statement.where((Visit.left_at.is_(None)) | (Visit.left_at > wanted.start))
    if not wanted.with_retracted:
        statement = statement.where(Visit.status != "retracted")
    keys: list[Any] = [Visit.entered_at, Visit.id]
    return await page(session, statement, keys, cursor, limit)


async def page_accounting(
    session: AsyncSession,
    who: Principal,
    terminal_number: str | None,
    day: date | None,
    cursor: str | None,
    limit: int,
) -> tuple[list[IngestAccount], str | None]:
    """Give one page of the caller's accounting by terminal number and day."""
    key = (IngestAccount.terminal_number, IngestAccount.day)
    statement = select(IngestAccount).where(owned(who, IngestAccount.enterprise_id))
    if terminal_number is not None:
        statement = statement.where(IngestAccount.terminal_number == terminal_number)
    if day is not None:
        statement = statement.where(IngestAccount.day == day)
    if cursor is not None:
        number, last_day = decode_cursor(cursor, (str, str))
        statement = statement.where(tuple_(*key) > (number, _day(last_day)))
    rows = list(await session.scalars(statement.order_by(*key).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], encode_cursor([rows[limit - 1].terminal_number, rows[limit - 1].day.isoformat()])


async def page_totals(
    session: AsyncSession, who: Principal, days: tuple[date, date], cursor: str | None, limit: int
) -> tuple[list[Row[Any]], str | None]:
    """Give one page of the sums of the caller's accounting by day and firm, both days included."""
    nobody = literal(UUID(int=0))
    firm = func.coalesce(IngestAccount.enterprise_id, nobody)
    statement = (
        select(
            IngestAccount.day,
            IngestAccount.enterprise_id,
            func.count().label("terminals"),
            *(func.sum(getattr(IngestAccount, name)).label(name) for name in _COUNTS),
        )
        .where(owned(who, IngestAccount.enterprise_id), IngestAccount.day.between(*days))
        .group_by(IngestAccount.day, IngestAccount.enterprise_id)
        .order_by(IngestAccount.day, firm)
        .limit(limit + 1)
    )
    if cursor is not None:
        last_day, last_firm = decode_cursor(cursor, (date, UUID))
        statement = statement.where(tuple_(IngestAccount.day, firm) > (last_day, last_firm))
    rows = list((await session.execute(statement)).all())
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], encode_cursor([last.day.isoformat(), last.enterprise_id or UUID(int=0)])


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        fault = FieldError("query.cursor", "cursor_invalid", "游标无效 / not a cursor of this list")
        raise Unprocessable("cursor", errors=[fault]) from error
