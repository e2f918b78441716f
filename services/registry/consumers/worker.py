"""`python -m services.registry.consumers.worker`: the feed's sequencer, lapses, imports, the housekeeping.

Beside: brings personal values under the current ring key, and tells the head of the log of readings, which
kept elsewhere is a checkpoint of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from services.registry.consumers.imports import expire_imports, run_imports
from services.registry.models import FEED, SCHEMA_REVISION
from services.registry.operations.personal import open_vault, rewrap_all
from services.registry.operations.turning import end_registrations_of_closed, turn_due
from services.registry.settings import RegistrySettings
from services.shared.audit import access_log_of, fetch_head
from services.shared.changes import compact, run_sequencer
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.idempotency import forget_expired
from services.shared.logs import get_log
from services.shared.process import Task, every, run
from services.shared.readiness import check_database

_TURN_S = 0.2
"""How late a lapse may be noticed: a lapse reaches everybody within a second of being due."""
_REWRAP_S = 5
_CLOSE_S = 2
_CHECKPOINT_S = 60
_EXPIRE_S = 300
_FORGET_S = 600
_CUT_S = 86_400


class Jobs:
    """What the worker does again and again beside the feed."""

    def __init__(self, settings: RegistrySettings) -> None:
        url = settings.database_url.get_secret_value()
        self.database = Database(url, application="registry-worker")
        self.vault = open_vault(settings)
        self._service_key = settings.service_key.get_secret_value()

    async def ready(self) -> None:
        """Raise while the schema is behind."""
        await check_database(self.database, "registry", SCHEMA_REVISION)

    async def turn(self) -> None:
        """Publish what has lapsed or is in force again."""
        turned = 1
        while turned:
            async with self.database.transaction() as session:
                turned = await turn_due(session, utc_now())

    async def close(self) -> None:
        """Free the plates of firms that were closed."""
        ended = 1
        while ended:
            async with self.database.transaction() as session:
                ended = await end_registrations_of_closed(session, utc_now())

    async def rewrap(self) -> None:
        """Bring personal values under the current ring key."""
        await rewrap_all(self.database, self.vault)

    async def tell_checkpoint(self) -> None:
        """Say where the log of readings is."""
        pos, digest = await fetch_head(self.database, access_log_of("registry"))
        get_log("worker").info("access_log_checkpoint", pos=pos, digest=digest.hex())

    async def expire(self) -> None:
        """Destroy files that nobody has applied in their time."""
        await expire_imports(self.database, self.vault)

    async def forget_keys(self) -> None:
        """Forget expired idempotency keys."""
        async with self.database.transaction() as session:
            await forget_expired(session, "registry")

    async def cut_feed(self) -> None:
        """Cut the oldest partitions of the feed."""
        await compact(FEED, self.database, self._service_key, utc_now())


def _often(seconds: float, job: Callable[[], Awaitable[None]]) -> Task:
    async def task(stop: asyncio.Event) -> None:
        await every(seconds, stop, job)

    return task


def main() -> None:
    """Run until told to stop."""
    settings = RegistrySettings()
    jobs = Jobs(settings)
    tasks = (
        partial(run_sequencer, FEED, jobs.database),
        partial(run_imports, jobs.database, jobs.vault),
        _often(_TURN_S, jobs.turn),
        _often(_CLOSE_S, jobs.close),
        _often(_REWRAP_S, jobs.rewrap),
        _often(_CHECKPOINT_S, jobs.tell_checkpoint),
        _often(_EXPIRE_S, jobs.expire),
        _often(_FORGET_S, jobs.forget_keys),
        _often(_CUT_S, jobs.cut_feed),
    )
    run("registry-worker", settings, *tasks, ready=jobs.ready)


if __name__ == "__main__":
    main()
