"""What the JT/T 808 listener reads: terminals, what became of them, the vehicle each is fitted to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

_TERMINAL = """
    SELECT id, terminal_key, terminal_number, status, generation, protocol_version, device_id,
        secret_verifier, issued_verifier, registrable_until, registration_failures
    FROM telemetry.terminals WHERE terminal_number = $1 AND kind = 'jt808' AND status <> 'revoked'
"""
_PLATE = """
    SELECT v.plate_number FROM telemetry.terminal_bindings b JOIN telemetry.vehicles v ON v.id = b.vehicle_id
    WHERE b.terminal_id = $1 AND b.valid_from <= $2 AND (b.valid_to IS NULL OR b.valid_to > $2)
    ORDER BY b.valid_from DESC LIMIT 1
"""
_CHANGED = """
    SELECT s.terminal_key FROM unnest($1::int[], $2::int[]) AS s(terminal_key, generation)
    LEFT JOIN telemetry.terminals t USING (terminal_key)
    WHERE t.generation IS DISTINCT FROM s.generation OR t.status = 'revoked'
"""


async def find_listed_terminal(
    connection: Connection, number: str, *, for_update: bool = False
) -> asyncpg.Record | None:
    """Give a JT/T 808 terminal that is not revoked."""
    found: asyncpg.Record | None = await connection.fetchrow(
        _TERMINAL + ("FOR UPDATE" if for_update else ""), number
    )
    return found


async def find_plate(connection: Connection, terminal_id: object, at: datetime) -> str | None:
    """Give the plate of the vehicle a terminal is fitted to at an instant."""
    found: str | None = await connection.fetchval(_PLATE, terminal_id, at)
    return found


async def find_changed(connection: Connection, generations: Mapping[int, int]) -> Sequence[int]:
    """Give those of the connected terminals whose credential has changed or is gone, by key."""
    rows = await connection.fetch(_CHANGED, list(generations), list(generations.values()))
    return [row[0] for row in rows]
