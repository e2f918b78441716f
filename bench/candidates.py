"""Finding candidates among 10,000 vehicles, against PostGIS KNN and a numpy look at everyone.

`python -m bench.candidates [vehicles]` makes the same fleet three times: in memory (KD-trees per
capability class, rules of an area at the destination included), as numpy arrays of which every one is
looked at, and as a PostGIS table with a GiST index in a projected system that is asked for the nearest by
`<->`. Each answers the same loads: the best (for PostGIS: the nearest) 20 that can carry them; ours with
score and freshness, with and without the traffic rules, and once only the nearest. Also printed: one
whole question through the HTTP API, with its queries of load, areas and bookings.

The last line is one JSON object; `ratio` is PostGIS's time for a load by ours (more is better).
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np

from services.matching.domain.candidates import Matching, banded_km
from services.matching.domain.cargo import TemperatureClass
from services.matching.domain.fleet import Fleet
from services.matching.domain.job import Covering, Job, Stop
from services.matching.domain.limits import Limits
from services.matching.domain.roster import Fix, Roster
from services.matching.domain.rulebook import Rulebook
from services.matching.domain.vehicles import ANYONE, Vehicle
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.ids import new_id
from services.shared.logs import configure_logs
from services.shared.rules.conditions import Conditions, VehicleFacts
from services.shared.rules.records import Effect, Rule
from services.shared.rules.schedule import CityClock, Schedule, Validity, Window
from services.shared.rules.standing import Course, Standing
from services.shared.standards.zones import CITY_ZONE
from tests.factories import matching as make
from tests.support import run_cluster

LOADS, BEST, RUNS = 300, 20, 5
CENTRE = (122.07, 41.12)
AREA = UUID(int=7)
SINCE = datetime(2025, 1, 1, tzinfo=UTC)
LIMITS = Limits()
_PAYLOADS = (500, 900, 1200, 1765, 3000, 5000, 9000)
_REFRIGERATION = ("none", "none", "none", "insulated", "refrigerated")


def place(rng: random.Random) -> tuple[float, float]:
    """A point in and around the city."""
    return CENTRE[0] + rng.gauss(0, 0.12), CENTRE[1] + rng.gauss(0, 0.09)


def make_fleet(rng: random.Random, count: int, now: datetime) -> tuple[Fleet, list[tuple[float, float]]]:
    """A fleet of `count` vehicles that all report, one firm in twenty suspended, one van in 36 lapsed."""
    roster, places = Roster(CityClock(CITY_ZONE)), []
    heavy, fuel = Conditions(min_gross_mass_kg=12000), Conditions(powertrains=frozenset({"ICE"}))
    morning = Schedule(windows=(Window.parse("07:00", "09:00"),))
    ban = Rule(new_id(), "R1", frozenset({AREA}), Effect.BAN, Validity(SINCE), conditions=heavy)
    peak = Rule(
        new_id(),
        "R2",
        frozenset({AREA}),
        Effect.PERMIT_REQUIRED,
        Validity(SINCE),
        schedule=morning,
        conditions=fuel,
    )
    for rule in (ban, peak):
        roster.set_rule(rule.id, rule)
    for _ in range(count):
        payload, cold = rng.choice(_PAYLOADS), rng.choice(_REFRIGERATION)
        facts = VehicleFacts(
            ANYONE, 2, "H32", rng.choice(("BEV", "ICE")), payload * 2.5, payload, refrigeration=cold
        )
        lapse = now + timedelta(days=rng.uniform(-10, 355))
        papers = Course((Standing(SINCE), Standing(lapse, lapses=("inspection",))))
        vehicle = Vehicle(
            new_id(), new_id(), "辽L12345", 2, SINCE, None, payload, payload / 120, cold, "C", facts, papers
        )
        roster.set_vehicle(vehicle)
        roster.set_enterprise(vehicle.enterprise_id, Course.always(active=rng.random() < 0.95))
        places.append(place(rng))
        roster.set_fixes([Fix(vehicle.id, now, *places[-1])])
    return roster.freeze(now), places


def make_jobs(rng: random.Random, now: datetime) -> list[Job]:
    """Loads of all sizes and temperatures; the destination lies in an area with rules."""
    jobs = []
    for _ in range(LOADS):
        pickup = Stop(*place(rng), now, now + timedelta(hours=2))
        delivery = Stop(*place(rng), now, now + timedelta(hours=5), (Covering(AREA, SINCE),))
        weight = rng.choice((200.0, 800.0, 1500.0, 4000.0))
        cold = rng.choice(list(TemperatureClass))
        jobs.append(Job(pickup, delivery, weight, weight / 200, cold, now))
    return jobs


def per_load(seconds: float) -> float:
    """Microseconds a load."""
    return seconds / LOADS * 1e6


def run_trees(fleet: Fleet, jobs: list[Job], book: Rulebook) -> float:
    """Ours: trees of this fleet are built within the run, once a class."""
    fresh = Fleet(fleet.index, fleet.rows, book, fleet.firms, fleet.since)
    began = time.perf_counter()
    for job in jobs:
        Matching(fresh, job, LIMITS).best(BEST, banded_km)
    return per_load(time.perf_counter() - began)


def run_nearest(fleet: Fleet, jobs: list[Job]) -> float:
    """Ours, as little as PostGIS does: the nearest 20 of the capability class."""
    fresh = Fleet(fleet.index, fleet.rows, fleet.book, fleet.firms, fleet.since)
    began = time.perf_counter()
    for job in jobs:
        fresh.nearest(job.pickup.point, _LEVEL[job.temperature], job.weight_kg, BEST, LIMITS.max_approach_km)
    return per_load(time.perf_counter() - began)


def run_everyone(fleet: Fleet, jobs: list[Job]) -> float:
    """The same answers by judging every vehicle with numpy."""
    rows = fleet.present()
    began = time.perf_counter()
    for job in jobs:
        Matching(fleet, job, LIMITS).among(rows, banded_km)[0].part(0, BEST)
    return per_load(time.perf_counter() - began)


def check_equal(fleet: Fleet, jobs: list[Job]) -> None:
    """Both ways give the same vehicles.

    Raises:
        ValueError: They do not.
    """
    rows = fleet.present()
    for job in jobs:
        matching = Matching(fleet, job, LIMITS)
        if (
            matching.best(BEST, banded_km).rows.tolist()
            != matching.among(rows, banded_km)[0].rows.tolist()[:BEST]
        ):
            raise ValueError("the best are not the best")


_KNN = """
SELECT id FROM fleet WHERE level >= $3 AND payload >= $4 AND volume >= $5 AND active
ORDER BY point <-> ST_Transform(ST_SetSRID(ST_MakePoint($1, $2), 4326), 4528) LIMIT 20
"""
_LEVEL = {TemperatureClass.AMBIENT: 0, TemperatureClass.CHILLED: 1, TemperatureClass.FROZEN: 2}


async def fill_postgis(connection: Any, fleet: Fleet) -> None:
    """The same fleet as a table, indexed, analysed, in the zone's Gauss-Krüger projection."""
    await connection.execute(
        "CREATE TABLE fleet"
        " (id int, active bool, level int, payload float8, volume float8, lon float8, lat float8)"
    )
    names = ("level", "payload_kg", "volume_m3", "lon", "lat")
    now = utc_now().timestamp()
    records = [
        (n, bool(now < row["off"]), *(row[name].item() for name in names)) for n, row in enumerate(fleet.rows)
    ]
    await connection.copy_records_to_table("fleet", records=records)
    await connection.execute("ALTER TABLE fleet ADD point geometry(Point, 4528)")
    await connection.execute(
        "UPDATE fleet SET point = ST_Transform(ST_SetSRID(ST_MakePoint(lon, lat), 4326), 4528)"
    )
    await connection.execute("CREATE INDEX ON fleet USING gist (point)")
    await connection.execute("VACUUM ANALYZE fleet")


