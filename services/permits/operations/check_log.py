"""Writing the log of checks: group commit, one chain over all API processes.

Each process extends the chain from the head it knows. The primary key on the position lets one win;
the other reads the new head and tries again. Nothing is answered before its entry is committed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.permits.domain.check_chain import chain
from services.permits.queries.checks import LogEntry, append_log, fetch_log_head
from services.shared.batching import Batcher
from services.shared.db import Database

_BATCH = 500
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Record:
    """What one check puts on record; `entry` is its canonical JSON."""

    recorded_at: datetime
    subject: str
    plate_number: str
    entry: bytes


class CheckLog:
    """Appends records; `append` returns a position once the record is committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._head: tuple[int, bytes] | None = None
        self._batches: Batcher[Record, int] = Batcher(self._commit, limit=_BATCH)

    async def append(self, record: Record) -> int:
        """Return the position of the record in the log, after its commit."""
        return await self._batches.ask(record)

    async def _commit(self, records: Sequence[Record]) -> Sequence[int]:
        for attempt in range(_TRIES):
            entries = self._extend(self._head or await fetch_log_head(self._database), records)
            # Unknown until the commit is known: a lost connection must not leave a guess behind.
            self._head = None
            try:
                await append_log(self._database, entries)
            except asyncpg.UniqueViolationError:
                if attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(0)
                continue
            self._head = entries[-1].pos, entries[-1].digest
            return [entry.pos for entry in entries]
        raise AssertionError("unreachable")

    @staticmethod
    def _extend(head: tuple[int, bytes], records: Sequence[Record]) -> list[LogEntry]:
        pos, digest = head
        entries = []
        for record in records:
            pos += 1
            digest = chain(digest, pos, record.entry)
            entries.append(
                LogEntry(pos, record.recorded_at, record.subject, record.plate_number, record.entry, digest)
            )
        return entries
