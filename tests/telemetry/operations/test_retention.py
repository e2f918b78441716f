"""A day of positions goes at its time, leaves aggregates and sealed conclusions, and never comes back."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from functools import partial
from uuid import uuid4

import asyncpg
import pytest

from services.shared.clock import utc_now
from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.instants import from_ms, to_ms
from services.telemetry.domain.rows import encode
from services.telemetry.operations import retention
from services.telemetry.operations.aggregation import aggregate_day
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.by_the_clock import close_days
from services.telemetry.operations.folding import fold_batches
from services.telemetry.operations.forgetting import forget_old
from services.telemetry.operations.retention import Step
from services.telemetry.operations.storing import make_partitions, store_batch
from tests.support.deriving import ZONE, moved, running_world
from tests.support.drives import Told, drive
from tests.support.retaining import RULES, Past, day_of, midnight
from tests.support.waiting import eventually

FIRST_KEPT = 183
"""Days ago of the oldest day that must still be there."""


@pytest.fixture
async def past(fresh_database_urls: dict[str, str]) -> AsyncIterator[Past]:
    async with running_world(fresh_database_urls["telemetry_worker"]) as running:
        yield Past(running)


def two_days(seed: int, days_ago: int) -> list[Told]:
    """A drive over a midnight; the line across it is one of two minutes."""
    chance = random.Random(seed)
    rows = moved(drive(chance, 1400), midnight(days_ago) + timedelta(hours=8))
    return [row for row in rows if row.time_ms < to_ms(midnight(days_ago - 2))]


async def test_what_is_due_goes_and_what_is_not_stays(past: Past) -> None:
    old = await past.drove(two_days(1, FIRST_KEPT + 3))
    young = await past.drove(two_days(2, FIRST_KEPT))
    await past.witness()
    before = await past.days()
    assert midnight(FIRST_KEPT + 2).date() in before
    steps = await past.retain()
    assert steps == [Step.DONE, Step.DONE, Step.NOTHING]
    kept_from = midnight(FIRST_KEPT).date()
    assert await past.days() == {day for day in before if day >= kept_from}
    assert await past.stored(old) == []
    assert await past.stored(young) == [fix.time_ms for fix in sorted(past.told[young])]
    days = [midnight(FIRST_KEPT + 3).date(), midnight(FIRST_KEPT + 2).date()]
    assert {day_of(fix.time_ms) for fix in past.told[old]} == set(days)
    assert await past.aggregates(old) == past.expected(old, days)
    assert await past.aggregates(young) == []
    sealed = await past.world.worker.fetchval("SELECT max(sealed_before) FROM telemetry.seals")
    assert sealed == midnight(FIRST_KEPT + 1)


@pytest.mark.parametrize("seed", range(3))
async def test_aggregates_are_the_oracles_whatever_was_sent(past: Past, seed: int) -> None:
    chance = random.Random(seed)
    rows = moved(drive(chance, 2500), midnight(FIRST_KEPT + 4))
    vehicles = []
    for number in range(3):
        sent = [row for row in rows if chance.random() < 1 - 0.3 * number]
        again = chance.sample(sent, 50)
        vehicle = await past.drove([*sent, *again])
        vehicles.append(vehicle)
    await past.witness()
    assert (await past.retain())[-1] is Step.NOTHING
    gone = sorted({day_of(row.time_ms) for row in rows if row.time_ms < to_ms(midnight(FIRST_KEPT))})
    assert len(gone) >= 2
    for vehicle in vehicles:
        assert await past.aggregates(vehicle) == past.expected(vehicle, gone)


async def test_positions_not_derived_yet_keep_their_day(past: Past) -> None:
    vehicle = await past.drove(two_days(1, FIRST_KEPT + 3))
    await past.witness()
    await past.world.ask_for(vehicle, midnight(FIRST_KEPT + 3))
    assert await past.retain() == [Step.WAITING]
    assert len(await past.stored(vehicle)) == len(past.told[vehicle])
    await past.world.derive()
    assert await past.retain() == [Step.DONE, Step.DONE, Step.NOTHING]


async def test_conclusions_of_a_dropped_day_are_sealed_and_refuse(past: Past) -> None:
    await past.world.area(uuid4(), 1, (midnight(400), 122.06, 41.11))
    vehicle = await past.drove(two_days(3, FIRST_KEPT + 5))
    await past.witness()
    async with past.world.database.transaction() as session:
        await close_days(session, utc_now().date())
    before = await past.world.stored([vehicle])
    await past.retain()
    worker = past.world.worker
    for table in ("visits", "trips", "daily_mileages"):
        assert await worker.fetchval(f"SELECT count(*) FROM telemetry.{table} WHERE sealed"), table  # noqa: S608  names of ours
    with pytest.raises(asyncpg.RestrictViolationError):
        await worker.execute("UPDATE telemetry.trips SET length_mm = 0 WHERE sealed")
    await worker.execute(
        "INSERT INTO telemetry.pending_derivations (vehicle_id, since) VALUES ($1, $2)",
        vehicle, midnight(FIRST_KEPT + 6),
    )  # fmt: skip
    await past.world.derive()
    after = await past.world.stored([vehicle])
    for name in ("visit", "trip", "daily_mileage"):
        assert before[name]
        assert after[name] == before[name]


STEPS = ("seal_day", "close_day", "aggregate_day", "keep", "drop_day")


@pytest.mark.parametrize("killed_after", range(len(STEPS)))
async def test_a_kill_between_any_two_steps_is_harmless(
    past: Past, killed_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vehicle = await past.drove(two_days(1, FIRST_KEPT + 2)[:700])
    await past.witness()
    day, database = midnight(FIRST_KEPT + 2).date(), past.world.database
    steps: list[Callable[[], Awaitable[object]]] = [
        partial(retention.seal_day, database, day, utc_now()),
        partial(retention.close_day, database, day),
        partial(aggregate_day, database, day, RULES, utc_now()),
    ]
    for step in steps[:killed_after]:
        await step()
        await step()
    if STEPS[killed_after] == "drop_day":
        async with database.transaction() as session:
            await session.execute(retention._KEEP, {"day": day, "holds": []})
    if STEPS[killed_after] == "aggregate_day":
        await _die_half_way(past, day, monkeypatch)
    assert (await past.retain())[-1] is Step.NOTHING
    assert min(await past.days()) >= midnight(FIRST_KEPT).date()
    assert await past.aggregates(vehicle) == past.expected(vehicle, [day, day + timedelta(days=1)])
    rows = await past.world.worker.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'held%'"
    )
    assert not rows


async def _die_half_way(past: Past, day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after some vehicles of the day."""
    for _ in range(2):
        await past.drove([Told(to_ms(midnight(FIRST_KEPT)), 122.0, 41.0)])
    monkeypatch.setattr("services.telemetry.operations.aggregation.VEHICLES_AT_ONCE", 1)
    task = asyncio.create_task(aggregate_day(past.world.database, day, RULES, utc_now()))

    async def has_begun() -> bool:
        return bool(await past.world.worker.fetchval("SELECT count(*) FROM telemetry.track_aggregates"))

    await eventually(has_begun)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_two_workers_do_each_thing_once(past: Past) -> None:
    vehicle = await past.drove(two_days(1, FIRST_KEPT + 3)[:700])
    await past.witness()
    both = await asyncio.gather(past.retain(), past.retain(), return_exceptions=True)
    while (await past.retain()) != [Step.NOTHING]:
        pass
    assert not [each for each in both if isinstance(each, BaseException)]
    assert await past.stored(vehicle) == []
    days = [midnight(FIRST_KEPT + 3).date(), midnight(FIRST_KEPT + 2).date()]
    assert await past.aggregates(vehicle) == past.expected(vehicle, days)


