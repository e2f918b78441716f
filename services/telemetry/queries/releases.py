"""Reading releases and what they are to judge again."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.paging import page
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.releasing import Bridge, Held
from services.telemetry.errors import ReleaseNotFound
from services.telemetry.models import QuarantineRelease
from services.telemetry.queries.terminals import find_bridged, find_terminal_keys, owned

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MOST_BYTES = 1 << 20
# By lot among the owners, so that no firm's releases hold up another's, however many rows they go through.
_DRAW = """
    SELECT id FROM (
        SELECT DISTINCT ON (enterprise_id) id FROM telemetry.quarantine_releases
        WHERE status <> 'done' ORDER BY enterprise_id, id) oldest
    ORDER BY random() LIMIT 1
"""
_LOCK_OPEN = "SELECT * FROM telemetry.quarantine_releases WHERE id = $1 AND status <> 'done' FOR UPDATE"
# The first is always among them, however large.
_NEXT = f"""
    SELECT id FROM (
        SELECT id, sum(octet_length(raw)) OVER (ORDER BY id) AS bytes, row_number() OVER (ORDER BY id) AS n
        FROM telemetry.quarantined_positions
        WHERE id > $1 AND id <= $2 AND ($3::uuid IS NULL OR enterprise_id = $3)
            AND ($4::bigint[] IS NULL OR id = any($4)) AND ($5::text IS NULL OR terminal_number = $5)
            AND ($6::text[] IS NULL OR reason = any($6))
            AND ($7::timestamptz IS NULL OR last_received_at >= $7)
            AND ($8::timestamptz IS NULL OR first_received_at < $8)
        ORDER BY id LIMIT $9) next
    WHERE bytes <= {MOST_BYTES} OR n = 1
"""  # noqa: S608  a constant
# In the order in which ingest writes them.
_HOLD = """
    SELECT id, digest, terminal_number, reason, detail, raw, days, first_received_at, last_received_at
    FROM telemetry.quarantined_positions WHERE id = any($1) ORDER BY digest FOR UPDATE
"""


async def find_open_release(connection: Connection) -> UUID | None:
    """Give the oldest open release of one of those who have any."""
    found: UUID | None = await connection.fetchval(_DRAW)
    return found


async def lock_open_release(connection: Connection, release_id: UUID) -> asyncpg.Record | None:
    """Lock a release and give it; None when it is done by now."""
    return await connection.fetchrow(_LOCK_OPEN, release_id)


async def count_open_releases(session: AsyncSession, enterprise_id: UUID | None) -> int:
    """Count the open releases of a firm, or of the offices."""
    statement = select(func.count()).where(
        QuarantineRelease.status != "done",
        QuarantineRelease.enterprise_id.is_not_distinct_from(enterprise_id),
    )
    return await session.scalar(statement) or 0


async def lock_next_held(
    connection: Connection, release: asyncpg.Record, most: int
) -> tuple[list[Held], int | None]:
    """Lock the next rows of a release and give them in the order in which they came.

    Returns:
        The rows, and the id up to which the release has then come; None at its end.
    """
    criteria = ("enterprise_id", "ids", "terminal_number", "reasons", "received_from", "received_to")
    found = await connection.fetch(
        _NEXT, release["reached_id"], release["last_id"], *(release[name] for name in criteria), most
    )
    if not found:
        return [], None
    ids = [row["id"] for row in found]
    rows = sorted(await connection.fetch(_HOLD, ids), key=lambda row: int(row["id"]))
    keys = await find_terminal_keys(connection, sorted({row["terminal_number"] for row in rows}))
    bridges = await _find_bridges(connection, [row for row in rows if row["terminal_number"] not in keys])
    return [_held(row, keys.get(row["terminal_number"]), bridges.get(row["id"])) for row in rows], max(ids)


async def _find_bridges(connection: Connection, rows: Sequence[asyncpg.Record]) -> dict[int, Bridge]:
    """Give, by row, the bridge that passed it on and the terminal it was for, which is the row's detail."""
    named = {row["id"]: (row["terminal_number"], row["detail"]) for row in rows}
    found = await find_bridged(connection, set(named.values())) if named else {}
    return {
        name: Bridge(each.sender_key, pair[1], each.terminal_key)
        for name, pair in named.items()
        if (each := found[pair]).is_bridge and each.sender_key is not None
    }


def _held(row: asyncpg.Record, key: int | None, bridge: Bridge | None) -> Held:
    days = {date.fromisoformat(day): int(times) for day, times in json.loads(row["days"]).items()}
    return Held(
        row["digest"], row["terminal_number"], key, row["reason"], row["raw"], days,
        to_ms(row["first_received_at"]), row["first_received_at"], row["last_received_at"], bridge,
    )  # fmt: skip


async def get_release(session: AsyncSession, who: Principal, release_id: UUID) -> QuarantineRelease:
    """Give a release of the caller.

    Raises:
        ReleaseNotFound: unknown or not the caller's.
    """
    statement = select(QuarantineRelease).where(
        QuarantineRelease.id == release_id, owned(who, QuarantineRelease.enterprise_id)
    )
    release = await session.scalar(statement)
    if release is None:
        raise ReleaseNotFound
    return release


async def page_releases(
    session: AsyncSession, who: Principal, cursor: str | None, limit: int
) -> tuple[Sequence[QuarantineRelease], str | None]:
    """Give one page of the caller's releases, oldest first."""
    statement = select(QuarantineRelease).where(owned(who, QuarantineRelease.enterprise_id))
    keys: list[Any] = [QuarantineRelease.id]
    return await page(session, statement, keys, cursor, limit)
