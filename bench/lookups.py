"""Look-up by plate and search by fragment among 200,000 vehicles, beside a bare FastAPI answer of their size.

`make bench NAME=lookups`, or `python -m bench.lookups [seconds [vehicles]]`. A private cluster (with fsync)
holds the registry with 2,000 firms. One process (uvicorn) serves the registry, another a FastAPI app that
answers each path with a constant of the same bytes; 32 keep-alive connections ask both in alternation, by a
bureau's token: plate and colour, plate and colour as of an instant, four characters of a plate, two of a
firm's name.

The last line is one JSON object; `ratio` is our look-ups a second by the bare answers a second, and `cases`
has for each case the rates, the ratio, and p50 and p99 in milliseconds of both.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
from fastapi import FastAPI

from bench.databases import database
from bench.serving import SERVE, ask, quantile, run, served
from services.registry.main import create_app
from services.shared.auth import Role
from services.shared.ids import new_id
from services.shared.logs import configure_logs
from tests.factories import registry as make

_HERE = "bench.lookups"
SECONDS, ROUNDS, CONNECTIONS = 3.0, 5, 32
VEHICLES, FIRMS = 200_000, 2_000
SINCE = datetime(2025, 1, 1, tzinfo=UTC)
_NAMES = ("顺达", "宏远", "通达", "恒昌", "金桥", "鑫源", "辽河", "渤海", "大洼", "兴隆")
_TRADES = ("物流", "运输", "货运", "城配", "冷链")
_FIRM = "id name uscc kind status standing_reason standing_since is_demo version created_at updated_at"
_VEHICLE = (
    "id enterprise_id plate_number plate_color valid_from powertrain energy_code vehicle_type curb_mass_kg"
    " gross_mass_kg payload_kg volume_m3 refrigeration is_demo version created_at updated_at"
)


def plate(number: int) -> tuple[str, int]:
    """The plate and colour of the vehicle of this number."""
    if number < 100_000:
        return f"辽L{number:05d}", 2
    if number < 150_000:
        return f"辽LD{number - 100_000:05d}", 94
    return f"{('辽A', '辽B', '吉A', '黑E', '冀C')[number % 5]}{chr(65 + number % 8)}{number % 10_000:04d}", 2


async def fill(url: str, count: int) -> list[tuple[str, int]]:
    """Put firms and vehicles straight into the tables; their plates and colours."""
    connection = await asyncpg.connect(url)
    firms = [
        (new_id(), f"盘锦{_NAMES[n % 10]}{_TRADES[n % 5]}{n}有限公司", make.uscc(), "carrier", "active")
        for n in range(FIRMS)
    ]
    rows = [(*firm, "", SINCE, False, 1, SINCE, SINCE) for firm in firms]
    await connection.copy_records_to_table(
        "enterprises", schema_name="registry", columns=_FIRM.split(), records=rows
    )
    plates = list(dict.fromkeys(plate(number) for number in range(count)))
    random.Random(2).shuffle(plates)
    vehicles = [
        (new_id(), firms[n % FIRMS][0], *each, SINCE, "BEV", "C", "H32", 2600, 4495, 1765, 14.5, "none")
        for n, each in enumerate(plates)
    ]
    await connection.copy_records_to_table(
        "vehicles",
        schema_name="registry",
        columns=_VEHICLE.split(),
        records=[(*vehicle, False, 1, SINCE, SINCE) for vehicle in vehicles],
    )
    await connection.execute("VACUUM ANALYZE registry.vehicles, registry.enterprises")
    await connection.close()
    return plates


@dataclass(frozen=True)
class Case:
    """One kind of question: its name, and the paths asked."""

    name: str
    paths: tuple[str, ...]

    def requests(self, headers: dict[str, str]) -> list[bytes]:
        """Ready HTTP requests."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return [f"GET {path} HTTP/1.1\r\nHost: bench\r\n{lines}\r\n".encode() for path in self.paths]


