"""Carrying out releases: rows of quarantine judged again, stored, moved in the accounting; in the worker.

A batch of rows is one transaction with the progress of its release, so a kill at any instant loses and
doubles nothing. Counts go through `ingest_batches` like those of every batch, negative where quarantine
loses: folding adds them up, brings latest positions and enqueues derivation.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from services.telemetry.domain.instants import EPOCH_DAY, from_ms, to_ms
from services.telemetry.domain.jt808.judging import Alarm
from services.telemetry.domain.releasing import (
    Delta,
    Held,
    Identity,
    Ledger,
    Verdict,
    identify,
    judge_again,
    span_of,
    unchanged,
)
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.domain.rows import COLUMNS, FLAG_COLUMNS, HEADER, TRAILER, Row, widen
from services.telemetry.operations.requarantine import rewrite
from services.telemetry.operations.storing import LAST_GONE, REFUSALS
from services.telemetry.queries.releases import find_open_release, lock_next_held, lock_open_release

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MOST_ROWS = 200
_ALL = (*COLUMNS, *FLAG_COLUMNS)
_COLUMN_LIST = ", ".join(_ALL)
_PARTITIONS = """
    SELECT telemetry.make_position_partitions(day, day) FROM unnest($1::date[]) AS day
    WHERE to_regclass('telemetry.positions_' || to_char(day, 'YYYYMMDD')) IS NULL
"""
_STAGING = "CREATE TEMP TABLE IF NOT EXISTS released (LIKE telemetry.positions) ON COMMIT DELETE ROWS"
_MERGE = f"""
    INSERT INTO telemetry.positions ({_COLUMN_LIST})
    SELECT {_COLUMN_LIST} FROM pg_temp.released ORDER BY time, terminal_key, content_hash
    ON CONFLICT DO NOTHING RETURNING terminal_key, time, content_hash
"""  # noqa: S608  the columns are constants
_RECORD = """
    INSERT INTO telemetry.ingest_batches
        (received_at, terminal_keys, stored, duplicate, quarantined, min_time, max_time, is_release)
    VALUES (($1::date + time '12:00') AT TIME ZONE $2, $3, $4, $5, $6, $7, $8, true)
"""
# Nobody's rows are not folded: there is no key to fold them by.
_MOVE_UNKNOWN = """
    UPDATE telemetry.ingest_accounting a
    SET received = a.received + d.quarantined, quarantined = a.quarantined + d.quarantined
    FROM unnest($1::text[], $2::date[], $3::int[]) AS d(terminal_number, day, quarantined)
    WHERE a.terminal_number = d.terminal_number AND a.day = d.day
"""
# Told when the report came; now it has its position.
_PLACE = """
    INSERT INTO telemetry.terminal_alarms AS t
        (terminal_key, time, alarm_bits, status_bits, lon, lat, received_at)
    SELECT terminal_key, 'epoch'::timestamptz + time_ms * interval '1 millisecond', alarm, status, lon,
        lat, $7
    FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[], $6::float8[])
        AS a(terminal_key, time_ms, alarm, status, lon, lat)
    ON CONFLICT (terminal_key, time, alarm_bits, status_bits)
        DO UPDATE SET lon = excluded.lon, lat = excluded.lat WHERE t.lon IS NULL
"""
_ADVANCE = """
    UPDATE telemetry.quarantine_releases SET reached_id = $2, examined = examined + $3,
        released = released + $4, stored = stored + $5, duplicate = duplicate + $6,
        status = CASE WHEN $7 THEN 'done' ELSE 'running' END,
        finished_at = CASE WHEN $7 THEN $8::timestamptz END
    WHERE id = $1