async def test_a_closed_day_takes_no_position(past: Past) -> None:
    vehicle = await past.drove(two_days(1, FIRST_KEPT + 3))
    await past.witness()
    day = midnight(FIRST_KEPT + 3)
    await retention.close_day(past.world.database, day.date())
    key = past.keys[vehicle]
    at = to_ms(day) + 12 * 3_600_000
    for redelivered in (False, True):
        await _store(past, key, at + redelivered, redelivered=redelivered)
    assert len(await past.stored(vehicle)) == len(past.told[vehicle])
    assert await _quarantined(past) == [("too_old", 1), ("too_old", 1)]


@pytest.mark.parametrize("redelivered", [False, True])
async def test_a_late_fix_of_a_dropped_day_is_quarantined_and_makes_no_partition(
    past: Past, redelivered: bool
) -> None:
    vehicle = await past.drove(two_days(1, FIRST_KEPT + 3))
    await past.witness()
    await past.retain()
    before = await past.days()
    old, good = to_ms(midnight(FIRST_KEPT + 3)) + 5, to_ms(utc_now()) - 1000
    key = past.keys[vehicle]
    await _store(past, key, old, good, to_ms(midnight(400)), redelivered=redelivered)
    assert await past.days() == before
    assert await past.stored(vehicle) == [good]
    assert await _quarantined(past) == [("too_old", 1), ("too_old", 1)]
    await make_partitions(past.world.worker, midnight(FIRST_KEPT + 3))
    assert min(await past.days()) > midnight(FIRST_KEPT + 2).date()
    while await fold_batches(past.world.worker, ZONE):
        pass
    account = await past.world.worker.fetchrow(
        "SELECT sum(received), sum(stored), sum(duplicate), sum(quarantined) FROM telemetry.ingest_accounting"
    )
    assert account is not None
    assert account[0] == account[1] + account[2] + account[3]
    assert account[3] == 2


