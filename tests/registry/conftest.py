"""Fixtures of the registry's tests."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from services.registry.main import create_app
from tests.factories import imports as files
from tests.factories import registry as make


@pytest.fixture(scope="session")
async def app(database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The registry's app on this worker's database."""
    return create_app(make.api_settings(database_urls, tmp_path_factory.mktemp("registry")))


@pytest.fixture(scope="session")
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The registry behind an in-process client."""
    async with make.running(app) as client:
        yield client


@pytest.fixture
async def firm(api: httpx.AsyncClient) -> make.Firm:
    """A fresh active firm."""
    return await make.admit_firm(api)


@pytest.fixture
async def superuser(
    database_urls: dict[str, str],
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection that sees everything."""
    connection = await asyncpg.connect(database_urls["superuser"])
    yield connection
    await connection.close()


@pytest.fixture
async def desk(api: httpx.AsyncClient, database_urls: dict[str, str]) -> AsyncIterator[files.Desk]:
    """Hands files in and works on them as the importer does."""
    found = files.desk(api, database_urls["registry_worker"])
    yield found
    await found.database.close()
