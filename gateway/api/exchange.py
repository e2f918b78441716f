"""`/exchange/v1`: datasets, changes, snapshots, manifests and keys."""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from gateway.api.audience import Log, Reader
from gateway.domain.datasets import DATASETS
from gateway.operations.manifests import key_set, sign_manifest
from gateway.queries.exchange import (
    MAX_LIMIT,
    ChangesPage,
    ChangesQuery,
    LogName,
    changes_page,
    get_log,
    snapshot_page,
)
from gateway.schemas.exchange import ChangesOut, DatasetOut, DatasetPage, KeysOut, ManifestOut, SnapshotOut
from services.shared.changes.wakeups import Wakeups
from services.shared.clock import Now
from services.shared.db import Database
from services.shared.routes import Router, problems

router = Router(prefix="/exchange/v1", tags=["exchange"])

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most entries a page; 1 to 5000.")]


@router.get("/datasets")
async def list_datasets(audience: Reader) -> DatasetPage:
    """List the datasets this caller may pull: all for the province and the bureaus, the public ones else."""
    found = [
        DatasetOut(
            dataset=each.name,
            audience=audience,
            kind=each.kind,
            fields=list(each.audiences[audience]),
            schema_version=each.schema_version,
        )
        for each in DATASETS.values()
        if audience in each.audiences
    ]
    return DatasetPage(items=found)


@router.get("/keys")
async def list_keys(request: Request) -> KeysOut:
    """Return the public keys that manifests are signed with."""
    return KeysOut(**key_set(request.app.state.manifest_key))


@router.get("/{dataset}/changes", response_model=ChangesOut, responses=problems(409, 410))
async def read_changes(
    request: Request,
    log: Log,
    after: Annotated[int, Query(ge=0, le=2**62, description="Position to go on after; 0 at the start.")] = 0,
    limit: Limit = 1000,
    wait: Annotated[int, Query(ge=0, le=30, description="Seconds to wait for a first entry.")] = 0,
    feed_id: Annotated[UUID | None, Query(description="`feed_id` of the page before.")] = None,
    digest: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="Digest at `after`, to notice a fork.")
    ] = None,
) -> Response:
    """Return the changes after a position: dense, chained, none missing, none twice.

    409 `feed-forked` and 410 `feed-compacted` both name the way back: the snapshot.
    """
    query = ChangesQuery(after, limit, feed_id, bytes.fromhex(digest) if digest else None)
    database: Database = request.app.state.database
    wakeups: Wakeups = request.app.state.wakeups
    page = await wakeups.poll(request, lambda: _read(database, log, query), wait)
    return Response(page.body, media_type="application/json")


@router.get("/{dataset}/snapshot", response_model=SnapshotOut)
async def read_snapshot(
    request: Request,
    log: Log,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Limit = 1000,
) -> Response:
    """Return a page of the newest states; then replay the changes after the first page's `pos`."""
    async with _reading(request.app.state.database) as connection:
        body = await snapshot_page(connection, log, cursor, limit)
    return Response(body, media_type="application/json")


@router.get("/{dataset}/manifest")
async def read_manifest(request: Request, log: Log, now: Now) -> ManifestOut:
    """Return the signed head: position, digest, number and sum of the entities."""
    async with _reading(request.app.state.database) as connection:
        head = await get_log(connection, log)
    return ManifestOut.model_validate(sign_manifest(request.app.state.manifest_key, head, now))


@contextlib.asynccontextmanager
async def _reading(database: Database) -> AsyncIterator[Any]:
    pool = await database.pool()
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def _read(database: Database, log: LogName, query: ChangesQuery) -> ChangesPage:
    async with _reading(database) as connection:
        return await changes_page(connection, log, query)
