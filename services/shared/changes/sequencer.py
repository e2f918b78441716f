"""The one sequencer of a feed: gives committed rows of the outbox their dense positions.

Any number may run; a transaction-level advisory lock, taken in a statement of its own so that the next
statement's snapshot is younger than the lock, elects one for each batch. A sequencer killed at any
instant leaves either the whole batch or nothing of it.
"""

# ruff: noqa: S608 - the schema is a constant of the service, values are parameters

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import asyncpg
from prometheus_client import Counter, Gauge

from services.shared.changes.chain import Entry, next_digest
from services.shared.changes.feed import Feed
from services.shared.changes.lives import Life, current_life
from services.shared.db import Database
from services.shared.logs import get_log

BATCH = 2000
QUICK_S, SLOW_S = 0.02, 0.2
"""Pause after work, and the longest pause of an idle feed."""
_RECONNECT_S = (0.1, 5.0)
_STATE = ("kind", "id", "version", "schema_version", "deleted", "state")

SEQUENCED = Counter("changes_sequenced", "Changes given a position.", ["feed"])
HEAD = Gauge("changes_head", "Newest position of the feed.", ["feed"])


async def run_sequencer(feed: Feed, database: Database, stop: asyncio.Event) -> None:
    """Move the outbox to the feed until `stop` is set; reconnects when the database goes away."""
    log, pause = get_log("sequencer"), _RECONNECT_S[0]
    while not stop.is_set():
        try:
            connection = await database.connect()
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            log.warning("sequencer_waits_for_database", feed=feed.schema, error=type(error).__name__)
            await _wait(stop, pause)
            pause = min(pause * 2, _RECONNECT_S[1])
            continue
        try:
            await _prepare(connection, feed)
            pause = _RECONNECT_S[0]
            await _poll(connection, feed, stop)
        except (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError) as error:
            log.warning("sequencer_lost_database", feed=feed.schema, error=type(error).__name__)
            await _wait(stop, pause)
        except asyncpg.InterfaceError:
            if not connection.is_closed():
                raise
        finally:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=2)


async def _prepare(connection: Any, feed: Feed) -> None:
    """Start a new life of the feed where one is due, even when nothing waits in the outbox."""
    await connection.execute("SET idle_in_transaction_session_timeout = '10s'")
    async with connection.transaction():
        if await _elected(connection, feed):
            await current_life(connection, feed.schema)


async def _poll(connection: Any, feed: Feed, stop: asyncio.Event) -> None:
    pause = QUICK_S
    while not stop.is_set():
        moved = await sequence_batch(connection, feed)
        if moved == BATCH:
            continue
        pause = QUICK_S if moved else min(pause * 1.5, SLOW_S)
        await _wait(stop, pause)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _elected(connection: Any, feed: Feed) -> bool:
    lock = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
    return bool(await connection.fetchval(lock, lock_name(feed)))


def lock_name(feed: Feed) -> str:
    """Return what the sequencer's advisory lock is the hash of."""
    return f"changes.sequencer.{feed.schema}"


async def sequence_batch(connection: Any, feed: Feed) -> int:
    """Give up to `BATCH` committed outbox rows their positions in one transaction; how many it were."""
    if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {feed.schema}.outbox)"):
        return 0
    async with connection.transaction():
        if not await _elected(connection, feed):
            return 0
        life = await current_life(connection, feed.schema)
        rows = await connection.fetch(
            f"SELECT seq, {', '.join(_STATE)} FROM {feed.schema}.outbox ORDER BY seq LIMIT {BATCH}"
        )
        if not rows:
            return 0
        records, head = _chained(life, rows)
        await _ensure_partitions(connection, feed, life.pos + 1, life.pos + len(records))
        await connection.copy_records_to_table(
            "changes",
            schema_name=feed.schema,
            columns=("pos", *_STATE, "recorded_at", "digest"),
            records=records,
        )
        await _upsert_heads(connection, feed, records)
        moved = [row["seq"] for row in rows]
        await connection.execute(f"DELETE FROM {feed.schema}.outbox WHERE seq = ANY($1)", moved)
        await connection.execute(
            f"UPDATE {feed.schema}.feed_meta SET head_pos = $2, head_digest = $3, head_recorded_at = $4"
            " WHERE generation = $1",
            life.generation,
            *head,
        )
        await connection.execute("SELECT pg_notify($1, $2)", feed.channel, str(head[0]))
    SEQUENCED.labels(feed.schema).inc(len(records))
    HEAD.labels(feed.schema).set(head[0])
    return len(records)


def _chained(life: Life, rows: Sequence[Any]) -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
    """Return rows of `changes` (in column order) and the new head (pos, digest, recorded_at)."""
    moment = max(life.now, life.recorded_at)
    digest, records = life.digest, []
    for pos, row in enumerate(rows, life.pos + 1):
        entry = Entry(
            pos,
            row["kind"],
            row["id"],
            row["version"],
            row["schema_version"],
            row["deleted"],
            moment,
            row["state"],
        )
        digest = next_digest(digest, entry)
        records.append((pos, *(row[name] for name in _STATE), moment, digest))
    return records, (life.pos + len(records), digest, moment)


async def _ensure_partitions(connection: Any, feed: Feed, first: int, last: int) -> None:
    """Make the partitions whose first position lies in this batch; the others exist."""
    rows = await connection.fetchval(f"SELECT {feed.schema}.changes_partition_rows()")
    edges = range((first - 1) // rows, (last - 1) // rows + 1)
    for edge in edges:
        low = edge * rows + 1
        if low >= first:
            await connection.fetchval(f"SELECT {feed.schema}.ensure_changes_partition($1)", low)


async def _upsert_heads(connection: Any, feed: Feed, records: list[tuple[Any, ...]]) -> None:
    newest: dict[tuple[str, Any], tuple[Any, ...]] = {}
    for record in records:
        kept = newest.get((record[1], record[2]))
        if kept is None or kept[3] <= record[3]:
            newest[record[1], record[2]] = record
    columns = list(zip(*((*record[1:7], record[0], record[7]) for record in newest.values()), strict=True))
    names = (*_STATE[2:], "pos", "recorded_at")
    await connection.execute(
        f"INSERT INTO {feed.schema}.heads AS h ({', '.join((*_STATE, 'pos', 'recorded_at'))})"
        " SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::smallint[], $5::boolean[],"
        " $6::bytea[], $7::bigint[], $8::timestamptz[]) ON CONFLICT (kind, id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in names)
        + " WHERE h.version <= excluded.version",
        *columns,
    )
