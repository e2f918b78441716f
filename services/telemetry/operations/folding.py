"""Folding: what committed batches touched becomes latest positions, accounting, health, work for derivation.

It reads nothing but what is committed, and deletes a batch's record in the transaction that folds it. So no
latest position and no count can be lost or doubled by a kill: what was not folded is folded by whoever
comes next.
"""

from typing import TypeAlias

import asyncpg

from services.telemetry.domain.health import USUAL_JUMP, JumpLimit
from services.telemetry.operations.health_folding import COUNT, HEALTH, LATEST_COUNTS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MAX_BATCHES = 500
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('telemetry.fold', 0))"
_LATEST_COLUMNS = (
    "time, content_hash, lon, lat, cell, speed_kmh, heading_deg, altitude_m, mileage_km, soc_pct,"
    " cargo_temp_c, load_state, received_at"
)
_ASSIGN = (
    ", ".join(f"{name} = excluded.{name}" for name in _LATEST_COLUMNS.split(", "))
    + ", revision = excluded.revision"
)
_FOLD = f"""
WITH taken AS (
    DELETE FROM telemetry.ingest_batches
    WHERE id IN (SELECT id FROM telemetry.ingest_batches ORDER BY id LIMIT {MAX_BATCHES}) RETURNING *),
touched AS MATERIALIZED (
    SELECT u.terminal_key, (t.received_at AT TIME ZONE $1)::date AS day,
        floor(extract(epoch FROM t.received_at) / 60)::int AS minute, t.is_release,
        sum(u.stored) AS stored, sum(u.duplicate) AS duplicate, sum(u.quarantined) AS quarantined,
        min(u.min_time) AS min_time, max(u.max_time) AS max_time,
        min(t.received_at - u.max_time) AS delay, max(t.received_at) AS heard_at
    FROM taken t, unnest(t.terminal_keys, t.stored, t.duplicate, t.quarantined, t.min_time, t.max_time)
        AS u(terminal_key, stored, duplicate, quarantined, min_time, max_time)
    GROUP BY u.terminal_key, day, minute, t.is_release),
counted AS (
    SELECT terminal_key, day, sum(stored) AS stored, sum(duplicate) AS duplicate,
        sum(quarantined) AS quarantined
    FROM touched GROUP BY terminal_key, day),
accounted AS (
    INSERT INTO telemetry.ingest_accounting
        (terminal_number, day, enterprise_id, received, stored, duplicate, quarantined)
    SELECT m.terminal_number, d.day, m.enterprise_id, d.stored + d.duplicate + d.quarantined, d.stored,
        d.duplicate, d.quarantined
    FROM counted d JOIN telemetry.terminals m USING (terminal_key) ORDER BY m.terminal_number, d.day
    ON CONFLICT (terminal_number, day) DO UPDATE SET
        enterprise_id = excluded.enterprise_id,
        received = ingest_accounting.received + excluded.received,
        stored = ingest_accounting.stored + excluded.stored,
        duplicate = ingest_accounting.duplicate + excluded.duplicate,
        quarantined = ingest_accounting.quarantined + excluded.quarantined),
newest AS MATERIALIZED (
    SELECT terminal_key, min(min_time) AS since, max(max_time) AS time FROM touched
    WHERE max_time IS NOT NULL GROUP BY terminal_key),
latest AS (
    INSERT INTO telemetry.latest_positions AS l
        (terminal_key, {_LATEST_COLUMNS}, revision, {", ".join(LATEST_COUNTS)})
    SELECT n.terminal_key, p.*, (p.received_at AT TIME ZONE $1)::date, 0, 0, 0
    FROM newest n CROSS JOIN LATERAL (
        SELECT {_LATEST_COLUMNS}, $2::bigint, boot FROM telemetry.positions p
        WHERE p.terminal_key = n.terminal_key AND p.time = n.time ORDER BY p.content_hash LIMIT 1) p
    ORDER BY n.terminal_key
    ON CONFLICT (terminal_key) DO UPDATE SET {_ASSIGN},{COUNT}
    WHERE excluded.time > l.time OR (excluded.time = l.time AND excluded.content_hash < l.content_hash)
    RETURNING l.terminal_key, l.received_at),
{HEALTH.strip()},
pending AS (
    INSERT INTO telemetry.pending_derivations (vehicle_id, since, until)
    SELECT b.vehicle_id, min(greatest(n.since, b.valid_from)), max(n.time) FROM newest n
    JOIN telemetry.terminal_bindings b ON b.terminal_key = n.terminal_key AND b.is_primary
        AND b.valid_from <= n.time AND (b.valid_to IS NULL OR b.valid_to > n.since)
    GROUP BY b.vehicle_id)
SELECT count(*) FROM taken
"""  # noqa: S608  built of constants


async def fold_batches(connection: Connection, zone: str, jump: JumpLimit = USUAL_JUMP) -> int:
    """Fold the oldest committed batches; give how many. One folder works at a time, others give 0.

    The revision that readers of changes follow is drawn under the lock, so it grows in the order of commits.
    """
    async with connection.transaction():
        if not await connection.fetchval(_LOCK):
            return 0
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM telemetry.ingest_batches)"):
            return 0
        revision = await connection.fetchval("SELECT nextval('telemetry.latest_revision')")
        folded: int = await connection.fetchval(_FOLD, zone, revision, *jump)
        return folded
