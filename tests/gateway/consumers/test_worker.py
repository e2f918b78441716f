"""The worker process: waits for services that are away, and ends when told."""

import asyncio
import json
from pathlib import Path

import asyncpg

from gateway.consumers.worker import work
from gateway.domain.datasets import DATASETS
from gateway.settings import GatewaySettings
from services.shared.auth.tokens import generate_key
from services.shared.db import Database
from tests.support.waiting import eventually


async def test_it_makes_the_logs_waits_for_the_services_and_ends(
    fresh_database_urls: dict[str, str], tmp_path: Path, unused_port: int
) -> None:
    nobody = f"http://127.0.0.1:{unused_port}"
    settings = GatewaySettings(
        database_url=fresh_database_urls["gateway_worker"],
        service_key=json.dumps(generate_key("gateway")),
        service_keys_file=tmp_path / "service_keys.json",
        registry_url=nobody,
        telemetry_url=nobody,
        permits_url=nobody,
        matching_url=nobody,
        port=unused_port,
    )
    stop = asyncio.Event()
    working = asyncio.create_task(work(settings, Database(settings.database_url.get_secret_value()), stop))
    superuser = await asyncpg.connect(fresh_database_urls["superuser"])

    async def logs_are_there() -> bool:
        found = await superuser.fetchval("SELECT count(*) FROM gateway.exchange_logs")
        return bool(found == sum(len(dataset.audiences) for dataset in DATASETS.values()))

    await eventually(logs_are_there)
    assert not working.done()
    stop.set()
    async with asyncio.timeout(5):
        await working
    await superuser.close()