async def _store(past: Past, key: int, *times: int, redelivered: bool = False) -> None:
    rows = [encode(key, at, Fix(time=float(at), lon=122.0, lat=41.0), at) for at in times]
    await store_batch(past.world.worker, Batch(utc_now(), rows, redelivered=redelivered), ZONE)


async def _quarantined(past: Past) -> list[tuple[str, int]]:
    rows = await past.world.worker.fetch(
        "SELECT reason, times FROM telemetry.quarantined_positions ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_a_good_fix_of_a_day_nobody_has_made_yet_is_stored(past: Past) -> None:
    """After a gap: what a redelivered batch holds of a day without partition was refused once."""
    _, key = await past.world.fit(midnight(60))
    for redelivered, days_ago in ((True, 45), (False, 44)):
        await _store(past, key, to_ms(midnight(days_ago)), redelivered=redelivered)
    assert await past.world.worker.fetchval("SELECT count(*) FROM telemetry.positions") == 2
    assert await _quarantined(past) == []


async def test_a_reader_is_not_made_to_wait_and_retention_comes_again(
    past: Past, fresh_database_urls: dict[str, str]
) -> None:
    vehicle = await past.drove(two_days(1, FIRST_KEPT + 3))
    await past.witness()
    reader = await asyncpg.connect(fresh_database_urls["telemetry_worker"])
    others = await asyncpg.connect(fresh_database_urls["telemetry_worker"])
    async with reader.transaction():
        await reader.fetchval("SELECT count(*) FROM telemetry.positions")
        running = asyncio.create_task(past.retain())
        slowest, loop = 0.0, asyncio.get_running_loop()
        while not running.done():
            began = loop.time()
            await others.fetchval(
                "SELECT count(*) FROM telemetry.positions WHERE time > now() - interval '1 h'"
            )
            slowest = max(slowest, loop.time() - began)
        assert await running == [Step.WAITING]
        assert slowest < 1.0
        assert len(await past.stored(vehicle)) == len(past.told[vehicle])
    assert (await past.retain())[-1] is Step.NOTHING
    assert await past.stored(vehicle) == []
    await reader.close()
    await others.close()


@pytest.mark.parametrize("step", [timedelta(days=300), timedelta(days=20), timedelta(days=-40)])
async def test_a_clock_set_wrong_drops_nothing_early(past: Past, step: timedelta) -> None:
    """The fleet's own time bears witness, and PostgreSQL's."""
    await past.drove(two_days(1, FIRST_KEPT))
    await past.witness()
    before = await past.days()
    assert await past.retain(now=utc_now() + step) == [Step.NOTHING]
    assert await past.days() == before


async def test_a_fleet_that_is_silent_keeps_its_days(past: Past) -> None:
    """A gap: what came last is 150 days old, and the days before it are kept as long before that."""
    await past.drove(two_days(1, FIRST_KEPT + 140))
    await past.drove([Told(to_ms(midnight(150)), 122.0, 41.0)])
    assert await past.retain() == [Step.NOTHING]
    await past.drove([Told(to_ms(midnight(130)), 122.0, 41.0)])
    assert (await past.retain())[0] is Step.DONE


async def test_a_platform_without_a_fix_drops_and_closes_nothing(past: Past) -> None:
    before = await past.days()
    assert await past.retain(now=utc_now() + timedelta(days=3650)) == [Step.NOTHING]
    assert await past.days() == before


async def test_what_goes_with_the_day_and_what_has_its_own_period(past: Past) -> None:
    vehicle = await past.drove([row._replace(alarms=0) for row in two_days(1, FIRST_KEPT + 2)])
    await past.witness()
    worker, key = past.world.worker, past.keys[vehicle]
    kept, gone = midnight(FIRST_KEPT), midnight(FIRST_KEPT) - timedelta(milliseconds=1)
    for n, at in enumerate((gone, kept)):
        await worker.execute(
            "INSERT INTO telemetry.terminal_alarms (terminal_key, time, alarm_bits, status_bits, received_at)"
            " VALUES ($1, $2, 1, 0, $2)", key, at,
        )  # fmt: skip
        await worker.execute(
            "INSERT INTO telemetry.terminal_commands (id, terminal_id, terminal_key, enterprise_id, kind,"
            " interval_s, created_at, created_by, expires_at, status)"
            " SELECT gen_random_uuid(), id, terminal_key, enterprise_id, 'interval', 30, $2, 'x', $2, s"
            " FROM telemetry.terminals, unnest(ARRAY['answered', 'queued']) AS s WHERE terminal_key = $1",
            key, at,
        )  # fmt: skip
        await worker.execute(
            "INSERT INTO telemetry.quarantined_positions (digest, terminal_number, reason, detail, raw,"
            " first_received_at, last_received_at) VALUES ($1, 'X', 'x', '', '', $2, $2)",
            bytes([n]), at - timedelta(days=1) if n == 0 else utc_now(),
        )  # fmt: skip
        await worker.execute(
            "INSERT INTO telemetry.ingest_accounting VALUES ('X', $1, NULL, 1, 1, 0, 0)",
            (utc_now() - timedelta(days=1097 - 2 * n)).date(),
        )
    await worker.execute(
        "INSERT INTO telemetry.track_aggregates (vehicle_id, time, enterprise_id, fixes, jumps, first_at,"
        " first_lon, first_lat, last_at, last_lon, last_lat, mean_lon, mean_lat, length_mm, moving_ms)"
        " SELECT $1, t, $1, 1, 0, t, 1, 1, t, 1, 1, 1, 1, 0, 0 FROM unnest($2::timestamptz[]) AS t",
        vehicle, [midnight(1097), midnight(1095)],
    )  # fmt: skip
    now = utc_now()
    counts = await forget_old(past.world.database, RULES, now)
    assert (counts["terminal_alarms"], counts["terminal_commands"]) == (0, 0)  # their day is still there
    await past.retain()
    again = await forget_old(past.world.database, RULES, now)
    total = {name: counts[name] + again[name] for name in counts}
    assert total == dict.fromkeys(total, 1)
    assert await worker.fetchval("SELECT min(time) FROM telemetry.terminal_alarms") == kept
    left = await worker.fetch("SELECT status FROM telemetry.terminal_commands WHERE created_at < $1", kept)
    assert [row[0] for row in left] == ["queued"]
    cells = await worker.fetchval("SELECT min(hour) FROM telemetry.vehicle_cells")
    assert from_ms(cells * 3_600_000) >= kept
    assert await forget_old(past.world.database, RULES, now) == dict.fromkeys(total, 0)
