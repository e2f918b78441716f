"""One batch of positions in one transaction: positions, quarantine, accounting, what has to be derived.

The common batch goes by binary COPY straight into the day's partition. Row-level security stands on the
parent only, which no API role can pass by; PostgreSQL does not COPY into a table that has it. A batch with
a fix that is already stored fails on the primary key and goes again through a staging table with ON
CONFLICT DO NOTHING. Repeating a batch is therefore always harmless, whatever became of the first attempt.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import asyncpg
import msgspec

from services.telemetry.domain.fixes import Rejected
from services.telemetry.domain.instants import EPOCH_DAY
from services.telemetry.domain.rows import (
    COLUMNS,
    FLAG_COLUMNS,
    Row,
    in_storage_order,
    partition,
    stated,
    widen,
)
from services.telemetry.operations.batch import Batch, Quarantine
from services.telemetry.operations.few import is_few, store_few
from services.telemetry.operations.recording import (
    Connection,
    copy_tuples,
    record_rest,
    record_touched,
)

REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProtocolViolationError)
"""What PostgreSQL says of a row, and would say again; anything else is about its own state."""
NO_PARTITION = (asyncpg.UndefinedTableError, asyncpg.CheckViolationError, asyncpg.RestrictViolationError)
"""What PostgreSQL says of a day without a partition: to COPY, to INSERT, and of one that has been closed."""
PARTITIONS_BEHIND, PARTITIONS_AHEAD = timedelta(days=31), timedelta(days=2)
_COLUMN_LIST = ", ".join((*COLUMNS, *FLAG_COLUMNS))
_MERGE = f"""
    WITH merged AS (
        INSERT INTO telemetry.positions ({_COLUMN_LIST})
        SELECT {_COLUMN_LIST} FROM pg_temp.staging ORDER BY time, terminal_key, content_hash
        ON CONFLICT DO NOTHING RETURNING terminal_key)
    SELECT terminal_key, count(*)::int FROM merged GROUP BY terminal_key
"""  # noqa: S608  the columns are constants
_MAKE_DAYS = "SELECT telemetry.make_position_partitions(day, day) FROM unnest($1::date[]) AS day"
LAST_GONE = "SELECT max(day) FROM telemetry.position_days"
_STAGING = "CREATE TEMP TABLE IF NOT EXISTS staging (LIKE telemetry.positions) ON COMMIT DELETE ROWS"


async def make_partitions(connection: Connection, now: datetime) -> None:
    """Make the daily partitions for every time a good fix may have at ``now``, and the next days'."""
    await connection.execute(
        "SELECT telemetry.make_position_partitions($1, $2)",
        (now - PARTITIONS_BEHIND).date(),
        (now + PARTITIONS_AHEAD).date(),
    )


async def store_batch(connection: Connection, batch: Batch, zone: str) -> bool:
    """Commit a batch; give whether it held duplicates.

    A row the database refuses is searched out, goes to quarantine as ``refused_by_database``, and the rest
    is stored; one of a day whose positions have been dropped goes there as ``too_old``.

    Raises:
        asyncpg.PostgresError, OSError: the database is away or cannot work now; the batch may be tried again.
    """
    batch.rows.sort(key=in_storage_order)
    if batch.flagged:
        batch.split()
    repairs = [(NO_PARTITION, _find_place), (REFUSALS, _set_refused_aside)]
    while True:
        try:
            return await _store(connection, batch, zone)
        except (*NO_PARTITION, *REFUSALS) as error:
            repair = next((each for each in repairs if isinstance(error, each[0])), None)
            if repair is None:
                raise
            repairs.remove(repair)
            await repair[1](connection, batch, error)


