"""Bringing the broker's password file up to the terminal table."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import asyncpg

from services.telemetry.domain.broker_files import password_text
from services.telemetry.queries.terminals import CREDENTIALS, UNLOADED_EXISTS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_LOADED = """
    UPDATE telemetry.terminals t SET active_generation = l.generation,
        status = CASE WHEN t.status = 'pending' THEN 'active' ELSE t.status END
    FROM unnest($1::uuid[], $2::int[]) AS l(id, generation)
    WHERE t.id = l.id AND t.active_generation < l.generation
"""


async def is_behind(connection: Connection) -> bool:
    """Whether a credential has changed that the broker has not loaded."""
    return bool(await connection.fetchval(UNLOADED_EXISTS))


async def load_credentials(
    connection: Connection, platform_lines: Sequence[str], install: Callable[[str], None]
) -> int:
    """Write every credential in force, let the broker read them, and say so; give how many terminals changed.

    ``install`` writes the file and signals the broker. Only the generations that were read are marked: a
    change made meanwhile is loaded in the next round.
    """
    rows = await connection.fetch(CREDENTIALS)
    install(
        password_text(
            platform_lines,
            ((row["terminal_number"], row["secret_verifier"]) for row in rows if row["status"] != "revoked"),
        )
    )
    changed = [row for row in rows if row["generation"] != row["active_generation"]]
    await connection.execute(_LOADED, [row["id"] for row in changed], [row["generation"] for row in changed])
    return len(changed)
