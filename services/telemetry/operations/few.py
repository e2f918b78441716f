"""A quiet platform's few rows: one statement, a transaction of its own in one exchange with the database.

COPY takes six, and each costs as much as a disk's flush.
"""

from functools import cache
from typing import Final

from services.telemetry.domain.columns import LEAST
from services.telemetry.domain.instants import from_ms, to_ms
from services.telemetry.domain.rows import COLUMNS, from_micros, partition, unpack
from services.telemetry.domain.touched import COLUMNS as TOUCHED
from services.telemetry.domain.touched import touched_by_few
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.recording import Connection

FEW: Final = LEAST
"""More are encoded as columns, which are for COPY."""
_TYPES: Final = (
    "integer", "timestamptz", "bigint", "float8", "float8", "integer", "real", "real", "real",
    "float8", "real", "real", "smallint", "bigint", "bigint", "timestamptz",
)  # fmt: skip
_INSTANTS: Final = [place for place, kind in enumerate(_TYPES) if kind == "timestamptz"]


def is_few(batch: Batch) -> bool:
    """Tell whether a batch is a few rows of one day and nothing else."""
    rows = batch.rows
    more = batch.parts or batch.flagged or batch.rejects or batch.alarms or batch.answers
    return 0 < len(rows) <= FEW and not more and rows[0][0] == rows[-1][0]


async def store_few(connection: Connection, batch: Batch) -> None:
    """Store a batch that is few, all new, and what it touched.

    Raises:
        asyncpg.UniqueViolationError: Some of it is stored already; nothing has been.
    """
    columns = [list(column) for column in zip(*[unpack(row[3]) for row in batch.rows], strict=True)]
    for place in _INSTANTS:
        columns[place] = [from_ms(from_micros(micros)) for micros in columns[place]]
    received_at = from_ms(to_ms(batch.received_at))
    await connection.execute(_statement(batch.rows[0][0]), received_at, *touched_by_few(batch.rows), *columns)


@cache
def _statement(day: int) -> str:
    touched = ", ".join([f"${n}" for n in range(1, len(TOUCHED) + 1)])
    rows = ", ".join([f"${n}::{kind}[]" for n, kind in enumerate(_TYPES, len(TOUCHED) + 1)])
    return f"""
        WITH touched AS (
            INSERT INTO telemetry.ingest_batches ({", ".join(TOUCHED)}) VALUES ({touched}))
        INSERT INTO telemetry.{partition(day)} ({", ".join(COLUMNS)}) SELECT * FROM unnest({rows})
    """  # noqa: S608  the names are constants and a day