"""


class _Terms(NamedTuple):
    """Which release, in whose days it is counted, how long positions are kept, and when it is."""

    release_id: UUID
    zone: str
    rules: RetentionRules
    now: datetime


async def release_some(connection: Connection, zone: str, rules: RetentionRules, now: datetime) -> bool:
    """Take an open release a batch further, its owners taking turns; False when none is open.

    A fix older than positions are kept by ``rules`` stays in quarantine. Where PostgreSQL refuses a batch,
    its rows are taken one by one, and the one it refuses stays.

    Raises:
        asyncpg.PostgresError, OSError: the database is away or cannot work now; it may be tried again.
    """
    release_id = await find_open_release(connection)
    if release_id is None:
        return False
    terms = _Terms(release_id, zone, rules, now)
    try:
        await _release(connection, terms, MOST_ROWS)
    except REFUSALS:
        for _ in range(MOST_ROWS):
            if not await _release_one(connection, terms):
                break
    return True


async def _release_one(connection: Connection, terms: _Terms) -> bool:
    try:
        return await _release(connection, terms, 1)
    except REFUSALS as error:
        return await _release(connection, terms, 1, refusal=str(error)[:200])


async def _release(connection: Connection, terms: _Terms, most: int, refusal: str | None = None) -> bool:
    async with connection.transaction():
        release = await lock_open_release(connection, terms.release_id)
        if release is None:
            return False
        rows, reached = await lock_next_held(connection, release, most)
        oldest_ms = await _find_oldest(connection, terms)
        verdicts = [_judge(held, oldest_ms, refusal) for held in rows]
        new = await _store(connection, [row for verdict in verdicts for row in verdict.rows])
        ledger = Ledger(new)
        for held, verdict in zip(rows, verdicts, strict=True):
            ledger.take(held, verdict)
        await _place_alarms(
            connection, [alarm for verdict in verdicts for alarm in verdict.alarms], terms.now
        )
        gone = await rewrite(connection, rows, verdicts)
        await _account(connection, ledger, verdicts, terms.zone)
        await connection.execute(
            _ADVANCE, release["id"], reached or release["last_id"], len(rows), gone, ledger.stored,
            ledger.duplicate, reached is None, terms.now,
        )  # fmt: skip
    return True


async def _find_oldest(connection: Connection, terms: _Terms) -> int:
    """Give the time, in ms, of the oldest fix that may be stored."""
    oldest = terms.rules.positions_kept_from(terms.now)
    last_gone: date | None = await connection.fetchval(LAST_GONE)
    if last_gone is not None:
        oldest = max(oldest, last_gone + timedelta(days=1))
    return (oldest - EPOCH_DAY).days * 86_400_000


def _judge(held: Held, oldest_ms: int, refusal: str | None) -> Verdict:
    if refusal is not None:
        return unchanged(held, "refused_by_database", refusal)
    try:
        return judge_again(held, oldest_ms)
    except Exception as error:  # noqa: BLE001  no row holds up the others, whatever is in it
        return unchanged(held, "undecodable", type(error).__name__)


async def _store(connection: Connection, rows: Sequence[Row]) -> set[Identity]:
    """Store the fixes that are not there yet; give which they were. Of the same fix the first row counts."""
    once: dict[Identity, Row] = {}
    for row in rows:
        once.setdefault(identify(row), row)
    if not once:
        return set()
    await connection.execute(_PARTITIONS, sorted({EPOCH_DAY + timedelta(days=row[0]) for row in rows}))
    await connection.execute(_STAGING)

    async def source() -> AsyncIterator[bytes]:
        yield b"".join([HEADER, *(widen(row[3]) for row in once.values()), TRAILER])

    await connection.copy_to_table(
        "released", source=source(), columns=_ALL, schema_name="pg_temp", format="binary"
    )
    return {(row[0], to_ms(row[1]), row[2]) for row in await connection.fetch(_MERGE)}


async def _place_alarms(connection: Connection, alarms: Sequence[Alarm], now: datetime) -> None:
    once = sorted({alarm[:4]: alarm for alarm in alarms}.values())
    if once:
        columns = [list(column) for column in zip(*once, strict=True)]
        await connection.execute(_PLACE, *columns, now)


async def _account(connection: Connection, ledger: Ledger, verdicts: Sequence[Verdict], zone: str) -> None:
    known: dict[date, dict[int, Delta]] = defaultdict(dict)
    unknown: list[tuple[str, date, int]] = []
    for (number, key, day), delta in ledger.deltas.items():
        if key is not None:
            known[day][key] = delta
        elif delta.quarantined:
            unknown.append((number, day, delta.quarantined))
    if unknown:
        await connection.execute(_MOVE_UNKNOWN, *map(list, zip(*sorted(unknown), strict=True)))
    spans = span_of([row for verdict in verdicts for row in verdict.rows])
    for day, deltas in sorted(known.items()):
        # A terminal's fixes are told of once, with the first of its days.
        told = {key: spans.pop(key) for key in sorted(deltas) if key in spans}
        await _record(connection, day, zone, deltas, told)


async def _record(
    connection: Connection, day: date, zone: str, deltas: dict[int, Delta], spans: dict[int, tuple[int, int]]
) -> None:
    keys = sorted(deltas)
    counts = [[getattr(deltas[key], name) for key in keys] for name in ("stored", "duplicate", "quarantined")]
    times = [[from_ms(spans[key][end]) if key in spans else None for key in keys] for end in (0, 1)]
    await connection.execute(_RECORD, day, zone, keys, *counts, *times)
