"""Alerts of reports without a position: whatever the order of arrival, what the set of reports says."""

import random
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from services.shared.clock import utc_now
from services.telemetry.domain.fixes import Rejected
from services.telemetry.domain.instants import from_ms, to_ms
from services.telemetry.domain.jt808.judging import Judged
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.storing import store_batch
from tests.support.deriving import ZONE, World, full_hour, running_world

GAP_MS = 600_000
NAMES = {0: "emergency", 2: "fatigue", 29: "collision"}
Report = tuple[int, int]
Span = tuple[UUID, str, datetime, datetime]


@pytest.fixture
async def world(fresh_database_urls: dict[str, str]) -> AsyncIterator[World]:
    async with running_world(fresh_database_urls["telemetry_worker"]) as running:
        yield running


async def report(world: World, key: int, reports: Iterable[Report]) -> None:
    """Stores reports as the listener does."""
    batch = Batch(utc_now())
    for at, bits in reports:
        refused = Rejected("not_positioned", "", b"%d/%d" % (at, bits))
        batch.add("", key, Judged(at, None, refused, bits, 0), at)
    batch.rejects.clear()  # their terminals have no numbers here
    await store_batch(world.worker, batch, ZONE)


async def raised(world: World) -> set[Span]:
    rows = await world.worker.fetch(
        "SELECT vehicle_id, device_alarm, started_at, ended_at FROM telemetry.alerts"
        " WHERE status = 'closed' AND without_position"
    )
    found = [tuple(row) for row in rows]
    assert len(found) == len(set(found))
    return set(found)


def expected(vehicle: UUID, reports: Iterable[Report]) -> set[Span]:
    """A plain reading: an alarm lasts from report to report at most ten minutes later that tell it too.

    It ends with the first such report that does not tell it, else with the last that does.
    """
    told: dict[int, int] = {}
    for at, bits in reports:
        told[at] = told.get(at, 0) | bits
    found: set[Span] = set()
    for bit, name in NAMES.items():
        start: int | None = None
        never = max(told, default=0) + 2 * GAP_MS
        for at, following in pairwise([*sorted(told), never]):
            if not told[at] >> bit & 1:
                continue
            start = at if start is None else start
            is_near = following - at <= GAP_MS
            if is_near and told[following] >> bit & 1:
                continue
            end = following if is_near else at
            found.add((vehicle, name, from_ms(start), from_ms(end)))
            start = None
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_what_stands_is_what_the_set_of_reports_says(world: World, seed: int) -> None:
    chance = random.Random(seed)
    start = full_hour(timedelta(hours=8))
    first, key = await world.fit(start)
    second, other = await world.fit(start)
    sent: dict[int, list[Report]] = {key: [], other: []}
    for name, reports in sent.items():
        at = to_ms(start)
        for _ in range(40):
            at += chance.choice([1, 30_000, 300_000, GAP_MS, GAP_MS + 1, 900_000])
            bits = sum(1 << bit for bit in chance.sample(list(NAMES), chance.choice([1, 1, 2])))
            reports.append((at, bits))
        arriving = [*reports, *chance.sample(reports, 8)]
        chance.shuffle(arriving)
        while arriving:
            count = chance.choice([1, 1, 3, 10])
            await report(world, name, arriving[:count])
            arriving = arriving[count:]
            if chance.random() < 0.7:
                await world.derive()
    await world.derive()
    assert await raised(world) == expected(first, sent[key]) | expected(second, sent[other])
    await world.check_published()
    # The first terminal was in fact taken out in the middle and fitted to the second vehicle, as secondary.
    middle = start + timedelta(hours=2)
    await world.worker.execute(
        "UPDATE telemetry.terminal_bindings SET valid_to = $1 WHERE terminal_key = $2", middle, key
    )
    await world.ask_for(first, middle)
    await world.derive()
    before = [each for each in sent[key] if each[0] < to_ms(middle)]
    assert await raised(world) == expected(first, before) | expected(second, sent[other])
    await world.check_published()


async def test_a_report_of_before_the_terminal_was_fitted_counts_once_it_is(world: World) -> None:
    start = full_hour(timedelta(hours=2))
    vehicle, key = await world.fit(start + timedelta(hours=1))
    at = to_ms(start)
    await report(world, key, [(at, 1)])
    await world.derive()
    assert await raised(world) == set()
    await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_from = $1", start)
    await world.ask_for(vehicle, start)
    await world.derive()
    assert await raised(world) == {(vehicle, "emergency", start, start)}


async def test_a_vehicle_nothing_was_ever_fitted_to_leaves_the_work_list(world: World) -> None:
    await world.ask_for(uuid4(), utc_now())
    assert await world.derive_once() == 1
    assert await world.derive_once() == 0


async def test_a_vehicle_that_cannot_be_derived_holds_up_no_other(world: World) -> None:
    start = full_hour(timedelta(hours=3))
    pending = "INSERT INTO telemetry.pending_derivations (vehicle_id, since) VALUES ($1, $2)"
    bad, _ = await world.fit(start)
    vehicle, key = await world.fit(start)
    await report(world, key, [(to_ms(start), 1)])
    await world.worker.execute(
        "INSERT INTO telemetry.derivation_heads (vehicle_id, time, state, cells, is_under_way)"
        " VALUES ($1, $2, 'no state', '{}', false)",
        bad, start - timedelta(hours=1),
    )  # fmt: skip
    for each in (bad, vehicle):
        await world.worker.execute(pending, each, start)
    await world.derive()
    assert await raised(world) == {(vehicle, "emergency", start, start)}
    left = await world.worker.fetch("SELECT vehicle_id FROM telemetry.pending_derivations")
    assert [row[0] for row in left] == [bad]
    await world.worker.execute("DELETE FROM telemetry.derivation_heads WHERE vehicle_id = $1", bad)
    world.restart()
    assert await world.derive_once() == 1
    assert await world.worker.fetchval("SELECT count(*) FROM telemetry.pending_derivations") == 0
