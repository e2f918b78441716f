"""One batch of positions in one transaction: positions, quarantine, accounting, what has to be derived.

The common batch goes by binary COPY straight into the day's partition. Row-level security stands on the
parent only, which no API role can pass by; PostgreSQL does not COPY into a table that has it. A batch with
a fix that is already stored fails on the primary key and goes again through a staging table with ON
CONFLICT DO NOTHING. Repeating a batch is therefore always harmless, whatever became of the first attempt.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import asyncpg
import msgspec

from services.telemetry.domain.columns import Part
from services.telemetry.domain.documents import CommandAnswer
from services.telemetry.domain.fixes import Rejected
from services.telemetry.domain.jt808.judging import Judged
from services.telemetry.domain.rows import (
    COLUMNS,
    FLAG_COLUMNS,
    HEADER,
    TRAILER,
    Row,
    encode,
    encode_flagged,
    in_storage_order,
    widen,
)
from services.telemetry.domain.touched import COLUMNS as TOUCHED_COLUMNS
from services.telemetry.domain.touched import encode_touched, good, insert_touched

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProtocolViolationError)
"""What PostgreSQL says of a row, and would say again; anything else is about its own state."""
EPOCH_DAY = date(1970, 1, 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARTITIONS_BEHIND, PARTITIONS_AHEAD = timedelta(days=31), timedelta(days=2)
FEW = 64
"""Rows whose record goes as text."""
_COLUMN_LIST = ", ".join((*COLUMNS, *FLAG_COLUMNS))
_MERGE = f"""
    WITH merged AS (
        INSERT INTO telemetry.positions ({_COLUMN_LIST})
        SELECT {_COLUMN_LIST} FROM pg_temp.staging ORDER BY time, terminal_key, content_hash
        ON CONFLICT DO NOTHING RETURNING terminal_key)
    SELECT terminal_key, count(*)::int FROM merged GROUP BY terminal_key
"""  # noqa: S608  the columns are constants
_STAGING = "CREATE TEMP TABLE IF NOT EXISTS staging (LIKE telemetry.positions) ON COMMIT DELETE ROWS"
_QUARANTINE = """
        INSERT INTO telemetry.quarantined_positions (digest, terminal_number, enterprise_id, reason, detail,
        raw, times, first_received_at, last_received_at) SELECT q.digest, q.terminal_number,
        t.enterprise_id, q.reason, q.detail, q.raw, q.times, $7, $7 FROM unnest($1::bytea[], $2::text[],
        $3::text[], $4::text[], $5::bytea[], $6::int[]) AS q(digest, terminal_number, reason, detail, raw,
        times) LEFT JOIN telemetry.terminals t USING (terminal_number) ON CONFLICT (digest) DO UPDATE SET
        times = quarantined_positions.times + excluded.times, last_received_at = excluded.last_received_at
"""
_ALARMS = """
    INSERT INTO telemetry.terminal_alarms
        (terminal_key, time, alarm_bits, status_bits, lon, lat, received_at)
    SELECT terminal_key, 'epoch'::timestamptz + time_ms * interval '1 millisecond',
        alarm, status, lon, lat, $7
    FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[], $6::float8[])
        AS a(terminal_key, time_ms, alarm, status, lon, lat)
    ORDER BY terminal_key, time_ms ON CONFLICT DO NOTHING
"""
# A late answer is one all the same: the terminal has done it. Nobody answers for another one.
_ANSWERS = """
    UPDATE telemetry.terminal_commands c SET status = 'answered', result = a.result, answered_at = $4,
        delivered_at = coalesce(c.delivered_at, $4)
    FROM unnest($1::uuid[], $2::int[], $3::int[]) AS a(id, result, terminal_key)
    WHERE c.id = a.id AND c.terminal_key = a.terminal_key AND c.status <> 'answered'
"""
_ACCOUNT_UNKNOWN = """
    INSERT INTO telemetry.ingest_accounting (terminal_number, day, received, stored, duplicate, quarantined)
    SELECT a.terminal_number, ($3::timestamptz AT TIME ZONE $4)::date, a.quarantined, 0, 0, a.quarantined
    FROM unnest($1::text[], $2::int[]) AS a(terminal_number, quarantined)
    ON CONFLICT (terminal_number, day) DO UPDATE SET
        received = ingest_accounting.received + excluded.received,
        quarantined = ingest_accounting.quarantined + excluded.quarantined
