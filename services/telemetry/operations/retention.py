"""Retention: a day of positions is sealed, closed, aggregated, and dropped but for what is held.

Each step commits and may be repeated, so a kill anywhere costs the step it was in. A day goes only after the
one before it, and only when all three clocks say so (`queries/retention.py`). The parent table is locked for
the change of the catalogue alone, and who would have to wait longer than 200 ms for it gives way and comes
again: neither readers nor writers stand behind retention.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.shared.db import Database
from services.shared.logs import get_log
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.operations.aggregation import aggregate_day
from services.telemetry.operations.sealing import seal_conclusions
from services.telemetry.queries.retention import (
    find_changed_day,
    find_clock,
    find_due_day,
    find_holds,
)

_ELECT = "SELECT pg_try_advisory_lock(hashtextextended('telemetry.retention', 0))"
_CLOSE = text("SELECT telemetry.close_position_day(:day)")
_KEEP = text("SELECT telemetry.keep_held_positions(:day, CAST(:holds AS uuid[]))")
_DROP = text("SELECT telemetry.drop_position_day(:day, CAST(:holds AS uuid[]))")
log = get_log(__name__)


class Step(Enum):
    """What came of one step of retention."""

    DONE = "done"
    NOTHING = "nothing to do"
    WAITING = "must wait for others"


class InTheWayError(Exception):
    """Somebody holds a lock that a change of partitions needs."""


async def retain_some(database: Database, rules: RetentionRules, now: datetime) -> Step:
    """Let the oldest day that is due go, or what a lifted hold has kept; nothing while another worker does.

    Raises:
        DBAPIError, asyncpg.PostgresError, OSError: the database is away or cannot work now; it may be tried
            again.
    """
    async with _election(database) as is_elected:
        try:
            return await _retain(database, rules, now) if is_elected else Step.NOTHING
        except InTheWayError:
            return Step.WAITING


@asynccontextmanager
async def _election(database: Database) -> AsyncIterator[bool]:
    connection = await database.connect()
    try:
        yield bool(await connection.fetchval(_ELECT))
        await connection.execute("SELECT pg_advisory_unlock_all()")
    finally:
        connection.terminate()


async def _retain(database: Database, rules: RetentionRules, now: datetime) -> Step:
    async with database.transaction(readonly=True) as session:
        clock = await find_clock(session, now)
        changed = await find_changed_day(session)
        due = None if clock is None else await find_due_day(session, rules.positions_kept_from(clock))
    if changed is not None:
        return await drop_day(database, changed)
    if due is None:
        return Step.NOTHING
    if not due.is_closed:
        if not await seal_day(database, due.day, now):
            log.warning("retention_waits_for_derivation", day=due.day.isoformat())
            return Step.WAITING
        await close_day(database, due.day)
    if not due.is_aggregated:
        await aggregate_day(database, due.day, rules, now)
    return await drop_day(database, due.day)


async def seal_day(database: Database, day: date, now: datetime) -> bool:
    """Make final what was concluded from a day; False while something of it waits to be derived."""
    end = datetime.combine(day + timedelta(days=1), time.min, UTC)
    async with database.transaction() as session:
        return await seal_conclusions(session, end, now)


async def close_day(database: Database, day: date) -> None:
    """Let no position into a day any more, nor a partition be made for it again.

    Raises:
        InTheWayError: somebody is writing into it.
    """
    async with _giving_way(), database.transaction() as session:
        await session.execute(_CLOSE, {"day": day})


async def drop_day(database: Database, day: date) -> Step:
    """Drop a day that is aggregated, but for the positions under a hold; or those of them no longer held.

    Raises:
        InTheWayError: a reader or a writer did not end in time.
    """
    async with database.transaction() as session:
        holds = await find_holds(session, day)
        await session.execute(_KEEP, {"day": day, "holds": holds})
    async with _giving_way(), database.transaction() as session:
        is_done = await session.scalar(_DROP, {"day": day, "holds": holds})
    if not is_done:  # a hold has been placed or lifted meanwhile
        return Step.WAITING
    log.info("positions_dropped", day=day.isoformat(), holds=len(holds))
    return Step.DONE


@asynccontextmanager
async def _giving_way() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig.__cause__ if error.orig else None, asyncpg.LockNotAvailableError):
            raise InTheWayError from error
        raise
