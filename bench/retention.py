"""`make bench NAME=retention`: what it costs to let a day of positions go, and who waits for it.

A day of a fleet, a fix every 30 s, in order of arrival:

- limit: COPY reads the day's rows out of the table and nothing is done with them;
- ours: the day aggregated, from the table to the committed rows;
- waits: a writer of today's positions, while a reader's transaction stays open for some seconds and the day
  is dropped: by a plain DROP TABLE of the partition, and by `drop_position_day`; the worst wait of each;
- BRIN on time: its size by the primary key's, and five minutes of all terminals read with and without it.

The last line is one JSON object; `ratio` is the rate of aggregating by that of the bare read.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from services.shared.clock import utc_now
from services.shared.db import Database
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.operations.aggregation import aggregate_day
from services.telemetry.operations.retention import InTheWayError, close_day, drop_day
from services.telemetry.operations.storing import make_partitions
from tests.support import run_cluster

STEP_S = 30
READER_S = 3.0
LIMIT_IS = "COPY of the same rows out of the same partition, thrown away"
_FLEET = """
    INSERT INTO telemetry.terminals
        (id, terminal_key, terminal_number, enterprise_id, secret_verifier, created_at)
    SELECT gen_random_uuid(), n, 'BENCH-' || n, gen_random_uuid(), '', now()
    FROM generate_series(1, $1::int) n
"""
_BOUND = """
    INSERT INTO telemetry.terminal_bindings
        (id, terminal_id, terminal_key, vehicle_id, enterprise_id, valid_from)
    SELECT id, id, terminal_key, gen_random_uuid(), enterprise_id, '2020-01-01Z' FROM telemetry.terminals
"""
_DAY = """
    INSERT INTO telemetry.positions (terminal_key, time, content_hash, lon, lat, cell, speed_kmh, mileage_km,
        received_at)
    SELECT n, t, 1, 122 + 0.05 * sin(extract(epoch FROM t) / 3000 + n), 41 + 0.05 * cos(extract(epoch FROM t)
        / 4000 + n), 1, 30, n + extract(epoch FROM t) / 1e5, t
    FROM (SELECT n, s + make_interval(secs => n % 30) AS t FROM generate_series($2::timestamptz,
        $2::timestamptz + interval '23:59:29', make_interval(secs => $3)) s, generate_series(1, $1::int) n
        ORDER BY s, n) AS fixes
"""
_FIVE_MINUTES = """
    SELECT count(*), avg(lon) FROM telemetry.positions WHERE time >= $1 AND time < $1 + interval '5 minutes'
"""


@dataclass
class Stage:
    """A database with a day of a fleet, and another one like it."""

    database: Database
    worker: Any
    superuser: Any
    rows: int
    days: list[date]


async def staged(urls: dict[str, str], vehicles: int) -> Stage:
    """Two days far enough back, one for each way of dropping."""
    database = Database(urls["telemetry_worker"], application="bench-retention")
    superuser = await asyncpg.connect(urls["superuser"])
    worker = await asyncpg.connect(urls["telemetry_worker"])
    await make_partitions(worker, utc_now())
    await superuser.execute(_FLEET, vehicles)
    await superuser.execute(_BOUND)
    days = [(utc_now() - timedelta(days=ago)).date() for ago in (20, 19)]
    for day in days:
        since = datetime(day.year, day.month, day.day, tzinfo=UTC)
        await superuser.execute(_DAY, vehicles, since, STEP_S, timeout=600)
    await superuser.execute("VACUUM ANALYZE telemetry.positions")
    rows = await superuser.fetchval(f"SELECT count(*) FROM telemetry.{partition(days[0])}")  # noqa: S608  a name of ours
    return Stage(database, worker, superuser, rows, days)


def partition(day: date) -> str:
    """The name of a day's partition."""
    return f"positions_{day:%Y%m%d}"