"""


@dataclass(slots=True)
class Quarantine:
    """A rejected fix of a terminal; ``key`` is None for an unknown one."""

    terminal_number: str
    key: int | None
    rejected: Rejected


class Alarm(NamedTuple):
    """A JT/T 808 report with alarm bits; without coordinates where the receiver had none."""

    key: int
    time_ms: int
    alarm: int
    status: int
    lon: float | None
    lat: float | None


@dataclass(slots=True)
class Batch:
    """What was received and decoded together.

    ``redelivered`` when some of it may be stored already, ``flagged`` when some rows have alarm and status.
    """

    received_at: datetime
    rows: list[Row] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    """Good fixes of a kind that were encoded together."""
    rejects: list[Quarantine] = field(default_factory=list)
    redelivered: bool = False
    flagged: bool = False
    alarms: list[Alarm] = field(default_factory=list)
    answers: list[tuple[int, CommandAnswer]] = field(default_factory=list)
    new: int = 0
    """Rows that were not there yet, once it is stored."""

    @property
    def good(self) -> int:
        """How many good fixes it holds."""
        return len(self.rows) + sum(len(part.keys) for part in self.parts)

    def by_day(self) -> dict[int, list[bytes]]:
        """Give the tuples of COPY of each UTC day of the epoch."""
        found: dict[int, list[bytes]] = {}
        for part in self.parts:
            for day, tuples in part.by_day():
                found.setdefault(day, []).append(tuples)
        for day, _, _, row, _ in self.rows:
            found.setdefault(day, []).append(widen(row) if self.flagged else row)
        return found

    def split(self) -> None:
        """Turn parts into rows, for what has to look at each."""
        for part in self.parts:
            self.rows += part.rows()
        self.parts = []
        self.rows.sort(key=in_storage_order)

    def add(self, number: str, key: int, report: Judged, now_ms: int) -> None:
        """Take a judged report of a terminal."""
        time_ms, fix, rejected, alarm, status = report
        if fix is None:
            if rejected is not None:
                self.rejects.append(Quarantine(number, key, rejected))
        elif alarm is None or status is None:
            self.rows.append(encode(key, time_ms, fix, now_ms))
        else:
            self.flagged = True
            self.rows.append(encode_flagged(key, time_ms, fix, now_ms, (alarm, status)))
        if alarm and status is not None:
            place = (None, None) if fix is None else (fix.lon, fix.lat)
            self.alarms.append(Alarm(key, time_ms, alarm, status, *place))


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
    is stored.

    Raises:
        asyncpg.PostgresError, OSError: the database is away or cannot work now; the batch may be tried again.
    """
    batch.rows.sort(key=in_storage_order)
    if batch.flagged:
        batch.split()
    try:
        return await _store(connection, batch, zone)
    except asyncpg.UndefinedTableError:
        await make_partitions(connection, batch.received_at)
        return await _store(connection, batch, zone)
    except REFUSALS as error:
        batch.split()
        refused = await _find_refused(connection, batch.rows, flagged=batch.flagged)
        if not refused:
            raise
        numbers = await _numbers(connection, refused)
        bad = {id(row) for row in refused}
        batch.rows = [row for row in batch.rows if id(row) not in bad]
        batch.rejects += [_refuse(row, numbers[row[1]], error) for row in refused]
        return await _store(connection, batch, zone)


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
        await _record_touched(connection, batch, stored)
        await _record(connection, batch, zone)
    batch.new = sum(stored.values())
    return batch.new < len(batch.rows)


async def _store_new(connection: Connection, batch: Batch, zone: str) -> None:
    """Store what is all new; a quiet platform's few rows in as few exchanges as there can be."""
    few = 0 < len(batch.rows) <= FEW and not batch.parts and not connection.is_in_transaction()
    if few:
        touched = insert_touched(_ms(batch.received_at), batch.rows, _bad(batch))
    async with _begun(connection, touched) if few else connection.transaction():
        for day, tuples in sorted(batch.by_day().items()):
            await _copy(connection, partition(day), _columns(flagged=batch.flagged), tuples)
        if not few:
            await _record_touched(connection, batch, None)
        await _record(connection, batch, zone)


