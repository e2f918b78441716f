"""Proving the accounting: the counts of each terminal and day against the rows that are really there.

For the days of reception still open to change (a week), one statement, hence one instant, compares what is
accounted plus what is committed and not folded yet with the positions received that day and with the times
in quarantine. All terminals are gone through again and again, a few at a time.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias

import asyncpg
from prometheus_client import Counter, Gauge

from services.shared.logs import get_log
from services.telemetry.domain.fixes import AGE_MS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

DAYS: Final = 7
AT_ONCE: Final = 5
CHECKED = Counter("telemetry_accounts_checked_total", "Terminals whose accounts were compared with the rows")
DIFFERENCES = Gauge(
    "telemetry_accounts_differing", "Accounts (terminal and day) of the last full round that do not agree"
)
log = get_log(__name__)

_NEXT = """
    SELECT terminal_key, terminal_number FROM telemetry.terminals
    WHERE terminal_key > $1 ORDER BY terminal_key LIMIT $2
"""
_COMPARE = """
WITH wanted AS (SELECT * FROM unnest($1::int[], $2::text[]) AS w(terminal_key, terminal_number)),
claimed AS (
    SELECT a.terminal_number, a.day, a.stored, a.quarantined FROM telemetry.ingest_accounting a
    JOIN wanted USING (terminal_number) WHERE a.day >= $3
    UNION ALL
    SELECT w.terminal_number, (i.received_at AT TIME ZONE $4)::date, u.stored, u.quarantined
    FROM telemetry.ingest_batches i, unnest(i.terminal_keys, i.stored, i.quarantined)
        AS u(terminal_key, stored, quarantined) JOIN wanted w USING (terminal_key)
    WHERE (i.received_at AT TIME ZONE $4)::date >= $3),
there AS (
    SELECT w.terminal_number, (p.received_at AT TIME ZONE $4)::date AS day, 1 AS stored, 0 AS quarantined
    FROM wanted w JOIN telemetry.positions p USING (terminal_key)
    WHERE p.time >= $5 AND p.received_at >= $3::timestamp AT TIME ZONE $4
    UNION ALL
    SELECT q.terminal_number, d.key::date, 0, d.value::integer
    FROM wanted JOIN telemetry.quarantined_positions q USING (terminal_number), jsonb_each_text(q.days) d
    WHERE d.key::date >= $3),
sums AS (
    SELECT terminal_number, day, sum(stored) AS stored, sum(quarantined) AS quarantined FROM (
        SELECT * FROM claimed
        UNION ALL SELECT terminal_number, day, -stored, -quarantined FROM there) each
    GROUP BY terminal_number, day)
SELECT * FROM sums WHERE stored <> 0 OR quarantined <> 0 ORDER BY terminal_number, day
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One account that does not agree: by how much more is claimed than is there."""

    terminal_number: str
    day: date
    stored: int
    quarantined: int


@dataclass(slots=True)
class Round:
    """How far one round over all terminals has come."""

    reached: int = 0
    found: list[Difference] = field(default_factory=list)


async def compare_accounts(
    connection: Connection, terminals: dict[int, str], zone: str, today: date
) -> list[Difference]:
    """Give the accounts of these terminals (key to number) that do not agree with the rows, of this week."""
    since = today - timedelta(days=DAYS - 1)
    oldest = datetime.combine(since, time.min, UTC) - timedelta(milliseconds=AGE_MS, days=1)
    rows = await connection.fetch(_COMPARE, list(terminals), list(terminals.values()), since, zone, oldest)
    return [Difference(row[0], row[1], int(row[2]), int(row[3])) for row in rows]


async def check_some(connection: Connection, round_: Round, zone: str, today: date) -> Round:
    """Compare the next terminals; give the round that goes on, a new one after the last of them."""
    found = await connection.fetch(_NEXT, round_.reached, AT_ONCE)
    if not found:
        DIFFERENCES.set(len(round_.found))
        return Round()
    terminals = {row["terminal_key"]: row["terminal_number"] for row in found}
    differing = await compare_accounts(connection, terminals, zone, today)
    for each in differing:
        log.error(
            "account_differs", terminal=each.terminal_number, day=each.day.isoformat(), stored=each.stored,
            quarantined=each.quarantined,
        )  # fmt: skip
    CHECKED.inc(len(terminals))
    return Round(max(terminals), [*round_.found, *differing])