async def _find_place(connection: Connection, batch: Batch, _: asyncpg.PostgresError) -> None:
    """Make the partitions that a batch lacks; what belongs to a day that is gone goes to quarantine."""
    batch.split()
    days = sorted({row[0] for row in batch.rows})
    await connection.execute(_MAKE_DAYS, [EPOCH_DAY + timedelta(days=day) for day in days])
    last_gone: date | None = await connection.fetchval(LAST_GONE)
    if last_gone is None:
        return
    gone = [row for row in batch.rows if EPOCH_DAY + timedelta(days=row[0]) <= last_gone]
    if gone:
        numbers = await _numbers(connection, gone)
        batch.rejects += [
            _refuse(row, numbers[row[1]], "too_old", f"positions up to {last_gone} have been dropped")
            for row in gone
        ]
        batch.rows = [row for row in batch.rows if EPOCH_DAY + timedelta(days=row[0]) > last_gone]


async def _set_refused_aside(connection: Connection, batch: Batch, error: asyncpg.PostgresError) -> None:
    """Send to quarantine the rows that the database refuses by themselves.

    Raises:
        asyncpg.PostgresError: the error that was given, when it refuses none.
    """
    batch.split()
    refused = await _find_refused(connection, batch.rows, flagged=batch.flagged)
    if not refused:
        raise error
    numbers = await _numbers(connection, refused)
    bad = {id(row) for row in refused}
    batch.rows = [row for row in batch.rows if id(row) not in bad]
    why = str(error)[:200]
    batch.rejects += [_refuse(row, numbers[row[1]], "refused_by_database", why) for row in refused]


async def _store(connection: Connection, batch: Batch, zone: str) -> bool:
    if not batch.redelivered:
        try:
            await _store_new(connection, batch, zone)
        except asyncpg.UniqueViolationError:
            batch.redelivered = True
        else:
            batch.new = batch.good
            return False
    batch.split()
    async with connection.transaction():
        stored = await _merge(connection, batch.rows, flagged=batch.flagged)
        await record_touched(connection, batch, stored)
        await record_rest(connection, batch, zone)
    batch.new = sum(stored.values())
    return batch.new < len(batch.rows)


async def _store_new(connection: Connection, batch: Batch, zone: str) -> None:
    if is_few(batch) and not connection.is_in_transaction():
        await store_few(connection, batch)
        return
    async with connection.transaction():
        for day, tuples in sorted(batch.by_day().items()):
            await copy_tuples(connection, partition(day), _columns(flagged=batch.flagged), tuples)
        await record_touched(connection, batch, None)
        await record_rest(connection, batch, zone)


def _columns(*, flagged: bool) -> Sequence[str]:
    return (*COLUMNS, *FLAG_COLUMNS) if flagged else COLUMNS


async def _merge(connection: Connection, rows: Sequence[Row], *, flagged: bool) -> dict[int, int]:
    """Store the rows that are not there yet; give how many of each terminal were new."""
    await connection.execute(_STAGING)
    tuples = [widen(row[3]) if flagged else row[3] for row in rows]
    await copy_tuples(connection, "staging", _columns(flagged=flagged), tuples, "pg_temp")
    return {row[0]: row[1] for row in await connection.fetch(_MERGE)}


async def _find_refused(connection: Connection, rows: Sequence[Row], *, flagged: bool) -> list[Row]:
    """Search out, by halving, the rows that the database refuses by themselves."""
    if not rows:
        return []
    transaction = connection.transaction()
    await transaction.start()
    try:
        await _merge(connection, rows, flagged=flagged)
    except REFUSALS:
        await transaction.rollback()
    else:
        await transaction.rollback()
        return []
    if len(rows) == 1:
        return list(rows)
    half = len(rows) // 2
    first = await _find_refused(connection, rows[:half], flagged=flagged)
    return [*first, *await _find_refused(connection, rows[half:], flagged=flagged)]


async def _numbers(connection: Connection, rows: Sequence[Row]) -> dict[int, str]:
    found = await connection.fetch(
        "SELECT terminal_key, terminal_number FROM telemetry.terminals WHERE terminal_key = any($1)",
        [row[1] for row in rows],
    )
    return {row[0]: row[1] for row in found}


def _refuse(row: Row, number: str, reason: str, detail: str) -> Quarantine:
    return Quarantine(number, row[1], Rejected(reason, detail, msgspec.json.encode(stated(row[3]))))
