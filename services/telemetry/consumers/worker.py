"""The process `telemetry-worker`: sequencer, registry followed, partitions made and dropped, upkeep."""

import asyncio
from functools import partial

from services.shared import idempotency
from services.shared.changes import run_sequencer
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.follow import Source, run_follower
from services.shared.http import internal_client
from services.shared.process import every, run
from services.shared.readiness import check_database
from services.telemetry.consumers.retaining import read_rules, retain
from services.telemetry.models import SCHEMA_REVISION, feed, follow_cursors
from services.telemetry.operations.commands import expire_commands
from services.telemetry.operations.copies import (
    COPY_VERSION,
    KINDS,
    apply_registry_change,
    reset_registry_copies,
)
from services.telemetry.operations.storing import make_partitions
from services.telemetry.settings import TelemetrySettings

UPKEEP_PERIOD_S = 3600.0


async def follow_registry(settings: TelemetrySettings, database: Database, stop: asyncio.Event) -> None:
    """Keep the copies of client, enterprise, vehicle and area equal to the registry."""
    async with internal_client(settings.registry_url, settings.service_key.get_secret_value()) as client:
        source = Source("registry", client, KINDS, COPY_VERSION)
        await run_follower(
            database, follow_cursors, source, apply_registry_change, stop, reset=reset_registry_copies
        )


async def keep_up(database: Database, stop: asyncio.Event) -> None:
    """Make partitions ahead, forget idempotency keys past their day, close expired commands, every hour."""

    async def job() -> None:
        connection = await database.connect()
        try:
            await make_partitions(connection, utc_now())
        finally:
            await connection.close()
        async with database.transaction() as session:
            await idempotency.forget_expired(session, "telemetry")
            await expire_commands(session, utc_now())

    await every(UPKEEP_PERIOD_S, stop, job)


def main() -> None:
    """Run the process."""
    settings = TelemetrySettings()
    database = Database(settings.database_url.get_secret_value(), application="telemetry-worker")
    run(
        "telemetry-worker",
        settings,
        partial(run_sequencer, feed, database),
        partial(follow_registry, settings, database),
        partial(keep_up, database),
        partial(retain, database, read_rules(settings.city_profile)),
        ready=partial(check_database, database, "telemetry", SCHEMA_REVISION),
    )


if __name__ == "__main__":
    main()
