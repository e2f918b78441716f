"""Fixtures of the permits tests."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from services.shared.db import Database
from tests.factories import permits as make


@pytest.fixture(scope="session")
async def app(database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The permits app on this worker's database."""
    return make.app(database_urls, tmp_path_factory.mktemp("permits"))


@pytest.fixture(scope="session")
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Permits behind an in-process client."""
    async with make.running(app) as client:
        yield client


@pytest.fixture(scope="session")
async def worker(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    """The database as the worker sees it."""
    database = Database(database_urls["permits_worker"])
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def registry(worker: Database) -> make.Registry:
    """Says what the registry's feed would say."""
    return make.Registry(worker)


@pytest.fixture
async def superuser(
    database_urls: dict[str, str],
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection that sees everything."""
    connection = await asyncpg.connect(database_urls["superuser"])
    yield connection
    await connection.close()
