"""`make bench NAME=derivation`: what a fix costs from the table to its conclusions, and to be read at all.

The same fixes of a fleet that drives and parks, among areas, one every 30 s:

- limit: the rows derivation needs are read by asyncpg and nothing is done with them;
- ours: the walk alone, over tracks in memory: visits, trips, days, episodes, jumps, checkpoints;
- whole: from the work list to the commit, reading and writing and publishing included, a new fleet's days;
- live: every vehicle sends one fix a turn, as a city does: processor time of the process, and of its database
  connection, for each fix; given as cores at 1,000 positions a second.

The last line is one JSON object; `ratio` is the walk's rate by the bare read's of the same run.
"""

import argparse
import asyncio
import gc
import json
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import shapely

from deploy.local.cluster import PROJECT
from services.shared.clock import utc_now
from services.shared.db import Database
from services.telemetry.consumers.derive import read_walk_config
from services.telemetry.domain.crossings import AreaIndex
from services.telemetry.domain.episodes import SpeedLimit
from services.telemetry.domain.recomputation import FOR_EVER_MS, Recomputation
from services.telemetry.domain.tracks import Track
from services.telemetry.domain.walking import START, Vehicle
from services.telemetry.operations.derivation import Circumstances, derive_pending
from services.telemetry.operations.storing import make_partitions
from services.telemetry.queries.derivation import Window, find_area_versions, find_tracks
from tests.support import run_cluster

STEP_S, AREAS = 30, 40
WARM = 20
"""Turns not measured: the first minutes of a fleet are of no interest."""
CENTRE = (122.07, 41.12)
M_PER_DEGREE = 111_195.08
CONFIG = read_walk_config(PROJECT / "city" / "panjin")
LIMIT_IS = "asyncpg reading the same rows of the same table and doing nothing with them"
_READ = """
    SELECT b.vehicle_id, p.time, p.content_hash, p.lon, p.lat, p.speed_kmh, p.mileage_km, p.cargo_temp_c,
        p.load_state, p.alarm_bits
    FROM telemetry.terminal_bindings b
    JOIN telemetry.positions p ON p.terminal_key = b.terminal_key AND p.time >= b.valid_from
    WHERE b.vehicle_id = any($1)
"""


@dataclass
class Stage:
    """A database with a fleet."""

    database: Database
    worker: Any
    vehicles: list[UUID]
    start: datetime


def drive(chance: random.Random, fixes: int) -> list[tuple[float, ...]]:
    """Lon, lat, speed and mileage of a vehicle that parks and drives around the centre."""
    lon, lat = CENTRE[0] + chance.gauss(0, 0.08), CENTRE[1] + chance.gauss(0, 0.06)
    heading, mileage, found = chance.uniform(0, 7), chance.uniform(0, 1e5), list[tuple[float, ...]]()
    while len(found) < fixes:
        drives, speed = chance.random() < 0.4, chance.uniform(15, 55)
        for _ in range(chance.randrange(10, 80)):
            if drives:
                heading += chance.gauss(0, 0.25)
                if math.hypot(lon - CENTRE[0], lat - CENTRE[1]) > 0.2:
                    heading = math.atan2(CENTRE[0] - lon, CENTRE[1] - lat)
                lat += speed / 3.6 * STEP_S * math.cos(heading) / M_PER_DEGREE
                lon += speed / 3.6 * STEP_S * math.sin(heading) / (M_PER_DEGREE * 0.75)
                mileage += speed / 3600 * STEP_S
            drift = chance.gauss(0, 5e-5), chance.gauss(0, 5e-5)
            told = speed if drives else 0.0
            found.append((round(lon + drift[0], 6), round(lat + drift[1], 6), told, round(mileage, 1)))
    return found[:fixes]


