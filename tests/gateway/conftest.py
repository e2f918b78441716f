"""Fixtures of the gateway's tests."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from services.shared.db import Database
from tests.factories import gateway as make


@pytest.fixture(scope="session")
async def app(database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The gateway's app on this worker's database."""
    return make.app(database_urls, tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="session")
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The gateway behind an in-process client."""
    async with make.running(app) as client:
        yield client


@pytest.fixture(scope="session")
async def worker(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    """The database as the gateway's worker sees it."""
    database = Database(database_urls["gateway_worker"])
    yield database
    await database.close()


@pytest.fixture
async def feeds(worker: Database) -> make.Feeds:
    """Says what the services' feeds would say; the logs are there."""
    feeds = make.Feeds(worker)
    await feeds.start()
    return feeds


@pytest.fixture
async def superuser(
    database_urls: dict[str, str],
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection that sees and may do everything."""
    connection = await asyncpg.connect(database_urls["superuser"])
    yield connection
    await connection.close()
