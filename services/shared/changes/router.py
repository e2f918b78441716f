"""The feed over HTTP, for the services that follow it; never routed by the edge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.shared.auth import Principal, Role, require
from services.shared.changes.errors import SNAPSHOT_PATH
from services.shared.changes.feed import Feed
from services.shared.changes.reading import MAX_LIMIT, ChangesPage, ChangesQuery, changes_page, snapshot_page
from services.shared.changes.wakeups import Wakeups
from services.shared.db import Database
from services.shared.routes import Router

_HEX = r"^[0-9a-f]{64}$"
_CURSOR = r"^[a-z][a-z0-9_]*/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

Kinds = Annotated[list[str], Query(alias="kind", max_length=50, description="Only these kinds; repeatable.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most entries a page.")]
Caller = Annotated[Principal, Depends(require(Role.service))]


def feed_router(feed: Feed) -> Router:
    """Return the routes `/internal/v1/changes` and `/internal/v1/snapshot` of a feed."""
    wakeups = Wakeups(feed.channel)

    @asynccontextmanager
    async def life(_app: Any) -> AsyncIterator[None]:
        yield
        await wakeups.close()

    router = Router(include_in_schema=False, lifespan=life)

    @router.get("/internal/v1/changes")
    async def changes(
        _caller: Caller,
        request: Request,
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Limit = 1000,
        wait: Annotated[int, Query(ge=0, le=30, description="Seconds to wait for a first entry.")] = 0,
        kinds: Kinds = [],  # noqa: B006 - FastAPI copies it
        feed_id: UUID | None = None,
        digest: Annotated[str | None, Query(pattern=_HEX)] = None,
    ) -> Response:
        query = ChangesQuery(after, limit, tuple(kinds), feed_id, bytes.fromhex(digest) if digest else None)
        database: Database = request.app.state.database
        page = await wakeups.poll(request, lambda: _read(database, feed, query), wait)
        return Response(page.body, media_type="application/json")

    @router.get(SNAPSHOT_PATH)
    async def snapshot(
        _caller: Caller,
        request: Request,
        cursor: Annotated[str | None, Query(pattern=_CURSOR)] = None,
        limit: Limit = 1000,
        kinds: Kinds = [],  # noqa: B006 - as above
    ) -> Response:
        pool = await request.app.state.database.pool()
        kind, _, entity = (cursor or "").partition("/")
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            after = (kind, UUID(entity)) if cursor else None
            body = await snapshot_page(connection, feed, after=after, limit=limit, kinds=tuple(kinds))
        return Response(body, media_type="application/json")

    return router


async def _read(database: Database, feed: Feed, query: ChangesQuery) -> ChangesPage:
    pool = await database.pool()
    async with pool.acquire() as connection:
        return await changes_page(connection, feed, query)
