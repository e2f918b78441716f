"""Disabled subjects, copied from the registry's `client` feed into each service's own schema.

A disabled client keeps a signed token for up to ten minutes; this list refuses it at once
wherever the feed has arrived.
"""

import asyncio
import time

from sqlalchemy import Column, DateTime, MetaData, String, Table, func, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.db import Database
from services.shared.events.registry import ClientState

_KEEP_S = 1.0


def revocation_table(metadata: MetaData) -> Table:
    """Declare `revoked_subjects` in a service's schema."""
    return Table(
        "revoked_subjects",
        metadata,
        Column("subject", String(200), primary_key=True),
        Column("revoked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


async def apply_client(session: AsyncSession, schema: str, state: ClientState) -> None:
    """Bring the list up to one `client` state of the registry's feed."""
    statement = (
        f"INSERT INTO {schema}.revoked_subjects (subject) VALUES (:subject) ON CONFLICT DO NOTHING"  # noqa: S608 - schema is a constant of the service
        if state.status == "disabled"
        else f"DELETE FROM {schema}.revoked_subjects WHERE subject = :subject"  # noqa: S608 - the same
    )
    await session.execute(text(statement), {"subject": state.subject})


class Revocations:
    """Answers from memory, read anew from the table at most once a second."""

    def __init__(self, database: Database, schema: str) -> None:
        self._database = database
        self._query = f"SELECT subject FROM {schema}.revoked_subjects"  # noqa: S608 - schema is a constant of the service
        self._subjects: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def __call__(self, subject: str) -> bool:
        """Tell whether `subject` has been disabled."""
        if time.monotonic() - self._read_at >= _KEEP_S:
            async with self._reading:
                await self._read_anew()
        return subject in self._subjects

    async def _read_anew(self) -> None:
        """Read unless another caller has while this one waited; a failed reading counts as none."""
        now = time.monotonic()
        if now - self._read_at >= _KEEP_S:
            pool = await self._database.pool()
            self._subjects = frozenset(row[0] for row in await pool.fetch(self._query))
            self._read_at = now
