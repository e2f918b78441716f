"""The models and the migrations of telemetry agree."""

import asyncio

from alembic import command

from deploy.local.cluster import alembic_config


async def test_alembic_check_finds_nothing(database_urls: dict[str, str]) -> None:
    await asyncio.to_thread(command.check, alembic_config("telemetry", database_urls["telemetry_owner"]))