async def run_postgis(connection: Any, jobs: list[Job]) -> float:
    """PostGIS: the nearest 20 of the capability, without rules, score or freshness."""
    statement = await connection.prepare(_KNN)
    began = time.perf_counter()
    for job in jobs:
        await statement.fetch(*job.pickup.point, _LEVEL[job.temperature], job.weight_kg, job.volume_m3)
    return per_load(time.perf_counter() - began)


async def add_vehicles(world: make.World, firm: make.Firm, count: int, rng: random.Random) -> None:
    """Reporting vehicles of one firm, written to the copies at once; the last is said, to move the cursor."""
    states = [make.vehicle_state(firm.id, payload_kg=rng.choice(_PAYLOADS)) for _ in range(count)]
    pool = await world.worker.pool()
    after = world.positions["registry"]
    world.positions["registry"] += count
    await pool.executemany(
        "INSERT INTO matching.vehicles (id, enterprise_id, state, deleted, version, pos)"
        " VALUES ($1, $2, $3, false, 1, $4)",
        [(s.id, firm.id, s.model_dump_json(), after + number) for number, s in enumerate(states, 1)],
    )
    for state in states:
        world.telemetry.report(state.id, *place(rng))
    await world.vehicle(firm, place(rng))


async def run_http(urls: dict[str, str], count: int, rng: random.Random) -> dict[str, float]:
    """Whole questions through the API: the owner's best 20, and a bureau's page of reasons."""
    telemetry = make.Telemetry()
    with tempfile.TemporaryDirectory() as directory:
        app = make.app(urls, Path(directory), telemetry.client())
        worker = Database(urls["matching_worker"])
        async with make.running(app) as api:
            world = make.World(worker, app, telemetry)
            await world.start()
            shipper, carrier = await world.firm(), await world.firm()
            await add_vehicles(world, carrier, count, rng)
            loads = [await make.post_load(api, shipper, place(rng)) for _ in range(20)]
            asked = {"owner": shipper.headers, "bureau": make.bureau()}
            times: dict[str, list[float]] = {name: [] for name in asked}
            for _ in range(10):
                for load in loads:
                    for name, headers in asked.items():
                        began = time.perf_counter()
                        await make.candidates(api, load, headers, limit=20)
                        times[name].append((time.perf_counter() - began) * 1000)
        await worker.close()
    return {f"{name}_p95_ms": round(float(np.percentile(values, 95)), 1) for name, values in times.items()}


