"""`python -m services.registry.consumers.worker`: the feed's sequencer, lapses, the housekeeping."""

import asyncio
from functools import partial

from services.registry.models import FEED, SCHEMA_REVISION
from services.registry.operations.turning import turn_due
from services.registry.settings import RegistrySettings
from services.shared.changes import compact, run_sequencer
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.idempotency import forget_expired
from services.shared.process import every, run
from services.shared.readiness import check_database

_TURN_S = 0.2
"""How late a lapse may be noticed: a lapse reaches everybody within a second of being due."""
_FORGET_S = 600
_CUT_S = 86_400


def main() -> None:
    """Run until told to stop."""
    settings = RegistrySettings()
    database = Database(settings.database_url.get_secret_value(), application="registry-worker")

    async def ready() -> None:
        await check_database(database, "registry", SCHEMA_REVISION)

    async def forget_keys() -> None:
        async with database.transaction() as session:
            await forget_expired(session, "registry")

    async def cut_feed() -> None:
        await compact(FEED, database, settings.service_key.get_secret_value(), utc_now())

    async def turn() -> None:
        while True:
            async with database.transaction() as session:
                if not await turn_due(session, utc_now()):
                    return

    async def turn_often(stop: asyncio.Event) -> None:
        await every(_TURN_S, stop, turn)

    async def forget_often(stop: asyncio.Event) -> None:
        await every(_FORGET_S, stop, forget_keys)

    async def cut_daily(stop: asyncio.Event) -> None:
        await every(_CUT_S, stop, cut_feed)

    sequence = partial(run_sequencer, FEED, database)
    run("registry-worker", settings, sequence, turn_often, forget_often, cut_daily, ready=ready)


if __name__ == "__main__":
    main()