async def add_fleet(stage: Stage, count: int) -> None:
    """Vehicles with a terminal each, known by their numbers: the terminal's key is the vehicle's index."""
    enterprise = uuid4()
    stage.vehicles = [uuid4() for _ in range(count)]
    terminals = [(uuid4(), n, f"BENCH-{n}", enterprise) for n in range(count)]
    await stage.worker.executemany(
        "INSERT INTO telemetry.terminals (id, terminal_key, terminal_number, enterprise_id, secret_verifier,"
        " created_at) VALUES ($1, $2, $3, $4, '', now())",
        terminals,
    )
    await stage.worker.executemany(
        "INSERT INTO telemetry.terminal_bindings"
        " (id, terminal_id, terminal_key, vehicle_id, enterprise_id, valid_from)"
        " VALUES ($1, $1, $2, $3, $4, $5)",
        [(t[0], t[1], v, enterprise, stage.start) for t, v in zip(terminals, stage.vehicles, strict=True)],
    )


async def add_areas(stage: Stage, chance: random.Random) -> None:
    """Zones of a city: some large, many small, overlapping."""
    for _ in range(AREAS):
        area, size = uuid4(), chance.choice([0.003, 0.01, 0.02, 0.08])
        centre = CENTRE[0] + chance.gauss(0, 0.08), CENTRE[1] + chance.gauss(0, 0.06)
        shape = shapely.MultiPolygon([shapely.Point(centre).buffer(size, quad_segs=4)])
        await stage.worker.execute("INSERT INTO telemetry.areas VALUES ($1, 'A', 'A', 'zone', 1)", area)
        await stage.worker.execute(
            "INSERT INTO telemetry.area_versions VALUES ($1, '2020-01-01Z', NULL, ST_GeomFromWKB($2, 4326))",
            area, shapely.to_wkb(shape),
        )  # fmt: skip


