"""kill -9 of whoever drops days, at any instant: in the end it is as if nobody had been killed."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.local.cluster import PROJECT
from tests.support.deriving import moved, running_world
from tests.support.drives import drive
from tests.support.retaining import Past, day_of, midnight
from tests.support.waiting import eventually

OLDEST, DAYS = 189, 6
KILLS = 40 if os.environ.get("FREIGHT_LONG") else 8


@pytest.fixture
async def past(fresh_database_urls: dict[str, str]) -> AsyncIterator[Past]:
    async with running_world(fresh_database_urls["telemetry_worker"]) as running:
        yield Past(running)


async def run_and_kill(url: str, seconds: float) -> bool:
    """Starts it, kills it after a time; whether it was done before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.retention_process", url,
        cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
    return b"done\n" in await process.stdout.read()


async def hold(superuser_url: str, vehicle: UUID) -> None:
    """A hold over one vehicle from its third day on."""
    superuser = await asyncpg.connect(superuser_url)
    await superuser.execute(
        "INSERT INTO telemetry.legal_holds (id, vehicle_id, starts_at, reason, owner_role, placed_at,"
        " placed_by, placed_by_name) VALUES ($1, $2, $3, 'x', 'police', now(), 'x', 'x')",
        uuid4(), vehicle, midnight(OLDEST - 2),
    )  # fmt: skip
    await superuser.close()


async def test_killed_at_any_instant_it_ends_as_if_it_had_not_been(
    past: Past, fresh_database_urls: dict[str, str]
) -> None:
    chance = random.Random(os.environ.get("FREIGHT_SEED", "28"))
    rows = moved(drive(chance, 5000), midnight(OLDEST))
    rows = [row for row in rows if row.time_ms < midnight(OLDEST - DAYS).timestamp() * 1000]
    vehicles = [await past.drove(chance.sample(rows, len(rows) - 100 * n)) for n in range(3)]
    await hold(fresh_database_urls["superuser"], vehicles[0])
    await past.witness()
    days = sorted({day_of(row.time_ms) for row in rows})
    kills, longest = 0, 0.05
    while kills < KILLS and not await run_and_kill(past.world.database.url, chance.uniform(0.0, longest)):
        kills, longest = kills + 1, min(1.5 * longest, 0.6)  # a quick machine is killed at work, too
    assert kills > 0

    async def is_all_gone() -> bool:
        await past.retain()
        return min(await past.days()) == days[2]

    await eventually(is_all_gone)
    for vehicle in vehicles:
        assert await past.aggregates(vehicle) == past.expected(vehicle, days)
    kept = [fix.time_ms for fix in sorted(past.told[vehicles[0]]) if day_of(fix.time_ms) >= days[2]]
    assert await past.stored(vehicles[0]) == kept
    assert await past.stored(vehicles[1]) == await past.stored(vehicles[2]) == []
    worker = past.world.worker
    assert not await worker.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'held%'")
    finished = await worker.fetch(
        "SELECT day, held FROM telemetry.position_days WHERE dropped_at IS NOT NULL"
    )
    assert {row["day"] for row in finished} >= set(days)
    assert sum(row["held"] for row in finished) == len(kept)
