"""The process `telemetry-worker`: sequencer, registry followed, releases, accounts proven, retention, upkeep.

Beside: tells the head of the log of readings, which kept elsewhere is a checkpoint of it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg

from services.shared import idempotency
from services.shared.audit import access_log_of, fetch_head
from services.shared.changes import run_sequencer
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.follow import Source, run_follower
from services.shared.http import internal_client
from services.shared.logs import get_log
from services.shared.process import every, run
from services.shared.readiness import check_database
from services.telemetry.consumers.retaining import retain
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.models import SCHEMA_REVISION, feed, follow_cursors
from services.telemetry.operations.accounting import Round, check_some
from services.telemetry.operations.city_profile import read_retention
from services.telemetry.operations.commands import expire_commands
from services.telemetry.operations.copies import (
    COPY_VERSION,
    KINDS,
    apply_registry_change,
    reset_registry_copies,
)
from services.telemetry.operations.releasing import release_some
from services.telemetry.operations.storing import make_partitions
from services.telemetry.settings import TelemetrySettings

UPKEEP_PERIOD_S = 3600.0
CHECKPOINT_PERIOD_S = 60.0
RELEASE_PERIOD_S, ACCOUNT_PERIOD_S, FAILURE_S = 1.0, 5.0, 5.0
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


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


async def tell_checkpoint(database: Database, stop: asyncio.Event) -> None:
    """Say every minute where the log of readings is."""

    async def job() -> None:
        pos, digest = await fetch_head(database, access_log_of("telemetry"))
        get_log("worker").info("access_log_checkpoint", pos=pos, digest=digest.hex())

    await every(CHECKPOINT_PERIOD_S, stop, job)


async def carry_out_releases(
    database: Database, zone: str, rules: RetentionRules, stop: asyncio.Event
) -> None:
    """Judge again what has been asked for, batch by batch."""

    async def step(connection: "asyncpg.Connection[asyncpg.Record]") -> float:
        return 0.0 if await release_some(connection, zone, rules, utc_now()) else RELEASE_PERIOD_S

    await _keep_on(database, stop, step)


async def prove_accounts(database: Database, settings: TelemetrySettings, stop: asyncio.Event) -> None:
    """Compare the accounts of all terminals with the rows, a few terminals every few seconds."""
    round_ = Round()

    async def step(connection: "asyncpg.Connection[asyncpg.Record]") -> float:
        nonlocal round_
        today = utc_now().astimezone(settings.zone).date()
        round_ = await check_some(connection, round_, settings.zone.key, today)
        return ACCOUNT_PERIOD_S

    await _keep_on(database, stop, step)


async def _keep_on(
    database: Database,
    stop: asyncio.Event,
    step: Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[float]],
) -> None:
    """Take a step again and again on a connection of its own; it gives the seconds to pause."""
    connection: asyncpg.Connection[asyncpg.Record] | None = None
    while not stop.is_set():
        try:
            connection = connection or await database.connect()
            pause = await step(connection)
        except DATABASE_ERRORS as error:
            get_log("worker").warning("step_failed", error=type(error).__name__)
            if connection is not None:
                connection.terminate()
            connection, pause = None, FAILURE_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
    if connection is not None:
        connection.terminate()


def main() -> None:
    """Run the process."""
    settings = TelemetrySettings()
    rules = read_retention(settings.city_profile)
    database = Database(settings.database_url.get_secret_value(), application="telemetry-worker")
    run(
        "telemetry-worker",
        settings,
        partial(run_sequencer, feed, database),
        partial(follow_registry, settings, database),
        partial(keep_up, database),
        partial(retain, database, rules),
        partial(tell_checkpoint, database),
        partial(carry_out_releases, database, settings.zone.key, rules),
        partial(prove_accounts, database, settings),
        ready=partial(check_database, database, "telemetry", SCHEMA_REVISION),
    )


if __name__ == "__main__":
    main()