def cases(plates: Sequence[tuple[str, int]]) -> list[Case]:
    """A thousand paths of each kind."""
    chooser = random.Random(3)
    asked = chooser.sample(plates, 1000)
    exact = [f"/v1/vehicles?plate_number={quote(number)}&plate_color={color}" for number, color in asked]
    parts = [number[start : start + 4] for number, _ in asked for start in (chooser.randint(1, 3),)]
    names = [chooser.choice(_NAMES) for _ in range(1000)]
    return [
        Case("by_plate", tuple(exact)),
        Case("by_plate_at", tuple(f"{path}&at=2026-05-01T08:00:00Z" for path in exact)),
        Case("search_plate", tuple(f"/v1/search-results?q={quote(part)}&limit=20" for part in parts)),
        Case("search_name", tuple(f"/v1/search-results?q={quote(name)}&limit=20" for name in names)),
    ]


def serve(name: str, given: dict[str, Any]) -> None:
    """Run an app until it is ended."""
    configure_logs(name)
    app = FastAPI()
    if name == "ours":
        values = {"signing_key": given["signing_key"], "personal_keys": given["personal_keys"]}
        app = create_app(make.api_settings(given["urls"], Path(given["directory"]), **values))
    for path, constant in given.get("answers", {}).items():
        app.add_api_route(path, _answering(constant))
    run(app, given["port"])


def _answering(constant: Any) -> Any:
    async def answer() -> Any:
        return constant

    return answer


async def typical(port: int, asked: list[Case], headers: dict[str, str]) -> dict[str, Any]:
    """What the registry answers to one question of each case: the bare app says the same."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        return {f"/{case.name}": (await client.get(case.paths[0])).json() for case in asked}


Run = dict[str, tuple[float, list[float]]]


def summary(runs: list[Run]) -> dict[str, Any]:
    """Medians of the rounds of one case."""
    ours, bare = (statistics.median(each[side][0] for each in runs) for side in ("ours", "bare"))
    tails = {
        f"{side}_{name}_ms": statistics.median(quantile(each[side][1], share) for each in runs)
        for side in ("ours", "bare")
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }
    return {"ours": round(ours), "bare": round(bare), "ratio": round(ours / bare, 3), **tails}


async def compare(urls: dict[str, str], directory: Path, seconds: float, count: int) -> dict[str, Any]:
    """Fill, serve both, ask in alternation."""
    asked = cases(await fill(urls["superuser"], count))
    headers = make.office_client(Role.transport_bureau)
    given = {
        "urls": urls,
        "directory": str(directory),
        "signing_key": json.dumps(make.SIGNING_KEY),
        "personal_keys": make.PERSONAL_KEYS,
    }
    found: dict[str, Any] = {}
    async with served(_HERE, "ours", given) as ours:
        answers = await typical(ours, asked, headers)
        async with served(_HERE, "bare", {"directory": str(directory), "answers": answers}) as bare:
            for case in asked:
                ready = case.requests(headers)
                constant = Case(case.name, (f"/{case.name}",)).requests(headers)
                await ask(ours, ready, CONNECTIONS, 1.0)
                runs = [
                    {
                        "ours": await ask(ours, ready, CONNECTIONS, seconds),
                        "bare": await ask(bare, constant, CONNECTIONS, seconds),
                    }
                    for _ in range(ROUNDS)
                ]
                found[case.name] = {
                    **summary(runs),
                    "bytes": len(json.dumps(answers[f"/{case.name}"], ensure_ascii=False).encode()),
                }
    return found


async def measure(directory: Path, seconds: float, count: int) -> dict[str, Any]:
    """Make a cluster of this run's own, compare, remove it."""
    with database(directory, ["registry"]) as urls:
        found = await compare(urls, directory, seconds, count)
    return {
        "bench": "lookups",
        "ratio": found["by_plate"]["ratio"],
        "ours": found["by_plate"]["ours"],
        "limit": found["by_plate"]["bare"],
        "limit_is": "answers/s of a FastAPI constant of the same size on the same server, same client",
        "vehicles": count,
        "connections": CONNECTIONS,
        "cases": found,
    }


def main() -> None:
    """Print one JSON line."""
    if sys.argv[1:2] == [SERVE]:
        serve(sys.argv[2], json.loads(sys.argv[3]))
        return
    configure_logs("bench")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    count = int(sys.argv[2]) if len(sys.argv) > 2 else VEHICLES
    with tempfile.TemporaryDirectory(prefix="cityfreight-bench-") as directory:
        Path(directory).chmod(0o755)
        print(json.dumps(asyncio.run(measure(Path(directory), seconds, count)), ensure_ascii=False))


if __name__ == "__main__":
    main()
