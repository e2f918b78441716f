"""Writing an audit log: group commit, one chain over all processes of a service.

Each process extends the chain from the head it knows. The primary key on the position lets one win;
the other reads the new head and tries again. Nothing is answered before its entry is committed.
"""

# ruff: noqa: S608 - schema, table and columns are constants of the service, values are parameters

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.shared.audit.chain import GENESIS, chain
from services.shared.audit.tables import LogTable
from services.shared.batching import Batcher
from services.shared.db import Database, DbScope

_BATCH = 500
_TRIES = 50

Head = tuple[int, bytes]
"""Position and digest of the newest entry; (0, GENESIS) of an empty log."""


@dataclass(frozen=True, slots=True)
class Record:
    """What goes on record; `entry` is its canonical JSON, `repeated` the values of the log's own columns."""

    recorded_at: datetime
    subject: str
    repeated: tuple[Any, ...]
    entry: bytes


def log_reader(table: LogTable) -> DbScope:
    """Return the scope of the service itself, which reads the whole log."""
    return DbScope(role="service", subject=f"svc:{table.schema}")


async def fetch_head(database: Database, table: LogTable) -> Head:
    """Return the head of a log; kept elsewhere it is a checkpoint that proves everything up to it."""
    async with database.acquire(log_reader(table), readonly=True) as connection:
        row = await connection.fetchrow(
            f"SELECT pos, digest FROM {table.schema}.{table.name} ORDER BY pos DESC LIMIT 1"
        )
    return (row["pos"], row["digest"]) if row else (0, GENESIS)


class AuditLog:
    """Appends records; `append` returns a position once the record is committed."""

    def __init__(self, database: Database, table: LogTable) -> None:
        self._database = database
        self._table = table
        self._insert = _insert_into(table)
        self._head: Head | None = None
        self._batches: Batcher[Record, int] = Batcher(self._commit, limit=_BATCH)

    async def append(self, record: Record) -> int:
        """Return the position of the record in the log, after its commit."""
        return await self._batches.ask(record)

    async def _commit(self, records: Sequence[Record]) -> Sequence[int]:
        for attempt in range(_TRIES):
            rows = _extend(self._head or await fetch_head(self._database, self._table), records)
            # Unknown until the commit is known: a lost connection must not leave a guess behind.
            self._head = None
            try:
                await self._write(rows)
            except asyncpg.UniqueViolationError:
                if attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(0)
                continue
            self._head = rows[-1][0], rows[-1][-1]
            return [row[0] for row in rows]
        raise AssertionError("unreachable")

    async def _write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        pool = await self._database.pool()
        async with pool.acquire() as connection:
            await connection.execute(self._insert, *map(list, zip(*rows, strict=True)))


def _extend(head: Head, records: Sequence[Record]) -> list[tuple[Any, ...]]:
    pos, digest = head
    rows: list[tuple[Any, ...]] = []
    for record in records:
        pos += 1
        digest = chain(digest, pos, record.entry)
        rows.append((pos, record.recorded_at, record.subject, *record.repeated, record.entry, digest))
    return rows


def _insert_into(table: LogTable) -> str:
    own = [(column.name, column.type) for column in table.repeated]
    columns = [
        ("pos", "bigint"),
        ("recorded_at", "timestamptz"),
        ("subject", "text"),
        *own,
        ("entry", "bytea"),
        ("digest", "bytea"),
    ]
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, 1))
    return f"INSERT INTO {table.schema}.{table.name} ({names}) SELECT * FROM unnest({arrays})"
