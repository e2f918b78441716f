"""How many police checks a second one process answers, beside a bare FastAPI constant on the same server.

`make bench NAME=checks`, or `python -m bench.checks [seconds]`. A private cluster (with fsync) holds a
city: 60 areas, 120 rules, 5,000 vans, 2,500 permits. Each answer is fresh from the database, carries
a verified token and is committed to the tamper-evident log before it leaves. The limit is the same
server (uvicorn, one process) with a FastAPI route that reads nothing and answers a constant. Both are
asked in alternation by 64 keep-alive connections; then one connection alone gives the latency.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import FastAPI

from bench.databases import database
from bench.serving import SERVE, ask, quantile, run, served
from services.shared.auth import AccessTokenIssuer
from services.shared.db import Database
from services.shared.ids import new_id
from services.shared.logs import configure_logs
from services.shared.schemas import format_instant
from tests.factories import permits as make

_HERE = "bench.checks"
SECONDS, ROUNDS, CONNECTIONS = 3.0, 5, 64
AREAS, RULES, VEHICLES = 60, 120, 5_000
WEST, SOUTH = 122.0, 41.0
BUDGET_MS = 50.0
"""Bound of p99 at 64 connections (`reliability.md` Q1)."""


async def build_city(urls: dict[str, str], directory: Path) -> list[str]:
    """Fill the database, areas and rules as the service itself does; the plates."""
    chooser = random.Random(1)
    worker = Database(urls["permits_worker"])
    registry = make.Registry(worker)
    firm = await registry.enterprise()
    areas = []
    for number in range(AREAS):
        west, south = WEST + number % 10 * 0.01, SOUTH + number // 10 * 0.01
        shape = {"valid_from": make.LONG_AGO, "geometry": make.square(west, south, 0.02)}
        areas.append((await registry.area(versions=[shape])).id)
    async with make.running(make.app(urls, directory)) as api:
        for _ in range(RULES):
            windows = [{"start": "06:30", "end": "09:30"}, {"start": "22:00", "end": "05:00"}]
            await make.make_rule(
                api,
                chooser.choice(areas),
                windows=chooser.choice([[], windows]),
                effect=chooser.choice(["permit_required", "permit_required", "allow", "ban"]),
                priority=chooser.choice([0, 0, 5]),
                conditions=chooser.choice([{}, {"min_gross_mass_kg": 4000.0}, {"powertrains": ["ICE"]}]),
            )
    await worker.close()
    return await add_fleet(urls["superuser"], firm.id, areas)


async def add_fleet(url: str, firm: Any, areas: list[Any]) -> list[str]:
    """Put vehicles and permits straight into the tables."""
    connection = await asyncpg.connect(url)
    facts = json.dumps({"plate_color": 2, "vehicle_type": "H32", "powertrain": "BEV", "gross_mass_kg": 4495})
    plates = [f"辽L{number:05d}" for number in range(VEHICLES)]
    now = datetime.now(UTC)
    ahead = format_instant(now + timedelta(days=100))
    standings = json.dumps(
        [
            {"since": format_instant(make.LONG_AGO), "lapses": []},
            {"since": ahead, "lapses": ["inspection"]},
        ]
    )
    vehicles = [
        (new_id(), firm, plate, 2, make.LONG_AGO, None, facts, False, 1, standings) for plate in plates
    ]
    await connection.copy_records_to_table("vehicles", schema_name="permits", records=vehicles)
    await connection.execute("SET session_replication_role = replica")
    days = [1, 2, 3, 4, 5, 6, 7]
    await connection.executemany(
        "INSERT INTO permits.permits (id, code, application_id, enterprise_id, vehicle_id, permit_type, "
        " lifts, area_ids, weekdays, windows, holiday_calendar, valid_from, valid_to, granted_until, status,"
        " issued_by, issued_at, version) VALUES"
        " ($1, $2, $1, $3, $4, 'day', 'permit_required', $5, $6, '[]', false, $7, $8, $8, 'active', 'x',"
        " $7, 1)",
        [
            (new_id(), f"P{n}", firm, vehicle[0], areas[:30], days, now, now + timedelta(days=90))
            for n, vehicle in enumerate(vehicles[::2])
        ],
    )
    await connection.execute("VACUUM ANALYZE permits.vehicles, permits.permits")
    await connection.close()
    return plates


def requests(plates: list[str]) -> list[bytes]:
    """Ready HTTP requests of a police client, each for another plate and point."""
    chooser = random.Random(2)
    token = make.office_client()["Authorization"]
    made = []
    for plate in chooser.sample(plates, min(1000, len(plates))):
        point = {"lon": WEST + chooser.random() * 0.12, "lat": SOUTH + chooser.random() * 0.08}
        body = json.dumps({"plate_number": plate, "plate_color": 2, **point}).encode()
        head = (
            "POST /v1/checks HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Authorization: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def serve(name: str, given: dict[str, Any]) -> None:
    """Run an app until it is ended."""
    configure_logs(name)
    if name == "ours":
        issuer = AccessTokenIssuer(given["signing_key"])
        app = make.app(given["urls"], Path(given["directory"]), issuer)
    else:
        app = FastAPI()

        @app.post("/v1/checks")
        async def constant() -> dict[str, str]:
            return {"verdict": "allowed"}

    run(app, given["port"])


async def measure(directory: Path, seconds: float) -> dict[str, Any]:
    """Build the city, then ask both in alternation."""
    with database(directory, ["permits"]) as urls:
        ready = requests(await build_city(urls, directory))
        given = {"urls": urls, "directory": str(directory), "signing_key": json.dumps(make.SIGNING_KEY)}
        async with served(_HERE, "ours", given) as ours, served(_HERE, "limit", given) as limit:
            await ask(ours, ready, CONNECTIONS, 1.0)
            runs, tails = [], []
            for _ in range(ROUNDS):
                rate, took = await ask(ours, ready, CONNECTIONS, seconds)
                tails.append(quantile(took, 0.99))
                runs.append({"ours": rate, "limit": (await ask(limit, ready, CONNECTIONS, seconds))[0]})
            alone = (await ask(ours, ready, 1, seconds))[1]
    return report(runs, tails, alone)


def report(runs: list[dict[str, float]], tails: list[float], alone: list[float]) -> dict[str, Any]:
    """The result, one JSON object."""
    ours = statistics.median(each["ours"] for each in runs)
    limit = statistics.median(each["limit"] for each in runs)
    return {
        "bench": "checks",
        "ratio": round(ours / limit, 3),
        "ours": round(ours),
        "limit": round(limit),
        "limit_is": "answers/s of a FastAPI constant on the same server (uvicorn, one process), same client",
        "p99_ms": statistics.median(tails),
        "p99_bound_ms": BUDGET_MS,
        "alone_p50_ms": quantile(alone, 0.5),
        "alone_p99_ms": quantile(alone, 0.99),
        "runs": [{name: round(value) for name, value in each.items()} for each in runs],
    }


def main() -> None:
    """Print one JSON line."""
    if sys.argv[1:2] == [SERVE]:
        serve(sys.argv[2], json.loads(sys.argv[3]))
        return
    configure_logs("bench")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="cityfreight-bench-") as directory:
        Path(directory).chmod(0o755)
        print(json.dumps(asyncio.run(measure(Path(directory), seconds))))


if __name__ == "__main__":
    main()
