"""Conclusions are a function of the set of fixes: by any way and after any change the same rows."""

import asyncio
import json
import math
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.shared.clock import utc_now
from services.telemetry.domain.instants import to_ms
from services.telemetry.operations.derivation import derive_pending
from services.telemetry.operations.folding import fold_batches
from services.telemetry.queries.derivation import _FIXES
from tests.support.deriving import CONFIG, ZONE, World, full_hour, moved, running_world
from tests.support.drives import HOME, Told, drive


@pytest.fixture
async def world(fresh_database_urls: dict[str, str]) -> AsyncIterator[World]:
    async with running_world(fresh_database_urls["telemetry_worker"]) as running:
        yield running


def at(row: Told) -> datetime:
    return datetime.fromtimestamp(row.time_ms / 1000, UTC)


@pytest.mark.parametrize("seed", range(5))
async def test_any_order_and_interruption_gives_the_same_conclusions(world: World, seed: int) -> None:
    chance = random.Random(seed)
    start = full_hour(timedelta(hours=40))
    first, second = uuid4(), uuid4()
    await world.area(first, 1, (start - timedelta(days=1), 122.06, 41.11))
    sent = {}
    for _ in range(3):
        vehicle, key = await world.fit(start - timedelta(days=1))
        sent[vehicle] = key, moved(drive(chance, 400), start + timedelta(minutes=chance.randrange(90)))
    pieces = [(vehicle, row) for vehicle, (_, rows) in sent.items() for row in rows]
    pieces += chance.sample(pieces, 100)
    if seed:
        chance.shuffle(pieces)
    for number in range(0, len(pieces), 130):
        chunk = pieces[number : number + 130]
        for vehicle, (key, _) in sent.items():
            await world.store(key, [row for name, row in chunk if name == vehicle])
        if chance.random() < 0.6:
            await world.derive()
        if chance.random() < 0.3:
            world.restart()
        if number == 260:
            await world.rule(start + timedelta(hours=1), area_kind="zone", events=["entered", "left"])
            await world.rule(start, start + timedelta(hours=5), limit_kmh=45.0, vehicle_ids=list(sent)[:2])
        if number == 520:
            await world.area(second, 1, (start, 122.04, 41.09))
            await world.refrigerate(next(iter(sent)), start - timedelta(days=1))
        if number == 780:
            later = start + timedelta(hours=2)
            await world.area(first, 2, (start, 122.06, 41.11), (later, 122.055, 41.105))
    await world.derive()
    found = await world.check(list(sent))
    counts = {name: len(rows) for name, rows in found.items()}
    assert min(counts[name] for name in ("visit", "trip", "alert", "daily_mileage")) > 3, counts


async def test_a_late_fix_costs_its_day_and_not_the_track(world: World) -> None:
    start = full_hour(timedelta(days=9))
    await world.area(uuid4(), 1, (start, 122.06, 41.11))
    vehicle, key = await world.fit(start)
    rows = moved(drive(random.Random(7), 4000), start)
    await world.store(key, rows)
    await world.derive()
    before = await _checkpoints(world)
    late = rows[1500]._replace(time_ms=rows[1500].time_ms + 1)
    await world.store(key, [late])
    await world.derive()
    after = await _checkpoints(world)
    await world.check([vehicle])
    assert after.keys() == before.keys()
    changed = [time for time in after if after[time] != before[time]]
    trips = await world.worker.fetch(
        "SELECT started_at, coalesce(ended_at, now()) FROM telemetry.trips WHERE status <> 'retracted'"
    )
    over = max([city_midnight(at(late)), *(row[1] for row in trips if row[0] <= at(late) <= row[1])])
    assert changed
    first_beyond = min(time for time in after if time > over)
    assert all(at(late) < time <= first_beyond for time in changed)
    assert len(changed) < len(after) / 3


def city_midnight(instant: datetime) -> datetime:
    """The end of the city's day."""
    local = instant + timedelta(hours=8)
    return local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=16)


async def _checkpoints(world: World) -> dict[datetime, str]:
    rows = await world.worker.fetch("SELECT time, xmin::text FROM telemetry.derivation_states")
    return {row[0]: row[1] for row in rows}


async def test_fixes_in_order_are_read_once(world: World) -> None:
    """What comes in order goes on from the head: checkpoints of hours past are not written again."""
    start = full_hour(timedelta(hours=30))
    vehicle, key = await world.fit(start)
    rows = moved(drive(random.Random(11), 900), start)
    before: dict[datetime, str] = {}
    for number in range(0, len(rows), 45):
        await world.store(key, rows[number : number + 45])
        await world.derive()
        after = await _checkpoints(world)
        assert before.items() <= after.items()
        before = after
    await world.check([vehicle])


async def test_a_binding_that_ends_earlier_takes_its_conclusions_along(world: World) -> None:
    start = full_hour(timedelta(hours=30))
    await world.area(uuid4(), 1, (start, 122.06, 41.11))
    vehicle, key = await world.fit(start)
    rows = moved(drive(random.Random(3), 500), start)
    await world.store(key, rows)
    await world.derive()
    for share in (300, 100, 0):
        half = at(rows[share])
        await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = $1", half)
        await world.ask_for(vehicle, half)
        await world.derive()
        await world.check([vehicle])
    left = await world.stored([vehicle])
    assert [name for name, rows in left.items() if rows] == ["cell"]


