"""Reading over HTTP needs no broker."""

from collections.abc import AsyncIterator

import pytest

from tests.support.positions_stage import Stage, running_stage


@pytest.fixture(scope="module")
async def stage(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stage]:
    """Telemetry's API, and fixes stored as ingest stores them."""
    async with running_stage(database_urls, tmp_path_factory.mktemp("reading")) as running:
        yield running
