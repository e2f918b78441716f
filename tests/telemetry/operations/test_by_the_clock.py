"""What the clock tells: silence, days that are over; and what late fixes make of both."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.shared.auth import Principal, Role
from services.shared.clock import utc_now
from services.telemetry.consumers.derive import look_at_the_clock
from services.telemetry.domain.instants import to_ms
from services.telemetry.operations.alerts import acknowledge_alert
from services.telemetry.operations.by_the_clock import raise_silences
from tests.support.deriving import CONFIG, World, full_hour, running_world
from tests.support.drives import M_PER_DEGREE, Told

SILENCE = timedelta(minutes=15)


@pytest.fixture
async def world(fresh_database_urls: dict[str, str]) -> AsyncIterator[World]:
    async with running_world(fresh_database_urls["telemetry_worker"]) as running:
        yield running


def under_way(start: datetime, minutes: int, from_metres: float = 0) -> list[Told]:
    """A fix a minute, each 900 m further north."""
    return [
        Told(to_ms(start) + n * 60_000, 122.0, 41.0 + (from_metres + n * 900) / M_PER_DEGREE)
        for n in range(minutes)
    ]


async def look(world: World, now: datetime | None = None) -> int:
    async with world.database.transaction() as session:
        return await raise_silences(session, SILENCE, now or utc_now())


async def alerts(world: World) -> list[tuple[Any, ...]]:
    rows = await world.worker.fetch(
        "SELECT kind, status, started_at, ended_at FROM telemetry.alerts ORDER BY started_at, status"
    )
    return [tuple(row) for row in rows]


async def test_a_vehicle_under_way_that_falls_silent_raises_an_alert(world: World) -> None:
    start = full_hour(timedelta(hours=3))
    vehicle, key = await world.fit(start)
    await world.store(key, under_way(start, 5))
    await world.derive()
    last = start + timedelta(minutes=4)
    assert await look(world, last + SILENCE) == 0
    assert await look(world) == 1
    assert await look(world) == 0
    assert await alerts(world) == [("silence", "open", last, None)]
    await world.store(key, [under_way(start, 2)[1]._replace(lon=122.0001)])  # an earlier fix, late
    await world.derive()
    assert await alerts(world) == [("silence", "open", last, None)]
    back = start + timedelta(minutes=90)
    await world.store(key, under_way(back, 1, 9000))
    await world.derive()
    assert await alerts(world) == [("silence", "closed", last, back)]
    await world.check([vehicle])


async def test_late_fixes_take_a_silence_back(world: World) -> None:
    start = full_hour(timedelta(hours=3))
    vehicle, key = await world.fit(start)
    rows = under_way(start, 60)
    await world.store(key, rows[:5])
    await world.derive()
    await look(world)
    await world.store(key, rows[5:])
    await world.derive()
    assert await alerts(world) == [("silence", "retracted", start + timedelta(minutes=4), None)]
    await world.check([vehicle])
    assert await look(world) == 1


async def test_who_halts_or_has_fixes_waiting_is_not_silent(world: World) -> None:
    start = full_hour(timedelta(hours=3))
    halted, key = await world.fit(start)
    rows = under_way(start, 5)
    await world.store(
        key, [*rows, *(rows[-1]._replace(time_ms=rows[-1].time_ms + n * 60_000) for n in range(1, 5))]
    )
    waiting, other = await world.fit(start)
    await world.store(other, rows)
    await world.derive()
    await world.ask_for(waiting, utc_now())
    assert await look(world) == 0
    await world.derive()
    assert await look(world) == 1
    assert halted not in {row[1] for row in (await world.stored([halted]))["alert"]}


async def test_whom_nothing_is_fitted_to_any_more_is_not_silent(world: World) -> None:
    start = full_hour(timedelta(hours=3))
    _, key = await world.fit(start)
    await world.store(key, under_way(start, 5))
    await world.derive()
    await world.worker.execute(
        "UPDATE telemetry.terminal_bindings SET valid_to = $1", start + timedelta(minutes=30)
    )
    assert await look(world) == 0


async def test_what_goes_on_ends_with_the_last_fix_when_nothing_is_fitted_any_more(world: World) -> None:
    start = full_hour(timedelta(hours=3))
    await world.area(uuid4(), 1, (start - timedelta(days=1), 121.99, 41.02))  # 2.2 to 4.4 km north
    vehicle, key = await world.fit(start)
    rows = under_way(start, 5)
    await world.store(key, rows[:4])
    await world.derive()
    await look(world)
    last, taken_off = start + timedelta(minutes=3), start + timedelta(minutes=30)

    async def ends() -> list[Any]:
        visit = await world.worker.fetchval("SELECT left_at FROM telemetry.visits")
        trip = await world.worker.fetchval("SELECT ended_at FROM telemetry.trips")
        return [visit, trip, *[(row[0], row[3]) for row in await alerts(world)]]

    async def unfit(at: datetime | None) -> None:
        await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = $1", at)
        await look_at_the_clock(world.database, CONFIG, utc_now())
        await world.derive()

    assert await ends() == [None, None, ("silence", None)]
    await unfit(utc_now() + timedelta(hours=1))
    assert await ends() == [None, None, ("silence", None)]
    await unfit(taken_off)
    assert await ends() == [last, last, ("silence", taken_off)]
    await look_at_the_clock(world.database, CONFIG, utc_now())
    assert await world.worker.fetchval("SELECT count(*) FROM telemetry.pending_derivations") == 0

    later = last + timedelta(minutes=1)  # it comes late, of when the terminal was still there
    await world.store(key, rows[4:])
    await world.derive()
    assert (await ends())[:2] == [later, later]
    assert await alerts(world) == [
        ("silence", "retracted", last, taken_off),  # as it was told
        ("silence", "closed", later, taken_off),
    ]

    await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = NULL")
    await world.ask_for(vehicle, taken_off)
    await world.derive()
    assert (await ends())[:2] == [None, None]
    await world.check([vehicle])
    await world.check_published()


async def test_a_terminal_fitted_later_opens_nothing_of_before(world: World) -> None:
    start = full_hour(timedelta(hours=9))
    await world.area(uuid4(), 1, (start - timedelta(days=1), 121.99, 41.02))  # 2.2 to 4.4 km north
    vehicle, key = await world.fit(start)
    await world.store(key, under_way(start, 4))
    await world.derive()
    last, taken_off = start + timedelta(minutes=3), start + timedelta(minutes=30)
    await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = $1", taken_off)
    await look_at_the_clock(world.database, CONFIG, utc_now())
    await world.derive()

    async def found() -> list[Any]:
        visits = await world.worker.fetch("SELECT entered_at, left_at FROM telemetry.visits ORDER BY 1")
        trips = await world.worker.fetch("SELECT started_at, ended_at FROM telemetry.trips ORDER BY 1")
        return [[row[1] for row in visits], [row[1] for row in trips]]

    # It was silent for longer than a quarter of an hour, until the terminal was taken off.
    off = [("silence", "closed", last, taken_off)]
    assert await found() == [[last], [last]]
    assert await alerts(world) == off
    again = start + timedelta(hours=6)
    _, other = await world.fit(again, vehicle)
    await world.ask_for(vehicle, again)
    await world.derive()
    await look_at_the_clock(world.database, CONFIG, utc_now())
    assert await found() == [[last], [last]]
    assert await alerts(world) == off
    await world.store(other, under_way(again + timedelta(hours=1), 4))
    await world.derive()
    assert await found() == [[last, None], [last, None]]
    assert await alerts(world) == off
    await world.check([vehicle])


async def test_another_terminal_in_time_goes_on(world: World) -> None:
    start = full_hour(timedelta(hours=3))
    vehicle, key = await world.fit(start)
    rows = under_way(start, 8)
    await world.store(key, rows[:4])
    await world.derive()
    swapped = start + timedelta(minutes=4)
    await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = $1", swapped)
    _, other = await world.fit(swapped, vehicle)
    await look_at_the_clock(world.database, CONFIG, utc_now())
    await world.derive()
    assert await world.worker.fetchval("SELECT ended_at FROM telemetry.trips") is None
    await world.store(other, rows[4:])
    await world.derive()
    assert await world.worker.fetchval("SELECT ended_at FROM telemetry.trips") is None
    assert await world.worker.fetchval("SELECT count(*) FROM telemetry.trips") == 1
    await world.check([vehicle])


async def test_a_reception_that_stands_still_makes_nobody_silent(world: World) -> None:
    start = full_hour(timedelta(hours=3))
    for _ in range(2):
        _, key = await world.fit(start)
        await world.store(key, under_way(start, 5))
    await world.derive()
    heard = start + timedelta(minutes=4)
    await world.worker.execute("UPDATE telemetry.latest_positions SET received_at = $1", heard)
    assert await look(world) == 0
    await world.store(key, under_way(start + timedelta(minutes=5), 1, 4500))
    await world.worker.execute("UPDATE telemetry.ingest_batches SET received_at = $1", heard)
    assert await look(world) == 0
    await world.derive()
    assert await look(world) == 2


async def test_a_day_is_published_when_it_is_over_and_when_it_is_corrected(world: World) -> None:
    now = utc_now()
    midnight = (now + timedelta(hours=8)).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
        hours=8
    )
    vehicle, key = await world.fit(midnight - timedelta(days=3))
    yesterday = midnight - timedelta(hours=5)
    await world.store(key, under_way(yesterday, 10))
    await world.store(key, under_way(midnight, 1))
    await world.derive()
    assert await world.published("daily_mileage") == {}
    await look_at_the_clock(world.database, CONFIG, midnight + timedelta(minutes=1))
    assert await world.published("daily_mileage") == {}
    for _ in range(2):
        await look_at_the_clock(world.database, CONFIG, midnight + timedelta(minutes=16))
        ((state, version),) = (await world.published("daily_mileage")).values()
        assert version == 1
    assert state["day"] == (midnight - timedelta(hours=1) + timedelta(hours=8)).date().isoformat()
    assert (state["distance_km"], state["moving_minutes"], state["fixes"]) == (8.1, 9.0, 10)
    assert state["is_working_day"] is True
    await world.store(key, under_way(yesterday + timedelta(minutes=10), 3, 9000))
    await world.derive()
    ((state, version),) = (await world.published("daily_mileage")).values()
    assert (version, state["distance_km"], state["fixes"]) == (2, 10.8, 13)
    await world.check([vehicle])


async def test_a_day_whose_fixes_go_is_published_without(world: World) -> None:
    start = full_hour(timedelta(days=3))
    vehicle, key = await world.fit(start)
    await world.store(key, under_way(start, 10))
    await world.derive()
    await look_at_the_clock(world.database, CONFIG, utc_now())
    await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = $1", start)
    await world.ask_for(vehicle, start)
    await world.derive()
    ((state, version),) = (await world.published("daily_mileage")).values()
    assert (version, state["fixes"], state["distance_km"], state["first_fix_at"]) == (2, 0, 0, None)


async def test_an_acknowledgement_survives_what_late_fixes_make_of_the_alert(world: World) -> None:
    start = full_hour(timedelta(hours=5))
    await world.area(uuid4(), 1, (start - timedelta(days=1), 121.99, 41.02))  # 2.2 to 4.4 km north
    await world.rule(start - timedelta(days=1), area_kind="zone", events=["entered"])
    vehicle, key = await world.fit(start)
    rows = under_way(start, 10)
    await world.store(key, [*rows[:2], *rows[4:]])
    await world.derive()
    (before,) = (await world.stored([vehicle]))["alert"]
    who = Principal("officer", Role.police, name="李伟")
    async with world.database.transaction() as session:
        await acknowledge_alert(session, who, before[0], "已核实", utc_now())
    await world.store(key, [rows[2]._replace(lat=41.0201), rows[3]])  # it was inside earlier
    await world.derive()
    (after,) = (await world.stored([vehicle]))["alert"]
    assert after[0] != before[0]
    row = await world.worker.fetchrow("SELECT * FROM telemetry.alerts WHERE id = $1", after[0])
    assert row is not None
    assert (row["supersedes"], row["acknowledged_by"], row["note"]) == (before[0], "officer", "已核实")
    state, version = (await world.published("alert"))[after[0]]
    assert (state["acknowledged_at"] is not None, version) == (True, 1)
    await world.check([vehicle])


async def test_an_open_trip_is_written_with_every_step_and_published_at_its_ends(world: World) -> None:
    start = full_hour(timedelta(hours=5))
    vehicle, key = await world.fit(start)
    rows = under_way(start, 20)
    lengths: list[int] = []
    for row in rows:
        await world.store(key, [row])
        await world.derive()
        lengths += [found[8] for found in (await world.stored([vehicle]))["trip"]]
    assert lengths == sorted(set(lengths))
    assert len(lengths) == 19
    ((state, version),) = (await world.published("trip")).values()
    assert (state["status"], version) == ("open", 1)
    stood = [rows[-1]._replace(time_ms=rows[-1].time_ms + n * 60_000) for n in range(1, 17)]
    await world.store(key, stood)
    await world.derive()
    ((state, version),) = (await world.published("trip")).values()
    assert (state["status"], version, state["distance_km"]) == ("closed", 2, 17.1)


async def test_what_is_touched_without_end_reaches_as_far_as_the_fixes_beside_it(world: World) -> None:
    start = utc_now() - timedelta(minutes=30)
    vehicle, key = await world.fit(start - timedelta(days=1))
    rows = [Told(to_ms(start) + n * 3_600_000, 122.0, 41.0 + n / 100) for n in range(2)]  # one is to come
    await world.store(key, rows)
    await world.ask_for(vehicle, start)
    await world.derive()
    assert len(await world.fixes(vehicle)) == 2
    await world.check([vehicle])