async def test_a_vehicle_takes_over_anothers_terminal(world: World) -> None:
    start = full_hour(timedelta(hours=30))
    first, key = await world.fit(start)
    rows = moved(drive(random.Random(4), 400), start)
    await world.store(key, rows)
    await world.derive()
    half, second = at(rows[200]), uuid4()
    await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = $1", half)
    await world.worker.execute(
        "INSERT INTO telemetry.terminal_bindings"
        " (id, terminal_id, terminal_key, vehicle_id, enterprise_id, valid_from)"
        " SELECT $1, terminal_id, terminal_key, $1, enterprise_id, $2 FROM telemetry.terminal_bindings",
        second, half,
    )  # fmt: skip
    for vehicle in (first, second):
        await world.ask_for(vehicle, half)
    await world.derive()
    found = await world.check([first, second])
    assert {row[1] for row in found["trip"]} == {first, second}


async def test_an_area_change_concerns_those_who_came_near(world: World) -> None:
    start = full_hour(timedelta(hours=30))
    near, key = await world.fit(start)
    far, other = await world.fit(start)
    # Without jumps: a line around half the world is near everything.
    rows = [
        row for row in drive(random.Random(4), 300) if math.hypot(row.lon - HOME[0], row.lat - HOME[1]) < 0.1
    ]
    await world.store(key, moved(rows, start))
    await world.store(other, [row._replace(lon=row.lon + 3) for row in moved(rows, start)])
    await world.derive()
    await world.area(uuid4(), 1, (start, 122.06, 41.11))
    waiting = await world.worker.fetch("SELECT vehicle_id, since, until FROM telemetry.pending_derivations")
    assert {row["vehicle_id"] for row in waiting} == {near}
    assert all(start <= row["since"] < row["until"] for row in waiting)
    await world.derive()
    found = await world.check([near, far])
    assert {row[1] for row in found["visit"]} == {near}
    unused = uuid4()
    await world.area(unused, 1, (start, 100.0, 30.0))
    assert await world.worker.fetchval("SELECT count(*) FROM telemetry.pending_derivations") == 0


async def test_an_area_change_waits_for_the_derivation_under_way(world: World) -> None:
    """Whom the derivation under way brings into the area must not be missed by who looks for them."""
    start = full_hour(timedelta(hours=30))
    vehicle, key = await world.fit(start)
    await world.store(key, moved(drive(random.Random(4), 300), start))
    while await fold_batches(world.worker, ZONE):
        pass
    async with world.database.transaction() as session:
        assert await derive_pending(session, world.circumstances, CONFIG, utc_now()) == 1
        change = asyncio.create_task(world.area(uuid4(), 1, (start, 122.06, 41.11)))
        done, _ = await asyncio.wait({change}, timeout=0.5)
        assert not done
    await change
    await world.derive()
    found = await world.check([vehicle])
    assert found["visit"]


async def test_late_vehicles_do_not_hold_up_those_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.telemetry.operations.derivation.LATE_AT_ONCE", 1)
    start = full_hour(timedelta(hours=30))
    fleet = [await world.fit(start) for _ in range(4)]
    rows = moved(drive(random.Random(4), 100), start)
    for _, key in fleet:
        await world.store(key, rows[:50])
    await world.derive()
    for number, (_, key) in enumerate(fleet):
        await world.store(key, [rows[10]._replace(time_ms=rows[10].time_ms + 1)] if number < 3 else rows[50:])
    while await fold_batches(world.worker, ZONE):
        pass
    assert await world.derive_once() == 2
    waiting = await world.worker.fetch("SELECT DISTINCT vehicle_id FROM telemetry.pending_derivations")
    assert len(waiting) == 2
    assert fleet[3][0] not in {row[0] for row in waiting}
    await world.derive()
    await world.check([vehicle for vehicle, _ in fleet])


async def test_the_fixes_of_an_hour_are_found_without_reading_the_days_around(world: World) -> None:
    """Half a year of a terminal's days must not be read to derive its last minutes."""
    days = [full_hour(timedelta(days=ago)) for ago in range(20, 0, -1)]
    vehicle, key = await world.fit(days[0])
    for day in days:
        await world.store(key, [Told(to_ms(day) + n * 1000, 122.0, 41.0) for n in range(50)])
    statement = _FIXES.text.replace(":vehicles", "$1").replace(":since", "$2").replace(":before", "$3")
    window = [vehicle], [days[10]], [days[10] + timedelta(seconds=20)]
    plan = await world.worker.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *window)
    read: dict[str, int] = {}

    def look(node: dict[str, Any]) -> None:
        if node.get("Relation Name", "").startswith("positions_") and node["Actual Loops"]:
            read[node["Relation Name"]] = node["Actual Rows"]
        for part in node.get("Plans", []):
            look(part)

    look(json.loads(plan)[0]["Plan"])
    assert read == {f"positions_{days[10]:%Y%m%d}": 20}


async def test_a_vehicle_whose_conclusions_postgresql_refuses_holds_up_no_other(
    world: World, fresh_database_urls: dict[str, str]
) -> None:
    start = full_hour(timedelta(hours=40))
    vehicles = []
    for seed in range(3):
        vehicle, key = await world.fit(start - timedelta(days=1))
        await world.store(key, moved(drive(random.Random(seed), 400), start))
        vehicles.append(vehicle)
    superuser = await asyncpg.connect(fresh_database_urls["superuser"])
    await superuser.execute(
        f"ALTER TABLE telemetry.daily_mileages ADD CONSTRAINT refused CHECK (vehicle_id <> '{vehicles[1]}')"
    )
    await world.derive()
    await world.check([vehicles[0], vehicles[2]])
    left = await world.worker.fetch("SELECT DISTINCT vehicle_id FROM telemetry.pending_derivations")
    assert [row[0] for row in left] == [vehicles[1]]

    await superuser.execute("ALTER TABLE telemetry.daily_mileages DROP CONSTRAINT refused")
    await superuser.close()
    world.restart()  # else it is tried again in ten minutes
    await world.derive()
    await world.check(vehicles)
