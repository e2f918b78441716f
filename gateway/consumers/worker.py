"""`python -m gateway.consumers.worker`: follows every service and keeps the exchange's logs."""

import asyncio
import contextlib
import zlib
from collections.abc import Mapping
from functools import partial

from pydantic import BaseModel

from gateway.domain.datasets import DATASETS
from gateway.models import SCHEMA_REVISION, follow_cursors
from gateway.operations.logs import start_logs
from gateway.operations.resequencing import SWEEP, apply_change, mark_stale, sweep_stale
from gateway.settings import GatewaySettings
from services.shared.db import Database
from services.shared.events.matching import LoadState, WaybillState
from services.shared.events.permits import PermitState, RestrictionRuleState
from services.shared.events.registry import AreaState, ClientState, EnterpriseState, VehicleState
from services.shared.events.telemetry import TerminalState, VisitState
from services.shared.follow import Source, run_follower
from services.shared.http import internal_client
from services.shared.idempotency import forget_expired
from services.shared.process import every, run
from services.shared.readiness import check_database

KINDS: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "registry": {
        "client": ClientState,
        "enterprise": EnterpriseState,
        "vehicle": VehicleState,
        "area": AreaState,
    },
    "telemetry": {"terminal": TerminalState, "visit": VisitState},
    "permits": {"restriction_rule": RestrictionRuleState, "permit": PermitState},
    "matching": {"load": LoadState, "waybill": WaybillState},
}
"""What is followed of each service."""

_SWEEP_S = 5.0
_CLEAN_S = 600.0


def sources(settings: GatewaySettings) -> list[Source]:
    """Return what the gateway follows."""
    key = settings.service_key.get_secret_value()
    urls = {
        "registry": settings.registry_url,
        "telemetry": settings.telemetry_url,
        "permits": settings.permits_url,
        "matching": settings.matching_url,
    }
    return [
        Source(name, internal_client(urls[name], key), kinds, copy_version(name))
        for name, kinds in KINDS.items()
    ]


def copy_version(source: str) -> int:
    """Return a number that changes with the declared kinds and fields of a source.

    A new field list, audience or parent thus builds the copies again and serves what differs.
    """
    declared = sorted(
        repr((each.name, each.kind, sorted(each.parents.items()), sorted(each.audiences.items())))
        for each in DATASETS.values()
        if each.source == source
    )
    return zlib.crc32(repr((declared, sorted(KINDS[source]))).encode()) >> 1


async def follow(database: Database, source: Source, stop: asyncio.Event) -> None:
    """Follow one service until `stop` is set."""
    async with source.client:
        await run_follower(
            database,
            follow_cursors,
            source,
            partial(apply_change, source.name),
            stop,
            reset=partial(mark_stale, source.name),
        )


async def sweep(database: Database) -> None:
    """Let leave what no longer exists at its source, in bounded transactions."""
    more = True
    while more:
        async with database.transaction() as session:
            more = await sweep_stale(session) == SWEEP


async def clean(database: Database) -> None:
    """Delete idempotency keys past their time."""
    async with database.transaction() as session:
        await forget_expired(session, "gateway")


async def work(settings: GatewaySettings, database: Database, stop: asyncio.Event) -> None:
    """Do everything the worker does until `stop` is set; the logs are there before anything follows."""
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        async with database.transaction() as session:
            await start_logs(session)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for source in sources(settings):
            group.create_task(follow(database, source, stop))
        group.create_task(every(_SWEEP_S, stop, partial(sweep, database)))
        group.create_task(every(_CLEAN_S, stop, partial(clean, database)))


def main() -> None:
    """Run the worker."""
    settings = GatewaySettings()
    database = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool,
        application="gateway-worker",
    )

    run(
        "gateway-worker",
        settings,
        partial(work, settings, database),
        ready=lambda: check_database(database, "gateway", SCHEMA_REVISION),
    )


if __name__ == "__main__":
    main()