async def add_positions(stage: Stage, rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows of (terminal key, time, lon, lat, speed, mileage), and the work they make."""
    table = list(rows)
    await stage.worker.executemany(
        "INSERT INTO telemetry.positions (terminal_key, time, content_hash, lon, lat, cell, speed_kmh,"
        " mileage_km, received_at) VALUES ($1, $2, 1, $3, $4, 1, $5, $6, now())",
        table,
    )
    times: dict[int, list[datetime]] = {}
    for row in table:
        times.setdefault(row[0], []).append(row[1])
    await stage.worker.executemany(
        "INSERT INTO telemetry.pending_derivations (vehicle_id, since, until) VALUES ($1, $2, $3)",
        [(stage.vehicles[key], min(at), max(at)) for key, at in times.items()],
    )


def at(stage: Stage, number: int, fix: int) -> datetime:
    """When a vehicle sends its nth fix: not all at once."""
    return stage.start + timedelta(seconds=fix * STEP_S, milliseconds=number * 7919 % (STEP_S * 1000))


async def derive_all(stage: Stage, circumstances: Circumstances) -> None:
    """Derivation until nothing is left."""
    done = 1
    while done:
        async with stage.database.transaction() as session:
            done = await derive_pending(session, circumstances, CONFIG, utc_now())


async def bulk(stage: Stage, fixes: int, runs: int) -> list[dict[str, float]]:
    """The bare read, and the walk, in turn; then the whole once."""
    windows = [Window(v, stage.start, stage.start + timedelta(days=40)) for v in stage.vehicles]
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        rows = await stage.worker.fetch(_READ, stage.vehicles)
        read = time.perf_counter() - began
        if len(rows) != fixes:
            raise RuntimeError(f"{len(rows)} rows for {fixes} fixes")
        del rows
        async with stage.database.transaction() as session:
            began = time.perf_counter()
            tracks = await find_tracks(session, windows)
            tracking = time.perf_counter() - began
            areas = AreaIndex(await find_area_versions(session))
        walk = walked(tracks, areas)
        rates = {"limit": read, "tracks": tracking, "ours": walk}
        found.append({name: round(fixes / seconds) for name, seconds in rates.items()})
    began = time.perf_counter()
    await derive_all(stage, Circumstances())
    whole = round(fixes / (time.perf_counter() - began))
    return [{**run, "whole": whole} for run in found]


def walked(tracks: dict[UUID, Track], areas: AreaIndex) -> float:
    """Seconds of the walk over tracks, hour by hour as derivation does."""
    limit = SpeedLimit(None, CONFIG.episodes.overspeed_kmh, -FOR_EVER_MS, None)
    began = time.perf_counter()
    for vehicle, track in tracks.items():
        going = Recomputation(Vehicle(vehicle, None, (limit,)), START, FOR_EVER_MS, areas, CONFIG)
        going.over(track, {})
        going.walk.ended()
        going.walk.open()
    return time.perf_counter() - began


async def live(stage: Stage, turns: int, chance: random.Random) -> dict[str, float]:
    """Cores a city of 1,000 positions a second takes: the process, and its database connection."""
    drives = [drive(chance, turns + WARM) for _ in stage.vehicles]
    circumstances = Circumstances()
    used: list[tuple[float, float]] = []
    for turn in range(turns + WARM):
        rows = [(key, at(stage, key, turn), *drives[key][turn]) for key in range(len(drives))]
        await add_positions(stage, rows)
        if turn < WARM:
            await derive_all(stage, circumstances)
            gc.freeze()  # as the process does
            continue
        before = time.process_time(), await _database_seconds(stage)
        await derive_all(stage, circumstances)
        after = time.process_time(), await _database_seconds(stage)
        used.append((after[0] - before[0], after[1] - before[1]))
    each = len(stage.vehicles)
    return {
        "cores_at_1000": round(statistics.median(own for own, _ in used) / each * 1000, 3),
        "database_cores_at_1000": round(statistics.mean(base for _, base in used) / each * 1000, 3),
    }


async def _database_seconds(stage: Stage) -> float:
    """Processor time of the connections derivation has used."""
    pids = await stage.worker.fetch(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'bench-derive'"
    )
    return sum(_processor_seconds(row[0]) for row in pids)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def staged(urls: dict[str, str], vehicles: int, chance: random.Random) -> Stage:
    """A fleet among areas."""
    database = Database(urls["telemetry_worker"], application="bench-derive")
    start = (utc_now() - timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    worker = await asyncpg.connect(urls["superuser"])
    await make_partitions(worker, utc_now())
    stage = Stage(database, worker, [], start)
    await add_fleet(stage, vehicles)
    await add_areas(stage, chance)
    return stage


async def run_bulk(vehicles: int, hours: int, runs: int) -> list[dict[str, float]]:
    """The fixes of days at once."""
    chance = random.Random(5)
    stage = await staged(run_cluster.run_cluster().clone("bench_bulk"), vehicles, chance)
    fixes = hours * 3600 // STEP_S
    for key in range(vehicles):
        rows = ((key, at(stage, key, n), *told) for n, told in enumerate(drive(chance, fixes)))
        await add_positions(stage, rows)
    await stage.worker.execute("VACUUM ANALYZE telemetry.positions")
    found = await bulk(stage, vehicles * fixes, runs)
    await stage.worker.close()
    await stage.database.close()
    return found


async def run_live(vehicles: int, turns: int) -> dict[str, float]:
    """A fix of each vehicle at a time."""
    chance = random.Random(7)
    stage = await staged(run_cluster.run_cluster().clone("bench_live"), vehicles, chance)
    found = await live(stage, turns, chance)
    await stage.worker.close()
    await stage.database.close()
    return found


async def measure(options: argparse.Namespace) -> None:
    """Run all and print."""
    run_cluster.open_run()
    try:
        runs = await run_bulk(options.vehicles, options.hours, options.runs)
        city = await run_live(options.fleet, options.turns)
    finally:
        run_cluster.close_run()
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    for name, rate in median.items():
        print(f"{name:>8}: {rate:10.0f} fixes/s")
    for name, cores in city.items():
        print(f"{name}: {cores}")
    result = {
        "bench": "derivation", "ratio": round(median["ours"] / median["limit"], 3), "ours": median["ours"],
        "limit": median["limit"], "limit_is": LIMIT_IS, "whole": median["whole"], **city, "runs": runs,
    }  # fmt: skip
    print(json.dumps(result))


def main() -> int:
    """Run the benchmark; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.derivation")
    parser.add_argument("--vehicles", type=int, default=60)
    parser.add_argument("--hours", type=int, default=48)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--fleet", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=40)
    asyncio.run(measure(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
