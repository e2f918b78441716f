"""Visits are a function of the set of fixes: any order, any batches, late areas and bindings, the same rows.

Expected are the visits of one derivation over all fixes in time order from the very start
(`domain/visits.py`, tested against its own oracle); here the way there is shuffled, doubled, interrupted by
derivations and changes of areas.
"""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.events.registry import AreaState
from services.shared.follow import Change
from services.telemetry.domain.crossings import AreaIndex, TrackFix
from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.rows import encode
from services.telemetry.domain.visits import VisitConfig, derive_visits
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.copies import apply_registry_change
from services.telemetry.operations.derivation import Areas, derive_pending
from services.telemetry.operations.folding import fold_batches
from services.telemetry.operations.storing import make_partitions, store_batch
from services.telemetry.queries.derivation import find_area_versions, from_ms, to_ms

CONFIG = VisitConfig()
ZONE = "Asia/Shanghai"


@dataclass
class World:
    """A database of the test's own, worked on as the processes do."""

    database: Database
    worker: "asyncpg.Connection[asyncpg.Record]"
    areas: Areas

    async def store(self, key: int, sent: list[Fix]) -> None:
        now = utc_now()
        rows = [encode(key, int(fix.time), fix, to_ms(now)) for fix in sent]  # type: ignore[arg-type]  # epoch ms here
        await store_batch(self.worker, Batch(now, rows), ZONE)

    async def derive(self) -> None:
        """Folds and derives until nothing is left."""
        while await fold_batches(self.worker, ZONE):
            pass
        done = 1
        while done:
            async with self.database.transaction() as session:
                done = await derive_pending(session, self.areas, CONFIG)

    async def area(self, area_id: UUID, version: int, *shapes: tuple[datetime, float, float]) -> None:
        """The area becomes a square of 0.02 degrees with this corner, from each instant on."""
        ends = [*(start for start, *_ in shapes[1:]), None]
        state = AreaState.model_validate(
            {
                "id": area_id, "code": "A", "name": "A", "kind": "zone",
                "versions": [
                    {"valid_from": start, "valid_to": end, "geometry": square(lon, lat)}
                    for (start, lon, lat), end in zip(shapes, ends, strict=True)
                ],
            }
        )  # fmt: skip
        async with self.database.transaction() as session:
            change = Change("area", area_id, version, version, utc_now(), deleted=False, state=state)
            await apply_registry_change(session, change)

    async def visits(self) -> set[tuple[Any, ...]]:
        rows = await self.worker.fetch(
            "SELECT id, vehicle_id, area_id, entered_at, left_at, status FROM telemetry.visits"
            " WHERE status <> 'retracted'"
        )
        return {tuple(row) for row in rows}

    async def expected(self, sent: dict[UUID, list[Fix]]) -> set[tuple[Any, ...]]:
        async with self.database.transaction() as session:
            index = AreaIndex(await find_area_versions(session))
        found: set[tuple[Any, ...]] = set()
        for vehicle_id, fixes in sent.items():
            hashes = [encode(1, int(fix.time), fix, 0)[3][26:34] for fix in fixes]  # type: ignore[arg-type]
            track = [
                TrackFix(int(fix.time), fix.lon, fix.lat, int.from_bytes(digest, "big", signed=True))  # type: ignore[arg-type]
                for fix, digest in zip(fixes, hashes, strict=True)
            ]
            for visit in derive_visits(vehicle_id, track, index, CONFIG).visits:
                left = None if visit.left_ms is None else from_ms(visit.left_ms)
                status = "open" if left is None else "closed"
                found.add((visit.id, vehicle_id, visit.area_id, from_ms(visit.entered_ms), left, status))
        return found


@pytest.fixture
async def world(fresh_database_urls: dict[str, str]) -> AsyncIterator[World]:
    database = Database(fresh_database_urls["telemetry_worker"])
    worker = await database.connect()
    await make_partitions(worker, utc_now())
    yield World(database, worker, Areas())
    await worker.close()
    await database.close()


def square(lon: float, lat: float, size: float = 0.02) -> dict[str, Any]:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return {"type": "MultiPolygon", "coordinates": [[ring]]}


def walk(random_: random.Random, start: datetime, count: int) -> list[Fix]:
    """A wandering track with jitter, equal times and gaps around the corner of the areas."""
    at, lon, lat = start, 122.0, 41.0
    found: list[Fix] = []
    for _ in range(count):
        at += timedelta(
            seconds=random_.choice([0, 5, 15, 30, 60, 60, 700 if random_.random() < 0.05 else 20])
        )
        lon += random_.uniform(-0.006, 0.006) - (lon - 122.0) * 0.05
        lat += random_.uniform(-0.006, 0.006) - (lat - 41.0) * 0.05
        found.append(Fix(time=float(to_ms(at)), lon=lon, lat=lat))
    return found


