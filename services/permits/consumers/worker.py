"""The process `permits-worker`: sequencer, follower of the registry, elapsed permits, old keys."""

import asyncio
from functools import partial

from services.permits.consumers.registry import apply_registry, registry_source, reset_registry
from services.permits.models import SCHEMA_REVISION, feed, follow_cursors
from services.permits.operations.permits import expire_permits
from services.permits.settings import PermitsSettings
from services.shared.changes import compact, run_sequencer
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.follow import run_follower
from services.shared.http import internal_client
from services.shared.idempotency import forget_expired
from services.shared.process import every, run
from services.shared.readiness import check_database

_HOUR_S = 3600.0
_DAY_S = 86_400.0


async def follow_registry(settings: PermitsSettings, database: Database, stop: asyncio.Event) -> None:
    """Keep the copies of the registry until `stop` is set."""
    key = settings.service_key.get_secret_value()
    async with internal_client(settings.registry_url, key) as client:
        await run_follower(
            database, follow_cursors, registry_source(client), apply_registry, stop, reset=reset_registry
        )


async def mark_elapsed(database: Database) -> None:
    """Mark the permits whose period is over."""
    while True:
        async with database.transaction() as session:
            if not await expire_permits(session, utc_now()):
                return


async def forget_keys(database: Database) -> None:
    """Delete idempotency keys past their day."""
    async with database.transaction() as session:
        await forget_expired(session, "permits")


async def cut_feed(settings: PermitsSettings, database: Database) -> None:
    """Cut the oldest whole partitions of the feed, each under a signed checkpoint."""
    await compact(feed, database, settings.service_key.get_secret_value(), utc_now())


def main() -> None:
    """Run the worker."""
    settings = PermitsSettings()
    url = settings.database_url.get_secret_value()
    database = Database(url, pool_size=settings.database_pool, application="permits-worker")

    async def elapse(stop: asyncio.Event) -> None:
        await every(settings.expiry_period_s, stop, partial(mark_elapsed, database))

    async def forget(stop: asyncio.Event) -> None:
        await every(_HOUR_S, stop, partial(forget_keys, database))

    async def cut(stop: asyncio.Event) -> None:
        await every(_DAY_S, stop, partial(cut_feed, settings, database))

    run(
        "permits-worker",
        settings,
        partial(run_sequencer, feed, database),
        partial(follow_registry, settings, database),
        elapse,
        forget,
        cut,
        ready=partial(check_database, database, "permits", SCHEMA_REVISION),
    )


if __name__ == "__main__":
    main()
