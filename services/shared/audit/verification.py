"""Proving an audit log: the chain from its first entry, the columns beside it, a checkpoint kept elsewhere.

What a checkpoint proves ends with it: entries after it could be cut off or written anew by whoever commands
the database, until the next checkpoint has left.
"""

# ruff: noqa: S608 - schema, table and columns are constants of the service, values are parameters

from collections.abc import Sequence
from typing import Any

import msgspec

from services.shared.audit.chain import GENESIS, first_break
from services.shared.audit.log import Head, log_reader
from services.shared.audit.tables import LogTable
from services.shared.db import Database
from services.shared.schemas import parse_instant

_PAGE = 5000
_LOWEST = -(2**63)


async def find_break(database: Database, table: LogTable, checkpoint: Head = (0, GENESIS)) -> int | None:
    """Verify a whole log; return the first position that does not hold, or None.

    Args:
        database: Of a role that may read it.
        table: The log.
        checkpoint: Its head at some time, kept where nobody of the database could change it.
    """
    async with database.acquire(log_reader(table), readonly=True) as connection:
        after, digest, bound = 0, GENESIS, _LOWEST
        while rows := await connection.fetch(
            f"SELECT * FROM {table.schema}.{table.name} WHERE pos > $1 ORDER BY pos LIMIT {_PAGE}", bound
        ):
            broken = first_break(((r["pos"], r["entry"], r["digest"]) for r in rows), after, digest)
            found = _first([broken, _first_other(rows, table), _past(rows, checkpoint)])
            if found is not None:
                return found
            after, digest = rows[-1]["pos"], rows[-1]["digest"]
            bound = after
    return after + 1 if after < checkpoint[0] else None


def _first(positions: Sequence[int | None]) -> int | None:
    return min((pos for pos in positions if pos is not None), default=None)


def _past(rows: Sequence[Any], checkpoint: Head) -> int | None:
    """Return the checkpoint's position when another digest stands there."""
    return next((r["pos"] for r in rows if r["pos"] == checkpoint[0] and r["digest"] != checkpoint[1]), None)


def _first_other(rows: Sequence[Any], table: LogTable) -> int | None:
    """Return the first position whose columns say something else than its entry."""
    return next((row["pos"] for row in rows if not _agrees(row, table)), None)


def _agrees(row: Any, table: LogTable) -> bool:
    try:
        entry = msgspec.json.decode(row["entry"])
        said = [_member(entry, column.path) for column in table.repeated]
        who = parse_instant(entry["recorded_at"]), entry["subject"]
    except (msgspec.DecodeError, ValueError, KeyError, TypeError):
        return False
    held = [None if row[column.name] is None else str(row[column.name]) for column in table.repeated]
    return said == held and who == (row["recorded_at"], row["subject"])


def _member(entry: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        entry = entry[name]
    return entry