async def aggregating(stage: Stage) -> dict[str, float]:
    """Rows a second, read bare and aggregated."""
    day = stage.days[0]

    async def throw_away(_: bytes) -> None:
        return None

    began = time.perf_counter()
    await stage.worker.copy_from_table(
        partition(day), schema_name="telemetry", output=throw_away, format="binary"
    )
    read = time.perf_counter() - began
    await close_day(stage.database, day)
    began = time.perf_counter()
    await aggregate_day(stage.database, day, RetentionRules(), utc_now())
    ours = time.perf_counter() - began
    return {"limit": round(stage.rows / read), "ours": round(stage.rows / ours)}


async def waiting(stage: Stage, drop: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    """Milliseconds of the worst insert of today while a reader reads on and a day is dropped."""
    reader = await asyncpg.connect(stage.database.url)
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetchval("SELECT count(*) FROM telemetry.positions WHERE terminal_key = 1")
    dropping = asyncio.create_task(drop())
    worst, until, number = 0.0, time.perf_counter() + READER_S, 0

    async def write() -> None:
        nonlocal worst, number
        while time.perf_counter() < until or not dropping.done():
            began, number = time.perf_counter(), number + 1
            await stage.worker.execute(
                "INSERT INTO telemetry.positions"
                " (terminal_key, time, content_hash, lon, lat, cell, received_at)"
                " VALUES (1, now(), $1, 122, 41, 1, now())",
                number,
            )
            worst = max(worst, time.perf_counter() - began)
            await asyncio.sleep(0.005)

    writing = asyncio.create_task(write())
    await asyncio.sleep(READER_S)
    await transaction.rollback()
    await asyncio.gather(dropping, writing)
    await reader.close()
    return round(worst * 1000, 1)


async def drop_patiently(stage: Stage, day: date) -> None:
    """As the worker does, coming again sooner."""
    while True:
        try:
            await drop_day(stage.database, day)
        except InTheWayError:
            await asyncio.sleep(1)
        else:
            return


async def brin(stage: Stage) -> dict[str, float]:
    """Its size by the primary key's, and the milliseconds of five minutes with and without."""
    name = partition(stage.days[1])
    sizes = await stage.superuser.fetchrow(
        "SELECT pg_relation_size($1), pg_relation_size($2)",
        f"telemetry.{name}_time_idx", f"telemetry.{name}_pkey",
    )  # fmt: skip
    day = stage.days[1]
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    found = {"brin_kb": sizes[0] / 1024, "primary_key_kb": sizes[1] / 1024}
    for setting, label in (("on", "five_minutes_ms"), ("off", "five_minutes_without_ms")):
        await stage.superuser.execute(f"SET enable_bitmapscan = {setting}")
        times = []
        for _ in range(5):
            began = time.perf_counter()
            await stage.superuser.fetch(_FIVE_MINUTES, noon)
            times.append((time.perf_counter() - began) * 1000)
        found[label] = round(sorted(times)[2], 2)
    return found


async def measure(vehicles: int) -> None:
    """Run all and print."""
    run_cluster.open_run()
    try:
        stage = await staged(run_cluster.run_cluster().clone("bench_retention"), vehicles)
        rates = await aggregating(stage)
        indexes = await brin(stage)
        old, new = stage.days
        waits = {
            "worst_wait_ms": await waiting(stage, lambda: drop_patiently(stage, old)),
            "worst_wait_of_plain_drop_ms": await waiting(
                stage, lambda: stage.superuser.execute(f"DROP TABLE telemetry.{partition(new)}")
            ),
        }
        for connection in (stage.worker, stage.superuser):
            await connection.close()
        await stage.database.close()
    finally:
        run_cluster.close_run()
    result = {
        "bench": "retention", "ratio": round(rates["ours"] / rates["limit"], 4), "ours": rates["ours"],
        "limit": rates["limit"], "limit_is": LIMIT_IS, "rows": stage.rows,
        **waits, **indexes, "runs": [rates],
    }  # fmt: skip
    print(json.dumps(result))


def main() -> int:
    """Run the benchmark; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.retention")
    parser.add_argument("--vehicles", type=int, default=350)
    asyncio.run(measure(parser.parse_args().vehicles))
    return 0


if __name__ == "__main__":
    sys.exit(main())