async def fit(world: World, vehicle_id: UUID, since: datetime) -> int:
    """A terminal fitted to a vehicle; its key."""
    terminal_id = uuid4()
    key: int = await world.worker.fetchval(
        "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, secret_verifier, created_at)"
        " VALUES ($1, $2, $1, '', now()) RETURNING terminal_key",
        terminal_id, terminal_id.hex,
    )  # fmt: skip
    await world.worker.execute(
        "INSERT INTO telemetry.terminal_bindings"
        " (id, terminal_id, terminal_key, vehicle_id, enterprise_id, valid_from)"
        " VALUES ($1, $1, $2, $3, $1, $4)",
        terminal_id, key, vehicle_id, since,
    )  # fmt: skip
    return key


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_and_interruption_gives_the_same_visits(world: World, seed: int) -> None:
    random_ = random.Random(seed)
    start = utc_now() - timedelta(hours=9)
    first, second = uuid4(), uuid4()
    await world.area(first, 1, (start, 122.0, 41.0))
    sent = {uuid4(): walk(random_, start, 400) for _ in range(3)}
    keys = {vehicle_id: await fit(world, vehicle_id, start - timedelta(days=1)) for vehicle_id in sent}
    pieces = [(vehicle_id, fix) for vehicle_id, fixes in sent.items() for fix in fixes]
    pieces += random_.sample(pieces, 100)
    if seed:
        random_.shuffle(pieces)
    for number in range(0, len(pieces), 130):
        chunk = pieces[number : number + 130]
        for vehicle_id, key in keys.items():
            await world.store(key, [fix for name, fix in chunk if name == vehicle_id])
        if random_.random() < 0.6:
            await world.derive()
        if number == 520:
            await world.area(second, 1, (start, 121.97, 40.99))
        if number == 780:
            moved = start + timedelta(hours=2)
            await world.area(first, 2, (start, 122.0, 41.0), (moved, 121.985, 40.985))
    await world.derive()
    expected = await world.expected(sent)
    assert len(expected) > 10
    assert await world.visits() == expected
    await check_published(world)


async def check_published(world: World) -> None:
    """The feed's last state of every visit is the row; its versions have no gap."""
    rows = await world.worker.fetch(
        "SELECT id, version, state FROM telemetry.outbox WHERE kind = 'visit' ORDER BY seq"
    )
    versions: dict[UUID, list[int]] = {}
    last: dict[UUID, dict[str, Any]] = {}
    for row in rows:
        versions.setdefault(row["id"], []).append(row["version"])
        last[row["id"]] = json.loads(row["state"])
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
    table = await world.worker.fetch(
        "SELECT id, status, entered_at, left_at, supersedes FROM telemetry.visits"
    )
    assert {row["id"] for row in table} == last.keys()
    for row in table:
        state = last[row["id"]]
        assert state["status"] == row["status"]
        assert datetime.fromisoformat(state["entered_at"]) == row["entered_at"]
        left = state.get("left_at")
        assert (datetime.fromisoformat(left) if left else None) == row["left_at"]
        assert row["supersedes"] is None or row["supersedes"] in last


async def test_a_late_fix_costs_its_hours_and_not_the_track(world: World) -> None:
    random_ = random.Random(7)
    start = (utc_now() - timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    await world.area(uuid4(), 1, (start, 122.0, 41.0))
    vehicle_id = uuid4()
    key = await fit(world, vehicle_id, start)
    fixes = walk(random_, start, 3000)
    await world.store(key, fixes)
    await world.derive()
    before = {
        row[0]: row[1]
        for row in await world.worker.fetch("SELECT time, xmin::text FROM telemetry.derivation_states")
    }
    late = Fix(time=fixes[1500].time + 1, lon=122.01, lat=41.01)  # type: ignore[operator]  # epoch ms here
    await world.store(key, [late])
    await world.derive()
    after = {
        row[0]: row[1]
        for row in await world.worker.fetch("SELECT time, xmin::text FROM telemetry.derivation_states")
    }
    assert await world.visits() == await world.expected({vehicle_id: [*fixes, late]})
    assert after.keys() == before.keys()
    changed = [at for at in after if after[at] != before[at]]
    touched = datetime.fromtimestamp(late.time / 1000, UTC)  # type: ignore[operator]
    assert all(timedelta(0) < at - touched < timedelta(hours=2) for at in changed)


async def test_a_binding_that_ends_earlier_takes_its_visits_along(world: World) -> None:
    start = utc_now() - timedelta(hours=5)
    await world.area(uuid4(), 1, (start, 122.0, 41.0))
    vehicle_id = uuid4()
    key = await fit(world, vehicle_id, start)
    fixes = walk(random.Random(3), start, 300)
    await world.store(key, fixes)
    await world.derive()
    half = datetime.fromtimestamp(fixes[150].time / 1000, UTC)  # type: ignore[operator]  # epoch ms here
    await world.worker.execute("UPDATE telemetry.terminal_bindings SET valid_to = $1", half)
    await world.worker.execute(
        "INSERT INTO telemetry.pending_derivations (vehicle_id, since) VALUES ($1, $2)", vehicle_id, half
    )
    await world.derive()
    kept = [fix for fix in fixes if fix.time < to_ms(half)]  # type: ignore[operator]
    assert await world.visits() == await world.expected({vehicle_id: kept})
    await check_published(world)
