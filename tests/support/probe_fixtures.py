"""Fixtures of the probe; a folder's conftest imports those it offers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.shared.db import Database
from tests.support.probe import Keys
from tests.support.probe_databases import ProbeDatabases
from tests.support.run_cluster import RunCluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def probe_databases(test_cluster: RunCluster) -> ProbeDatabases:
    """Makes databases with the probe's and the mirror's schema."""
    return await ProbeDatabases.make(test_cluster.cluster)


@pytest.fixture
def urls(probe_databases: ProbeDatabases) -> Iterator[dict[str, str]]:
    """URLs by role of a database of this test alone."""
    with probe_databases.clone() as made:
        yield made


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """The mirror's key, known to the probe."""
    return Keys.make(tmp_path)


@pytest_asyncio.fixture(loop_scope="session")
async def probe(urls: dict[str, str]) -> AsyncIterator[Database]:
    """The probe's database, as its worker."""
    database = Database(urls["probe_worker"], pool_size=40)
    yield database
    await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def mirror(urls: dict[str, str]) -> AsyncIterator[Database]:
    """The mirror's database, as its worker."""
    database = Database(urls["mirror_worker"])
    yield database
    await database.close()
