"""What a batch leaves beside its positions: which terminals it touched, quarantine, alarms, answers."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

import asyncpg

from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.releasing import digest_of
from services.telemetry.domain.rows import HEADER, TRAILER
from services.telemetry.domain.touched import COLUMNS, encode_touched, good
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.commands import answer_commands

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

CHUNK_BYTES = 128 << 10
"""Of a COPY: what is handed on at a time, so that little lies in memory more than once."""

_QUARANTINE = """
        INSERT INTO telemetry.quarantined_positions (digest, terminal_number, enterprise_id, reason, detail,
        raw, times, first_received_at, last_received_at) SELECT q.digest, q.terminal_number,
        t.enterprise_id, q.reason, q.detail, q.raw, q.times, $7, $7 FROM unnest($1::bytea[], $2::text[],
        $3::text[], $4::text[], $5::bytea[], $6::int[]) AS q(digest, terminal_number, reason, detail, raw,
        times) LEFT JOIN telemetry.terminals t USING (terminal_number) ON CONFLICT (digest) DO UPDATE SET
        times = quarantined_positions.times + excluded.times, last_received_at = excluded.last_received_at
"""
# Positions are put on derivation's work list when they are folded; what has none is put there at once.
_ALARMS = """
    WITH added AS (
        INSERT INTO telemetry.terminal_alarms
            (terminal_key, time, alarm_bits, status_bits, lon, lat, received_at)
        SELECT terminal_key, 'epoch'::timestamptz + time_ms * interval '1 millisecond',
            alarm, status, lon, lat, $7
        FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[], $6::float8[])
            AS a(terminal_key, time_ms, alarm, status, lon, lat)
        ORDER BY terminal_key, time_ms ON CONFLICT DO NOTHING
        RETURNING terminal_key, time, lon)
    INSERT INTO telemetry.pending_derivations (vehicle_id, since, until)
    SELECT b.vehicle_id, min(a.time), max(a.time) FROM added a
    JOIN telemetry.terminal_bindings b ON b.terminal_key = a.terminal_key AND b.is_primary
        AND a.time >= b.valid_from AND (b.valid_to IS NULL OR a.time < b.valid_to)
    WHERE a.lon IS NULL GROUP BY b.vehicle_id
"""
_ACCOUNT_UNKNOWN = """
    INSERT INTO telemetry.ingest_accounting (terminal_number, day, received, stored, duplicate, quarantined)
    SELECT a.terminal_number, ($3::timestamptz AT TIME ZONE $4)::date, a.quarantined, 0, 0, a.quarantined
    FROM unnest($1::text[], $2::int[]) AS a(terminal_number, quarantined)
    ON CONFLICT (terminal_number, day) DO UPDATE SET
        received = ingest_accounting.received + excluded.received,
        quarantined = ingest_accounting.quarantined + excluded.quarantined
"""


async def copy_tuples(
    connection: Connection, table: str, columns: Sequence[str], tuples: list[bytes], schema: str = "telemetry"
) -> None:
    """Run one binary COPY into a table."""
    await connection.copy_to_table(
        table, source=_chunks(tuples), columns=columns, schema_name=schema, format="binary"
    )


async def _chunks(tuples: list[bytes]) -> AsyncIterator[bytes]:
    pieces, size = [HEADER], 0
    for each in tuples:
        pieces.append(each)
        size += len(each)
        if size >= CHUNK_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join([*pieces, TRAILER])


def _bad(batch: Batch) -> Counter[int]:
    return Counter(reject.key for reject in batch.rejects if reject.key is not None)


async def record_touched(connection: Connection, batch: Batch, stored: dict[int, int] | None) -> None:
    """Record which terminals the batch touched; ``stored`` None means every row was new."""
    touched = encode_touched(to_ms(batch.received_at), good(batch.rows, batch.parts), _bad(batch), stored)
    if touched:
        await copy_tuples(connection, "ingest_batches", COLUMNS, [touched])


async def record_rest(connection: Connection, batch: Batch, zone: str) -> None:
    """Record what is no position: what was rejected, alarms, answers."""
    if batch.rejects:
        await _quarantine(connection, batch, zone)
    if batch.alarms:
        columns = [list(column) for column in zip(*batch.alarms, strict=True)]
        await connection.execute(_ALARMS, *columns, batch.received_at)
    answered = [(each.command_id, each.result, key) for key, each in batch.answers]
    await answer_commands(connection, answered, batch.received_at)


async def _quarantine(connection: Connection, batch: Batch, zone: str) -> None:
    unique: dict[tuple[str, bytes], list[Any]] = {}
    for reject in batch.rejects:
        number, (reason, detail, raw, *_) = reject.terminal_number, reject.rejected
        entry = unique.setdefault((number, raw), [number, reason, printable(detail), raw, 0])
        entry[4] += 1
    digests = {digest_of(*of): entry for of, entry in unique.items()}
    columns = list(zip(*([digest, *entry] for digest, entry in sorted(digests.items())), strict=True))
    await connection.execute(_QUARANTINE, *[list(column) for column in columns], batch.received_at)
    unknown = Counter(reject.terminal_number for reject in batch.rejects if reject.key is None)
    if unknown:
        numbers = sorted(unknown)
        counts = [unknown[number] for number in numbers]
        await connection.execute(_ACCOUNT_UNKNOWN, numbers, counts, batch.received_at, zone)


def printable(text: str) -> str:
    """Give a text that PostgreSQL takes, whatever has been read."""
    return text.replace("\0", "\\0").encode("ascii", "backslashreplace").decode()
