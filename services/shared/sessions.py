"""Request-scoped transactions: one request is one transaction, committed before the answer leaves.

With `scope="function"` FastAPI leaves the dependency after the response has been built and before it
is sent, so a failed commit becomes an error answer and never a lost 2xx.

The whole body is read before a connection is taken: a client that drips must not hold one of them.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared import idempotency
from services.shared.auth import Principal
from services.shared.db import NOBODY, Database, DbScope


def _scope(request: Request) -> DbScope:
    principal: Principal | None = getattr(request.state, "principal", None)
    return principal.db_scope if principal else NOBODY


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="幂等键 / On a POST: repeated with the same key and body within 24 h it has one effect"
        " and gets the first answer again, without the secrets that answer showed.",
        max_length=200,
        json_schema_extra={"pattern": "^[ -~]+$"},  # looked at where the key is, which says what is wrong
    ),
]


async def _write_session(request: Request, _key: IdempotencyKey = None) -> AsyncIterator[AsyncSession]:
    await request.body()
    database: Database = request.app.state.database
    async with database.transaction(_scope(request)) as session:
        await idempotency.begin(request, session)
        yield session


async def _read_session(request: Request) -> AsyncIterator[AsyncSession]:
    await request.body()
    database: Database = request.app.state.database
    async with database.transaction(_scope(request), readonly=True) as session:
        yield session


WriteTx = Annotated[AsyncSession, Depends(_write_session, scope="function")]
"""The request's transaction. Declare it after the guard: row-level security reads the principal."""
ReadTx = Annotated[AsyncSession, Depends(_read_session, scope="function")]
"""The same, read-only."""
