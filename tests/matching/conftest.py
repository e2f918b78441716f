"""Fixtures of the matching tests."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from services.shared.db import Database
from tests.factories import matching as make


@pytest.fixture(scope="session")
def telemetry() -> make.Telemetry:
    """Telemetry's latest positions."""
    return make.Telemetry()


@pytest.fixture(scope="session")
async def app(
    database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory, telemetry: make.Telemetry
) -> FastAPI:
    """The matching app on this worker's database."""
    return make.app(database_urls, tmp_path_factory.mktemp("matching"), telemetry.client())


@pytest.fixture(scope="session")
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Matching behind an in-process client."""
    async with make.running(app) as client:
        yield client


@pytest.fixture(scope="session")
async def worker(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    """The database as the worker sees it."""
    database = Database(database_urls["matching_worker"])
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def world(
    worker: Database, app: FastAPI, telemetry: make.Telemetry, api: httpx.AsyncClient
) -> make.World:
    """Says what the feeds that are followed would say."""
    assert api is not None
    made = make.World(worker, app, telemetry)
    await made.start()
    return made


@pytest.fixture
async def superuser(
    database_urls: dict[str, str],
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection that sees everything."""
    connection = await asyncpg.connect(database_urls["superuser"])
    yield connection
    await connection.close()
