"""`python -m services.registry.consumers.worker`: the feed's sequencer and the housekeeping.

Beside: brings personal values under the current ring key, and tells the head of the log of readings, which
kept elsewhere is a checkpoint of it.
"""

import asyncio
from functools import partial

from services.registry.models import FEED, SCHEMA_REVISION
from services.registry.operations.personal import open_vault, rewrap_all
from services.registry.settings import RegistrySettings
from services.shared.audit import access_log_of, fetch_head
from services.shared.changes import compact, run_sequencer
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.idempotency import forget_expired
from services.shared.logs import get_log
from services.shared.process import every, run
from services.shared.readiness import check_database

_FORGET_S = 600
_CUT_S = 86_400
_REWRAP_S = 5
_CHECKPOINT_S = 60


def main() -> None:
    """Run until told to stop."""
    settings = RegistrySettings()
    vault = open_vault(settings)
    database = Database(settings.database_url.get_secret_value(), application="registry-worker")

    async def ready() -> None:
        await check_database(database, "registry", SCHEMA_REVISION)

    async def forget_keys() -> None:
        async with database.transaction() as session:
            await forget_expired(session, "registry")

    async def cut_feed() -> None:
        await compact(FEED, database, settings.service_key.get_secret_value(), utc_now())

    async def rewrap_values() -> None:
        await rewrap_all(database, vault)

    async def tell_checkpoint() -> None:
        pos, digest = await fetch_head(database, access_log_of("registry"))
        get_log("worker").info("access_log_checkpoint", pos=pos, digest=digest.hex())

    async def rewrap_often(stop: asyncio.Event) -> None:
        await every(_REWRAP_S, stop, rewrap_values)

    async def tell_often(stop: asyncio.Event) -> None:
        await every(_CHECKPOINT_S, stop, tell_checkpoint)

    async def forget_often(stop: asyncio.Event) -> None:
        await every(_FORGET_S, stop, forget_keys)

    async def cut_daily(stop: asyncio.Event) -> None:
        await every(_CUT_S, stop, cut_feed)

    sequence = partial(run_sequencer, FEED, database)
    jobs = (forget_often, cut_daily, rewrap_often, tell_often)
    run("registry-worker", settings, sequence, *jobs, ready=ready)


if __name__ == "__main__":
    main()