@asynccontextmanager
async def _begun(connection: Connection, first: str) -> AsyncIterator[None]:
    """A transaction that begins with a statement, in one exchange."""
    try:
        await connection.execute(f"BEGIN; {first}")
        yield
        await connection.execute("COMMIT")
    except BaseException:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise


def partition(day: int) -> str:
    """Give the name of the partition of a UTC day of the epoch."""
    return f"positions_{EPOCH_DAY + timedelta(days=day):%Y%m%d}"


def _columns(*, flagged: bool) -> Sequence[str]:
    return (*COLUMNS, *FLAG_COLUMNS) if flagged else COLUMNS


async def _copy(
    connection: Connection, table: str, columns: Sequence[str], tuples: list[bytes], schema: str = "telemetry"
) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"".join([HEADER, *tuples, TRAILER])

    await connection.copy_to_table(
        table, source=source(), columns=columns, schema_name=schema, format="binary"
    )


async def _merge(connection: Connection, rows: Sequence[Row], *, flagged: bool) -> dict[int, int]:
    """Store the rows that are not there yet; give how many of each terminal were new."""
    await connection.execute(_STAGING)
    tuples = [widen(row[3]) if flagged else row[3] for row in rows]
    await _copy(connection, "staging", _columns(flagged=flagged), tuples, "pg_temp")
    return {row[0]: row[1] for row in await connection.fetch(_MERGE)}


def _ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _bad(batch: Batch) -> Counter[int]:
    return Counter(reject.key for reject in batch.rejects if reject.key is not None)


async def _record_touched(connection: Connection, batch: Batch, stored: dict[int, int] | None) -> None:
    """Record which terminals the batch touched; ``stored`` None means every row was new."""
    touched = encode_touched(_ms(batch.received_at), good(batch.rows, batch.parts), _bad(batch), stored)
    if touched:
        await _copy(connection, "ingest_batches", TOUCHED_COLUMNS, [touched])


async def _record(connection: Connection, batch: Batch, zone: str) -> None:
    """Record what is no position: what was rejected, alarms, answers."""
    if batch.rejects:
        await _quarantine(connection, batch, zone)
    if batch.alarms:
        columns = [list(column) for column in zip(*batch.alarms, strict=True)]
        await connection.execute(_ALARMS, *columns, batch.received_at)
    if batch.answers:
        answered = [(each.command_id, each.result, key) for key, each in batch.answers]
        columns = [list(column) for column in zip(*answered, strict=True)]
        await connection.execute(_ANSWERS, *columns, batch.received_at)


async def _quarantine(connection: Connection, batch: Batch, zone: str) -> None:
    unique: dict[bytes, list[Any]] = {}
    for reject in batch.rejects:
        number, (reason, detail, raw, *_) = reject.terminal_number, reject.rejected
        digest = hashlib.sha256(number.encode() + b"\0" + raw).digest()
        entry = unique.setdefault(digest, [number, reason, _printable(detail), raw, 0])
        entry[4] += 1
    columns = list(zip(*([digest, *entry] for digest, entry in sorted(unique.items())), strict=True))
    await connection.execute(_QUARANTINE, *[list(column) for column in columns], batch.received_at)
    unknown = Counter(reject.terminal_number for reject in batch.rejects if reject.key is None)
    if unknown:
        numbers = sorted(unknown)
        counts = [unknown[number] for number in numbers]
        await connection.execute(_ACCOUNT_UNKNOWN, numbers, counts, batch.received_at, zone)


def _printable(text: str) -> str:
    return text.replace("\0", "\\0").encode("ascii", "backslashreplace").decode()


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


def _refuse(row: Row, number: str, error: Exception) -> Quarantine:
    raw = msgspec.json.encode(row[4])
    return Quarantine(number, row[1], Rejected("refused_by_database", str(error)[:200], raw))
