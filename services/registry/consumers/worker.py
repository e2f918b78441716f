"""`python -m services.registry.consumers.worker`: the feed's sequencer, the imports, the housekeeping."""

import asyncio
from functools import partial

from services.registry.consumers.imports import expire_imports, run_imports
from services.registry.models import FEED, SCHEMA_REVISION
from services.registry.operations.personal import open_vault
from services.registry.settings import RegistrySettings
from services.shared.changes import compact, run_sequencer
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.idempotency import forget_expired
from services.shared.process import every, run
from services.shared.readiness import check_database

_FORGET_S = 600
_CUT_S = 86_400
_EXPIRE_S = 300


def main() -> None:
    """Run until told to stop."""
    settings = RegistrySettings()
    database = Database(settings.database_url.get_secret_value(), application="registry-worker")
    vault = open_vault(settings)

    async def ready() -> None:
        await check_database(database, "registry", SCHEMA_REVISION)

    async def forget_keys() -> None:
        async with database.transaction() as session:
            await forget_expired(session, "registry")

    async def cut_feed() -> None:
        await compact(FEED, database, settings.service_key.get_secret_value(), utc_now())

    async def expire() -> None:
        await expire_imports(database, vault)

    async def expire_often(stop: asyncio.Event) -> None:
        await every(_EXPIRE_S, stop, expire)

    async def forget_often(stop: asyncio.Event) -> None:
        await every(_FORGET_S, stop, forget_keys)

    async def cut_daily(stop: asyncio.Event) -> None:
        await every(_CUT_S, stop, cut_feed)

    sequence = partial(run_sequencer, FEED, database)
    work_on_imports = partial(run_imports, database, vault)
    jobs = (forget_often, cut_daily, expire_often)
    run("registry-worker", settings, sequence, work_on_imports, *jobs, ready=ready)


if __name__ == "__main__":
    main()
