"""What only the clock can tell: that no fix has come or will come, and that a day is over."""

from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.alerts import VehicleRules
from services.telemetry.domain.episodes import silence
from services.telemetry.domain.instants import to_ms
from services.telemetry.operations.conclusions import Written, alert_rows, write_conclusions
from services.telemetry.operations.derivation import TRY_LOCK
from services.telemetry.operations.publishing import publish
from services.telemetry.queries.conclusions import ALERT

AT_ONCE = 500
# Who still has fixes on the work list is not silent, nor whom nothing is fitted to that could send any. Where
# nothing at all comes in, or waits to be folded, it is not the vehicle: what was heard last tells.
_SILENT = text("""
    WITH heard AS (
        SELECT least(CAST(:now AS timestamptz), (SELECT max(received_at) FROM telemetry.latest_positions),
            (SELECT min(received_at) FROM telemetry.ingest_batches WHERE NOT is_release)) AS at)
    UPDATE telemetry.derivation_heads h SET silent_since = h.time
    FROM (
        SELECT s.vehicle_id, b.enterprise_id FROM telemetry.derivation_heads s
        CROSS JOIN LATERAL (
            SELECT enterprise_id FROM telemetry.terminal_bindings b WHERE b.vehicle_id = s.vehicle_id
            ORDER BY valid_from DESC LIMIT 1) AS b
        WHERE s.is_under_way AND s.silent_since IS NULL AND s.over_at IS NULL
          AND s.time < (SELECT at FROM heard) - CAST(:after AS interval)
          AND NOT EXISTS (
            SELECT FROM telemetry.pending_derivations p WHERE p.vehicle_id = s.vehicle_id)
          AND EXISTS (
            SELECT FROM telemetry.terminal_bindings b WHERE b.vehicle_id = s.vehicle_id AND b.is_primary
              AND b.valid_from <= CAST(:now AS timestamptz)
              AND (b.valid_to IS NULL OR b.valid_to > CAST(:now AS timestamptz)))
        ORDER BY s.time LIMIT :limit) AS found
    WHERE h.vehicle_id = found.vehicle_id
    RETURNING h.vehicle_id, h.time, found.enterprise_id
""")
# Whom nothing is fitted to that could go on from the last fix sends none that would end what goes on.
_OVER = text("""
    INSERT INTO telemetry.pending_derivations (vehicle_id, since, until)
    SELECT h.vehicle_id, h.time + interval '1 millisecond', h.time + interval '1 millisecond'
    FROM telemetry.derivation_heads h
    CROSS JOIN LATERAL (
        SELECT max(coalesce(valid_to, 'infinity')) AS at FROM telemetry.terminal_bindings b
        WHERE b.vehicle_id = h.vehicle_id AND b.is_primary
          AND b.valid_from <= h.time + CAST(:gap AS interval)) AS over
    WHERE over.at <= CAST(:now AS timestamptz) AND h.over_at IS NULL
      AND NOT EXISTS (SELECT FROM telemetry.pending_derivations p WHERE p.vehicle_id = h.vehicle_id)
    LIMIT :limit
    RETURNING vehicle_id
""")
_CLOSE = text("""
    UPDATE telemetry.daily_mileages SET status = 'closed', version = version + 1
    WHERE id IN (
        SELECT id FROM telemetry.daily_mileages WHERE status = 'open' AND day < :today
        ORDER BY day LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING *
""")


async def raise_silences(session: AsyncSession, silence_after: timedelta, now: datetime) -> int:
    """Raise an alert for each vehicle on a trip that has sent no fix for so long; give how many.

    It begins with the last fix, and is told by what the fleet was heard of last: a reception that stands
    still says nothing of vehicles. Derivation ends it with the next fix, or takes it back when a late one
    shows that there was no silence.
    """
    if not await session.scalar(TRY_LOCK):
        return 0
    values = {"now": now, "after": silence_after, "limit": AT_ONCE}
    found = (await session.execute(_SILENT, values)).all()
    standing = VehicleRules((), {})
    rows = [
        Written(row, each.enterprise_id, None, is_news=True)
        for each in found
        for row in alert_rows(standing.of_episodes([silence(each.vehicle_id, to_ms(each.time), None)]))
    ]
    await write_conclusions(session, ALERT, rows)
    return len(rows)


async def end_the_unfitted(session: AsyncSession, gap: timedelta, now: datetime) -> int:
    """Have the conclusions ended of vehicles whose bindings have run out; give of how many.

    A terminal fitted later than ``gap`` after the last fix begins a track of its own.
    """
    return len((await session.execute(_OVER, {"now": now, "gap": gap, "limit": AT_ONCE})).all())


async def close_days(session: AsyncSession, today: date) -> int:
    """Publish the mileages of days before one; give how many."""
    rows = (await session.execute(_CLOSE, {"today": today, "limit": AT_ONCE})).all()
    await publish(session, "daily_mileage", rows)
    return len(rows)