async def run_all(fleet: Fleet, jobs: list[Job], connection: Any) -> list[dict[str, float]]:
    """Every way in turn, several times, over the same loads."""
    no_rules = Rulebook((), (), CityClock(CITY_ZONE))
    await fill_postgis(connection, fleet)
    return [
        {
            "nearest_us": run_nearest(fleet, jobs),
            "trees_us": run_trees(fleet, jobs, no_rules),
            "trees_and_rules_us": run_trees(fleet, jobs, fleet.book),
            "everyone_us": run_everyone(fleet, jobs),
            "postgis_us": await run_postgis(connection, jobs),
        }
        for _ in range(RUNS)
    ]


def report(count: int, runs: list[dict[str, float]], http: dict[str, float]) -> None:
    """Print the medians, and as the last line the result."""
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    for name, value in {**median, **http}.items():
        print(f"{name:>18}: {value:10.1f}")
    postgis, rules = median["postgis_us"], median["trees_and_rules_us"]
    result = {
        "bench": "candidates",
        "ratio": round(postgis / median["trees_us"], 2),
        "ours": round(median["trees_us"], 1),
        "limit": round(postgis, 1),
        "limit_is": "PostGIS KNN, projected, prepared statement, µs a load; ours scores too",
        "ratio_nearest": round(postgis / median["nearest_us"], 2),
        "ratio_with_rules": round(postgis / rules, 2),
        "ratio_to_numpy_everyone": round(median["everyone_us"] / rules, 2),
        "vehicles": count,
        **http,
        "runs": [{name: round(value, 1) for name, value in run.items()} for run in runs],
    }
    print(json.dumps(result, ensure_ascii=False))


async def main() -> None:
    """Run all and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    configure_logs("bench")
    rng, now = random.Random(5), utc_now()
    fleet, _ = make_fleet(rng, count, now)
    jobs = make_jobs(rng, now)
    check_equal(fleet, jobs[:100])
    run_cluster.open_run()
    try:
        urls = run_cluster.run_cluster().clone("bench_candidates")
        connection = await asyncpg.connect(urls["superuser"])
        runs = await run_all(fleet, jobs, connection)
        await connection.close()
        http = await run_http(urls, count, rng)
    finally:
        run_cluster.close_run()
    report(count, runs, http)


if __name__ == "__main__":
    asyncio.run(main())
