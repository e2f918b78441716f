"""What retention reads: the days there are, what the clocks say, who was fitted, where they were last."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.models import PositionDay

# The clock of this host, of PostgreSQL's, and of the fleet, whose receivers have it from satellites: what
# one of them that has been set wrong says must not drop a day.
_CLOCK = text("""
    SELECT CASE WHEN count(*) > 0
        THEN least(CAST(:now AS timestamptz), now(), max(time) FILTER (WHERE time <= :now)) END
    FROM telemetry.latest_positions
""")
# The date is read of other tables' names too, as the planner likes: there it is null.
_PARTITIONS = r"""
    SELECT to_date(substring(c.relname FROM '^positions_(\d{8})$'), 'YYYYMMDD') AS day
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'telemetry.positions'::regclass"""
_DUE = text(f"""
    SELECT p.day, d.closed_at IS NOT NULL AS is_closed, d.aggregated_at IS NOT NULL AS is_aggregated
    FROM ({_PARTITIONS}) AS p LEFT JOIN telemetry.position_days d USING (day)
    WHERE p.day < :kept_from AND d.dropped_at IS NULL ORDER BY p.day LIMIT 1
""")  # noqa: S608  built of constants
_CHANGED = text("""
    SELECT day FROM telemetry.position_days
    WHERE dropped_at IS NOT NULL AND held > 0 AND NOT hold_ids <@ telemetry.holds_on(day)
    ORDER BY day LIMIT 1
""")
_HOLDS = text("SELECT telemetry.holds_on(:day)")
_BOUND = text("""
    SELECT vehicle_id, (array_agg(enterprise_id ORDER BY valid_from))[1] AS enterprise_id
    FROM telemetry.terminal_bindings
    WHERE is_primary AND valid_from < :before AND (valid_to IS NULL OR valid_to > :since) GROUP BY vehicle_id
""")
_LAST_PLACES = text("""
    SELECT DISTINCT ON (vehicle_id) vehicle_id, last_at, last_lon, last_lat FROM telemetry.track_aggregates
    WHERE vehicle_id = any(:vehicles) AND time >= :since AND time < :before ORDER BY vehicle_id, time DESC
""")


class DueDay(NamedTuple):
    """A day that is to go, and what has been done about it."""

    day: date
    is_closed: bool
    is_aggregated: bool


async def find_clock(session: AsyncSession, now: datetime) -> datetime | None:
    """Give the earliest of what the clocks say; None when no terminal has reported anything."""
    found: datetime | None = await session.scalar(_CLOCK, {"now": now})
    return found


async def find_due_day(session: AsyncSession, kept_from: date) -> DueDay | None:
    """Give the oldest day of positions before one, that has not been dropped."""
    row = (await session.execute(_DUE, {"kept_from": kept_from})).one_or_none()
    return None if row is None else DueDay(*row)


async def find_changed_day(session: AsyncSession) -> date | None:
    """Give the oldest dropped day with positions held by a hold that has been lifted."""
    found: date | None = await session.scalar(_CHANGED)
    return found


async def find_holds(session: AsyncSession, day: date) -> list[UUID]:
    """Give the holds in force that touch a day."""
    return list(await session.scalar(_HOLDS, {"day": day}) or [])


async def find_dropped_before(session: AsyncSession) -> datetime | None:
    """Give the instant before which positions have been dropped; None when none have."""
    last = await session.scalar(select(func.max(PositionDay.day)).where(PositionDay.dropped_at.is_not(None)))
    return None if last is None else datetime.combine(last + timedelta(days=1), time.min, UTC)


async def find_vehicles_bound(session: AsyncSession, since: datetime, before: datetime) -> dict[UUID, UUID]:
    """Give the vehicles a primary terminal was fitted to in a window, and whose they were."""
    rows = await session.execute(_BOUND, {"since": since, "before": before})
    return {row.vehicle_id: row.enterprise_id for row in rows}


async def find_last_places(
    session: AsyncSession, vehicles: Sequence[UUID], since: datetime, before: datetime
) -> dict[UUID, tuple[datetime, float, float]]:
    """Give where vehicles were last in a window, by their aggregates."""
    values = {"vehicles": list(vehicles), "since": since, "before": before}
    rows = await session.execute(_LAST_PLACES, values)
    return {row.vehicle_id: (row.last_at, row.last_lon, row.last_lat) for row in rows}
