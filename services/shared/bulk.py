"""Many rows at once: COPY and set-based statements inside a session's transaction.

A batch costs a few statements, however many rows it has. What a constraint refuses is told, not raised, so
that one row's refusal is not the batch's.
"""

# ruff: noqa: S608 - names of tables and columns are the service's own metadata

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession


def table_of(mapped: type[Any]) -> Table:
    """Return the table of a mapped class."""
    return cast("Table", mapped.__table__)


T = TypeVar("T")


def copy_of(mapped: type[T], row: Any, **changes: Any) -> T:
    """Return a row as a new object of its class, with changes; no session knows it, so none writes it."""
    values = {name: getattr(row, name) for name in _written(table_of(mapped))}
    return mapped(**values | changes)


async def copy_rows(
    session: AsyncSession, table: Table, columns: Sequence[str], records: Iterable[Sequence[Any]]
) -> None:
    """Add rows by COPY to a table without row-level security, which PostgreSQL's COPY does not do.

    Args:
        session: In whose transaction; a flush comes first.
        table: Of the service's metadata.
        columns: Their order in each record.
        records: Values as asyncpg takes them; JSON already as text.
    """
    await session.flush()
    await _copy(session, table.name, table.schema, columns, records)


async def insert_rows(
    session: AsyncSession, table: Table, columns: Sequence[str], records: Iterable[Sequence[Any]]
) -> None:
    """Add rows to a table under row-level security; a broken constraint ends the transaction.

    Args:
        session: In whose transaction; a flush comes first.
        table: Of the service's metadata.
        columns: Their order in each record; those left out are empty.
        records: Values as asyncpg takes them; JSON already as text.
    """
    stage = await stage_rows(session, table, columns, records)
    names = ", ".join(columns)
    await session.execute(text(f"INSERT INTO {table.fullname} ({names}) SELECT {names} FROM {stage}"))


async def change_rows(
    session: AsyncSession,
    table: Table,
    columns: Sequence[str],
    records: Iterable[Sequence[Any]],
    changed: Sequence[str],
) -> None:
    """Write columns of rows on record, known by their primary keys, where they differ.

    Args:
        session: In whose transaction; a flush comes first.
        table: Of the service's metadata.
        columns: Their order in each record.
        records: Values as asyncpg takes them; JSON already as text.
        changed: What is written, each among the columns.
    """
    stage = await stage_rows(session, table, columns, records)
    values = ", ".join(f"{name} = s.{name}" for name in changed)
    same = " AND ".join(f"t.{key.name} = s.{key.name}" for key in table.primary_key)
    before, after = (", ".join(f"{of}.{name}" for name in changed) for of in "ts")
    await session.execute(
        text(
            f"UPDATE {table.fullname} AS t SET {values} FROM {stage} AS s"
            f" WHERE {same} AND ({before}) IS DISTINCT FROM ({after})"
        )
    )


async def stage_rows(
    session: AsyncSession, table: Table, columns: Sequence[str], records: Iterable[Sequence[Any]]
) -> str:
    """Put rows into a temporary table like this one, for a statement of the caller's; return its name.

    It holds one batch at a time and is gone with the transaction.
    """
    await session.flush()
    stage = f"stage_{table.name}"
    empty = f"AS SELECT * FROM {table.fullname} WITH NO DATA"  # LIKE would want values of generated columns
    await session.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DROP {empty}"))
    await session.execute(text(f"TRUNCATE {stage}"))
    await _copy(session, stage, None, columns, records)
    return stage


Rows = Sequence[Mapping[str, Any]]
"""Values by column; one that is left out is empty."""


async def insert_mappings(session: AsyncSession, table: Table, rows: Rows) -> None:
    """Add rows to a table under row-level security; a broken constraint ends the transaction."""
    if rows:
        stage = await _staged(session, table, rows)
        names = ", ".join(_written(table))
        await session.execute(text(f"INSERT INTO {table.fullname} ({names}) SELECT {names} FROM {stage}"))


async def insert_untaken(session: AsyncSession, table: Table, rows: Rows) -> set[UUID]:
    """Add rows, leaving out those a unique or exclusion constraint refuses; return the ids that were added.

    Another transaction that holds one of the same values is waited for. It may wait for this one likewise:
    PostgreSQL inserts speculatively here, so the two end one after the other and never as a deadlock.
    """
    if not rows:
        return set()
    stage = await _staged(session, table, rows)
    names = ", ".join(_written(table))
    added = await session.scalars(
        text(
            f"INSERT INTO {table.fullname} ({names}) SELECT {names} FROM {stage}"
            " ON CONFLICT DO NOTHING RETURNING id"
        )
    )
    return set(added)


async def update_versions(session: AsyncSession, table: Table, rows: Rows, columns: Collection[str]) -> int:
    """Write columns of rows whose `version` was raised by one; return how many still had the one before."""
    if not rows:
        return 0
    stage = await _staged(session, table, rows)
    changed = ", ".join(f"{name} = s.{name}" for name in columns)
    done: Any = await session.execute(
        text(
            f"UPDATE {table.fullname} AS t SET {changed} FROM {stage} AS s"
            " WHERE t.id = s.id AND t.version = s.version - 1"
        )
    )
    return int(done.rowcount)


def _written(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.computed is None]


async def _staged(session: AsyncSession, table: Table, rows: Rows) -> str:
    names = _written(table)
    as_json = [column.name for column in table.columns if isinstance(column.type, JSONB)]
    texts = ({**row, **{name: json.dumps(row[name]) for name in as_json}} for row in rows)
    return await stage_rows(session, table, names, (tuple(map(row.get, names)) for row in texts))


async def _copy(
    session: AsyncSession,
    table: str,
    schema: str | None,
    columns: Sequence[str],
    records: Iterable[Sequence[Any]],
) -> None:
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.copy_records_to_table(table, schema_name=schema, columns=columns, records=records)
