"""What goes with a day of positions, and what has a period of its own.

Conclusions, holds and the log of readings stay. Batches of reception are gone as soon as they are folded, the
cells of vehicles and the checkpoints with the seal.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import text

from services.shared.db import Database
from services.telemetry.domain.fixes import AGE_MS
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.queries.retention import find_dropped_before

AT_ONCE: Final = 5_000
_HELD = """EXISTS (
    SELECT FROM telemetry.legal_holds h
    WHERE h.lifted_at IS NULL AND t.{time} >= h.starts_at AND (h.ends_at IS NULL OR t.{time} < h.ends_at)
        AND (h.vehicle_id IS NULL OR EXISTS (
            SELECT FROM telemetry.terminal_bindings b
            WHERE b.terminal_key = t.terminal_key AND b.vehicle_id = h.vehicle_id AND t.{time} >= b.valid_from
                AND (b.valid_to IS NULL OR t.{time} < b.valid_to))))"""
# A fix may come thirty days after its time, and what was wrong with it may have been that.
_QUARANTINE_HELD = f"""EXISTS (
    SELECT FROM telemetry.legal_holds h
    WHERE h.lifted_at IS NULL AND t.last_received_at >= h.starts_at
        AND (h.ends_at IS NULL OR t.first_received_at < h.ends_at + interval '{AGE_MS} milliseconds')
        AND (h.vehicle_id IS NULL OR EXISTS (
            SELECT FROM telemetry.terminal_bindings b JOIN telemetry.terminals m USING (terminal_key)
            WHERE m.terminal_number = t.terminal_number AND b.vehicle_id = h.vehicle_id
                AND b.valid_from < coalesce(h.ends_at, 'infinity')
                AND coalesce(b.valid_to, 'infinity') > h.starts_at)))"""  # noqa: S608  a constant
_OLD: Final = {
    "terminal_alarms": f"t.time < :positions AND NOT {_HELD.format(time='time')}",
    "terminal_commands": f"t.created_at < :positions AND t.status IN ('answered', 'expired')"
    f" AND NOT {_HELD.format(time='created_at')}",
    "quarantined_positions": f"t.last_received_at < :quarantine AND NOT {_QUARANTINE_HELD}",
    "latest_positions": f"t.time < :positions AND NOT {_HELD.format(time='time')}",
    "ingest_accounting": "t.day < CAST(:accounting AS date)",
    "track_aggregates": "t.time < :aggregates",
}
"""By table, which rows are older than they are kept."""
_FORGET: Final = {
    table: text(
        f"DELETE FROM telemetry.{table} WHERE ctid = any(array("  # noqa: S608  names of ours
        f"SELECT t.ctid FROM telemetry.{table} t WHERE {condition} LIMIT {AT_ONCE} FOR UPDATE SKIP LOCKED))"
    )
    for table, condition in _OLD.items()
}


async def forget_old(database: Database, rules: RetentionRules, clock: datetime) -> dict[str, int]:
    """Delete what is older than it is kept, a few thousand rows a transaction; give how many of each table.

    Alarms, commands and a latest position that no other followed go once the positions of their day have.
    """
    async with database.transaction(readonly=True) as session:
        dropped_before = await find_dropped_before(session)
    values: dict[str, Any] = {
        "positions": dropped_before,
        "quarantine": clock - timedelta(days=rules.quarantine_days),
        "accounting": (clock - timedelta(days=rules.accounting_days)).date(),
        "aggregates": clock - timedelta(days=rules.aggregate_days),
    }
    counts = {}
    for table, statement in _FORGET.items():
        names = statement.compile().params.keys()
        wanted = {name: values[name] for name in names}
        counts[table] = 0 if None in wanted.values() else await _forget(database, table, wanted)
    return counts


async def _forget(database: Database, table: str, values: dict[str, Any]) -> int:
    count, deleted = 0, AT_ONCE
    while deleted == AT_ONCE:
        async with database.transaction() as session:
            result: Any = await session.execute(_FORGET[table], values)
            deleted = result.rowcount
        count += deleted
    return count
