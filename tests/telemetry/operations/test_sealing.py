"""What was concluded from positions that are gone is final; what came after them is derived as ever."""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.shared.clock import utc_now
from services.telemetry.domain.instants import from_ms, to_ms
from services.telemetry.operations.by_the_clock import close_days
from services.telemetry.operations.sealing import seal_conclusions
from tests.support.deriving import World, full_hour, moved, running_world
from tests.support.drives import M_PER_DEGREE, Told, drive


@pytest.fixture
async def world(fresh_database_urls: dict[str, str]) -> AsyncIterator[World]:
    async with running_world(fresh_database_urls["telemetry_worker"]) as running:
        yield running


async def seal(world: World, before: datetime) -> bool:
    """Seal as retention does, and drop the positions."""
    async with world.database.transaction() as session:
        done = await seal_conclusions(session, before, utc_now())
    if done:
        await world.worker.execute("DELETE FROM telemetry.positions WHERE time < $1", before)
    return done


async def sealed(world: World) -> dict[str, set[Any]]:
    """Every sealed row as it is."""
    found = {}
    for table in ("visits", "trips", "daily_mileages", "alerts"):
        rows = await world.worker.fetch(f"SELECT * FROM telemetry.{table} WHERE sealed")  # noqa: S608  names of ours
        found[table] = {tuple(row) for row in rows}
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_after_a_seal_all_is_derived_as_if_the_positions_were_there(world: World, seed: int) -> None:
    chance = random.Random(seed)
    start = full_hour(timedelta(days=4))
    await world.area(uuid4(), 1, (start - timedelta(days=1), 122.06, 41.11))
    await world.rule(start, area_kind="zone", events=["entered", "left"])
    sent = {}
    for number in range(3):
        vehicle, key = await world.fit(start - timedelta(days=1))
        rows = moved(drive(chance, 1500), start)
        sent[vehicle] = key, rows[: 1500 - 600 * number]
    half = start + timedelta(hours=chance.choice([26, 30, 33]))
    after: dict[UUID, list[Any]] = {}
    for vehicle, (key, rows) in sent.items():
        late = [row for row in rows if row.time_ms >= to_ms(half) and chance.random() < 0.4]
        after[vehicle] = late
        await world.store(key, [row for row in rows if row not in late])
    await world.derive()
    async with world.database.transaction() as session:
        await close_days(session, utc_now().date())
    everything = {vehicle: await world.fixes(vehicle) for vehicle in sent}
    assert await seal(world, half)
    final = await sealed(world)
    assert min(len(rows) for rows in final.values()) > 0, {name: len(rows) for name, rows in final.items()}
    for vehicle, late in after.items():
        await world.store(sent[vehicle][0], late)
        everything[vehicle] += [row for row in await world.fixes(vehicle) if row not in everything[vehicle]]
        await world.derive()
    await world.check(list(sent), everything, since=half)
    assert await sealed(world) == final


async def test_nothing_of_before_a_seal_changes_any_more(world: World) -> None:
    start = full_hour(timedelta(days=4))
    area = uuid4()
    await world.area(area, 1, (start - timedelta(days=1), 122.06, 41.11))
    vehicle, key = await world.fit(start - timedelta(days=1))
    rows = moved(drive(random.Random(9), 700), start)
    await world.store(key, rows)
    await world.derive()
    half = start + timedelta(hours=20)
    assert await seal(world, half)
    final = await sealed(world)
    assert final["visits"]
    await world.area(area, 2, (start - timedelta(days=1), 122.03, 41.08))
    late = [row._replace(time_ms=row.time_ms + 1) for row in rows[:50]]
    await world.store(key, late)
    await world.ask_for(vehicle, start)
    await world.derive()
    assert await sealed(world) == final
    begun = await world.worker.fetchval("SELECT min(time) FROM telemetry.derivation_states")
    assert begun >= half


def northward(start: datetime) -> list[Told]:
    """A fix a minute, each 900 m further north; 3.6 km in all."""
    return [Told(to_ms(start) + n * 60_000, 122.0, 41.0 + n * 900 / M_PER_DEGREE) for n in range(5)]


async def test_what_ended_with_the_last_binding_is_sealed_and_stays_as_it_is(world: World) -> None:
    start = full_hour(timedelta(days=4))
    await world.area(uuid4(), 1, (start - timedelta(days=1), 121.99, 41.02))  # 2.2 to 4.4 km north
    await world.rule(start, area_kind="zone", events=["entered"])
    vehicle, key = await world.fit(start - timedelta(days=1))
    await world.store(key, northward(start))
    taken_off = start + timedelta(minutes=5)
    await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = $1", taken_off)
    await world.derive()
    async with world.database.transaction() as session:
        await close_days(session, utc_now().date())
    half = start + timedelta(hours=60)
    assert await seal(world, half)
    final = await sealed(world)
    for table in ("visits", "trips", "daily_mileages", "alerts"):
        unsealed = await world.worker.fetchval(
            f"SELECT count(*) FROM telemetry.{table} WHERE NOT sealed"  # noqa: S608  names of ours
        )
        assert unsealed == 0, table
    assert all(final.values()), {name: len(rows) for name, rows in final.items()}

    _, other = await world.fit(half, vehicle)  # another drive, long after
    await world.store(other, northward(half + timedelta(hours=1)))
    await world.derive()
    assert await world.worker.fetchval("SELECT count(*) FROM telemetry.pending_derivations") == 0
    assert await sealed(world) == final
    assert await world.worker.fetchval("SELECT count(*) FROM telemetry.trips WHERE NOT sealed") > 0


async def test_a_sealed_row_refuses_to_be_changed(world: World) -> None:
    start = full_hour(timedelta(days=4))
    await world.area(uuid4(), 1, (start - timedelta(days=1), 122.06, 41.11))
    _, key = await world.fit(start - timedelta(days=1))
    await world.store(key, moved(drive(random.Random(9), 700), start))
    await world.derive()
    await seal(world, start + timedelta(hours=20))
    for change in (
        "UPDATE telemetry.visits SET left_at = now() WHERE sealed",
        "UPDATE telemetry.trips SET length_mm = 0 WHERE sealed",
        "UPDATE telemetry.trips SET sealed = false WHERE sealed",
        "DELETE FROM telemetry.trips WHERE sealed",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await world.worker.execute(change)
    await world.worker.execute(
        "UPDATE telemetry.alerts SET acknowledged_at = now(), acknowledged_by = 'x', version = 2 WHERE sealed"
    )


async def test_a_seal_waits_for_what_is_to_be_derived(world: World) -> None:
    start = full_hour(timedelta(days=2))
    vehicle, key = await world.fit(start)
    rows = moved(drive(random.Random(9), 60), start)
    await world.store(key, rows)
    last = from_ms(max(row.time_ms for row in rows))
    beyond = last.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    assert not await seal(world, beyond)
    assert not await seal(world, beyond)
    await world.derive()
    assert await seal(world, beyond)
    assert await seal(world, beyond)
    with pytest.raises(ValueError, match="full hour"):
        await seal(world, beyond + timedelta(minutes=1))
    await world.store(key, moved(drive(random.Random(9), 60), beyond))
    await world.derive()
    assert (await world.stored([vehicle]))["trip"]
