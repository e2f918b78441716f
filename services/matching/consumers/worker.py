"""`python -m services.matching.consumers.worker`: sequencer, followers, overdue loads, housekeeping."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from services.matching.consumers.copies import (
    apply_permits,
    apply_registry,
    permits_source,
    registry_source,
    reset_permits,
    reset_registry,
)
from services.matching.models import FEED, FOLLOW_CURSORS, SCHEMA, SCHEMA_REVISION
from services.matching.operations.loads import SWEEP_BATCH, expire_loads, lapse_stray_offers
from services.matching.settings import MatchingSettings
from services.shared.changes import compact, run_sequencer
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.follow import run_follower
from services.shared.http import internal_client
from services.shared.idempotency import forget_expired
from services.shared.process import Task, every, run
from services.shared.readiness import check_database

_FORGET_S = 600
_CUT_S = 86_400


class Housekeeping:
    """The jobs that run by the clock."""

    def __init__(self, database: Database, settings: MatchingSettings) -> None:
        self._database = database
        self._settings = settings

    async def sweep(self) -> None:
        """Close loads whose pickup window has passed, and offers nobody can accept any more."""
        closed = SWEEP_BATCH
        while closed == SWEEP_BATCH:
            async with self._database.transaction() as session:
                closed = await expire_loads(session, utc_now())
        async with self._database.transaction() as session:
            await lapse_stray_offers(session, utc_now())

    async def forget_keys(self) -> None:
        """Delete idempotency keys past their time."""
        async with self._database.transaction() as session:
            await forget_expired(session, SCHEMA)

    async def cut_feed(self) -> None:
        """Cut the oldest partitions of the feed that are past their time."""
        await compact(FEED, self._database, self._settings.service_key.get_secret_value(), utc_now())

    def tasks(self) -> list[Task]:
        """Return them as tasks of the worker."""
        jobs = ((self._settings.sweep_s, self.sweep), (_FORGET_S, self.forget_keys), (_CUT_S, self.cut_feed))
        return [partial(_repeat, seconds, job) for seconds, job in jobs]


async def _repeat(seconds: float, job: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    await every(seconds, stop, job)


def followers(database: Database, settings: MatchingSettings) -> list[Task]:
    """Return the tasks that keep the copies equal to their sources."""
    key = settings.service_key.get_secret_value()
    registry, permits = (internal_client(url, key) for url in (settings.registry_url, settings.permits_url))
    follow = partial(run_follower, database, FOLLOW_CURSORS)
    return [
        partial(follow, registry_source(registry), apply_registry, reset=reset_registry),
        partial(follow, permits_source(permits), apply_permits, reset=reset_permits),
    ]


def main() -> None:
    """Run until told to stop."""
    settings = MatchingSettings()
    database = Database(settings.database_url.get_secret_value(), application="matching-worker")

    async def ready() -> None:
        await check_database(database, SCHEMA, SCHEMA_REVISION)

    tasks: list[Task] = [
        partial(run_sequencer, FEED, database),
        *followers(database, settings),
        *Housekeeping(database, settings).tasks(),
    ]
    run("matching-worker", settings, *tasks, ready=ready)


if __name__ == "__main__":
    main()
