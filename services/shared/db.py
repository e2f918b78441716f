"""Database access: one engine and one asyncpg pool a process, transactions with row-level security.

A transaction of an API process carries who asks as transaction-local settings (`app.role`,
`app.enterprise_id`, `app.subject`), which the row-level security policies read. They are never set
on the connection, where the next borrower would inherit them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, DateTime, MetaData, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Key = Annotated[UUID, mapped_column(primary_key=True)]
Timestamp = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Big = Annotated[int, mapped_column(BigInteger)]

_SET_SCOPE = (
    "SELECT set_config('app.role', {0}, true), set_config('app.enterprise_id', {1}, true),"
    " set_config('app.subject', {2}, true), set_config('transaction_read_only', {3}, true)"
)
_SET_SCOPE_NAMED = text(_SET_SCOPE.format(":role", ":enterprise", ":subject", ":readonly"))
_SET_SCOPE_NUMBERED = _SET_SCOPE.format("$1::text", "$2::text", "$3::text", "$4::text")


def make_metadata(schema: str) -> MetaData:
    """Return the metadata of a service: its schema and the constraint naming convention."""
    return MetaData(schema=schema, naming_convention=NAMING)


def constraint_of(error: IntegrityError) -> str | None:
    """Return the name of the constraint a statement broke, to be mapped where the statement is."""
    name: str | None = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
    return name


@dataclass(frozen=True, slots=True)
class DbScope:
    """Who asks, as row-level security sees it; empty strings see nothing."""

    role: str = ""
    enterprise_id: str = ""
    subject: str = ""

    def own(self) -> UUID | None:
        """Return the firm whose rows a statement is about, for its `where`; None for an office."""
        return UUID(self.enterprise_id) if self.role == "enterprise" else None


NOBODY = DbScope()


class Database:
    """The connections of one process, as one database role.

    Args:
        url: `postgresql://role:password@host:port/name`.
        pool_size: Most connections of the SQLAlchemy engine, and of the asyncpg pool.
        application: Name shown in `pg_stat_activity`.
    """

    def __init__(self, url: str, *, pool_size: int = 10, application: str = "cityfreight") -> None:
        self.url = url
        self._pool_size = pool_size
        self._server_settings = {
            "search_path": "public",
            "timezone": "UTC",
            "application_name": application,
        }
        self.engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,  # an error's text goes to the log; bound values must not
            connect_args={"server_settings": self._server_settings, "timeout": 5},
        )
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        """Return the asyncpg pool for hot paths, opened at first use."""
        async with self._opening:  # two first callers must not open two pools
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self.url,
                    min_size=1,
                    max_size=self._pool_size,
                    timeout=5,
                    server_settings=self._server_settings,
                )
        return self._pool

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Return a connection of its own, outside the pools (for LISTEN and long work)."""
        return await asyncpg.connect(self.url, timeout=5, server_settings=self._server_settings)

    @asynccontextmanager
    async def transaction(
        self, scope: DbScope = NOBODY, *, readonly: bool = False
    ) -> AsyncIterator[AsyncSession]:
        """Open one transaction; commit at the end, roll back on any error."""
        async with self.sessions() as session, session.begin():
            await session.execute(_SET_SCOPE_NAMED, _scope_values(scope, readonly=readonly))
            yield session

    @asynccontextmanager
    async def acquire(
        self, scope: DbScope = NOBODY, *, readonly: bool = False
    ) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
        """Open one transaction on an asyncpg connection, for hot paths."""
        pool = await self.pool()
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_SCOPE_NUMBERED, *_scope_values(scope, readonly=readonly).values())
            yield connection

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None
        await self.engine.dispose()


def _scope_values(scope: DbScope, *, readonly: bool) -> dict[str, Any]:
    return {
        "role": scope.role,
        "enterprise": scope.enterprise_id,
        "subject": scope.subject,
        "readonly": "on" if readonly else "off",
    }
