"""Writing a copy by version: what is older than the copy changes nothing."""

from typing import Any

from sqlalchemy import Table, delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.follow.source import Change


async def upsert_copy(session: AsyncSession, table: Table, change: Change, **values: Any) -> bool:
    """Bring one change into a table with columns `id` (key) and `version`; whether it was newer.

    A snapshot's later pages may be ahead of the changes replayed after it; the version decides.

    Args:
        session: The follower's transaction.
        table: The copy.
        change: What arrived; a deleted entity's row is deleted.
        values: The other columns.
    """
    if change.deleted:
        statement: Any = delete(table).where(table.c.id == change.id, table.c.version < change.version)
    else:
        row = {"version": change.version, **values}
        statement = (
            insert(table)
            .values(id=change.id, **row)
            .on_conflict_do_update(index_elements=["id"], set_=row, where=table.c.version < change.version)
        )
    result: Any = await session.execute(statement)
    return bool(result.rowcount)
