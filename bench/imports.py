"""How fast vehicles are imported, beside a plain COPY of the same rows into the same table.

`make bench NAME=imports`, or `python -m bench.imports [rows]`. A private cluster (with fsync), the registry's
API and worker in processes of their own, the worker's sequencer at work as ever. For CSV and for XLSX a firm
hands in a file of new vehicles, has it checked and applied, and does the same with the same file again, which
changes nothing; then a file of which every hundredth row is bad. The limit is COPY (binary, as superuser) of
the very rows into the emptied table with all its constraints and indexes; it writes no states, outcomes or
progress.

Memory is read from /proc: the most that the API and the importer held, beyond the API at rest and an importer
of one row.
"""

import asyncio
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import asyncpg
import httpx

from bench.databases import database
from bench.serving import SERVE, run
from deploy.local.cluster import PROJECT
from services.registry.main import create_app
from services.shared.logs import configure_logs
from tests.factories import imports as files
from tests.factories import registry as make
from tests.support.ports import unused_port, wait_for_listener

ROWS = 100_000
BOUND_S, BOUND_BYTES = 60.0, 200 * 1024 * 1024
"""Of one application, and of memory over idle (issue's must-show)."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_LOOK_S = 0.02


def fleet(first: int, rows: int) -> list[files.Json]:
    """Vehicles that nobody has."""
    numbers = range(first, first + rows)
    plates = (f"辽{_LETTERS[number // 100_000]}{number % 100_000:05d}" for number in numbers)
    return [make.vehicle_body(plate_number=plate, payload_kg=900 + n % 800) for n, plate in enumerate(plates)]


@dataclass
class Memory:
    """The most that processes held, looked at again and again."""

    api: int
    worker: int
    api_bytes: int = 0
    importer_bytes: int = 0
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _look(self) -> None:
        while True:
            self.api_bytes = max(self.api_bytes, resident(self.api))
            for child in children(self.worker):
                self.importer_bytes = max(self.importer_bytes, resident(child))
            await asyncio.sleep(_LOOK_S)


def resident(pid: int) -> int:
    """What a process holds in memory, in bytes; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


def children(pid: int) -> list[int]:
    """The processes a process has started."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text(encoding="ascii").split()]


@dataclass(frozen=True)
class Registry:
    """The registry at work."""

    api: httpx.AsyncClient
    api_pid: int
    worker_pid: int

    async def hand_in(self, content: bytes, media_type: str, headers: files.Json) -> tuple[files.Json, float]:
        """Hand a file in and wait until it is checked; the import and the seconds."""
        began = time.perf_counter()
        answer = await self.api.post(
            "/v1/imports?entity=vehicles", content=content, headers={**headers, "Content-Type": media_type}
        )
        answer.raise_for_status()
        return await self.halted(answer.json()["id"], "checking", headers), time.perf_counter() - began

    async def apply(self, found: files.Json, headers: files.Json) -> tuple[files.Json, float]:
        """Have it applied; the import and the seconds."""
        began = time.perf_counter()
        answer = await self.api.post(f"/v1/imports/{found['id']}/application", json={}, headers=headers)
        answer.raise_for_status()
        return await self.halted(found["id"], "applying", headers), time.perf_counter() - began

    async def halted(self, import_id: str, status: str, headers: files.Json) -> files.Json:
        """Wait until the importer has done with it; the import."""
        while True:
            found: files.Json = (await self.api.get(f"/v1/imports/{import_id}", headers=headers)).json()
            if found["status"] != status:
                return found
            await asyncio.sleep(0.05)


@asynccontextmanager
async def at_work(urls: dict[str, str], directory: Path) -> AsyncIterator[Registry]:
    """The API and the worker, each in a process of its own."""
    port, worker_port = unused_port(), unused_port()
    values = make.settings_values(urls, directory, "registry_worker")
    for name in ("database_url", "service_key", "personal_keys"):
        (directory / f"registry_{name}").write_text(values[name])
    env = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "FREIGHT_SECRETS_DIR": str(directory),
        "REGISTRY_PORT": str(worker_port),
        "REGISTRY_SERVICE_KEYS_FILE": str(values["service_keys_file"]),
    }
    given = {"urls": urls, "directory": str(directory), "port": port}
    secret = {"signing_key": json.dumps(make.SIGNING_KEY), "personal_keys": make.PERSONAL_KEYS}
    serving = ["-m", "bench.imports", SERVE, json.dumps({**given, **secret})]
    commands = (serving, ["-m", "services.registry.consumers.worker"])
    with (directory / "processes.log").open("wb") as log:
        running = [
            subprocess.Popen([sys.executable, *command], cwd=PROJECT, env=env, stdout=log, stderr=log)  # noqa: ASYNC220 - ended by pid below
            for command in commands
        ]
    try:
        for process, each in zip(running, (port, worker_port), strict=True):
            await asyncio.to_thread(wait_for_listener, each, process.pid, 30)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as api:
            yield Registry(api, running[0].pid, running[1].pid)
    finally:
        for process in running:
            process.terminate()
            process.wait()


def serve(given: dict[str, Any]) -> None:
    """Run the API until it is ended."""
    configure_logs("registry-api")
    secret = {name: given[name] for name in ("signing_key", "personal_keys")}
    app = create_app(make.api_settings(given["urls"], Path(given["directory"]), **secret))
    run(app, given["port"])


async def one_format(registry: Registry, kind: str, rows: list[files.Json]) -> dict[str, Any]:
    """Import a file, and the same again; seconds and memory.

    Raises:
        RuntimeError: Something else came of it than should.
    """
    firm = await make.admit_firm(registry.api)
    make_file, media_type = (files.csv_of, files.CSV) if kind == "csv" else (files.xlsx_of, files.XLSX)
    content = make_file(rows)
    async with Memory(registry.api_pid, registry.worker_pid) as idle:
        await registry.hand_in(make_file(fleet(2_300_000 + len(kind), 1)), media_type, firm.headers)
    rest = resident(registry.api_pid)
    async with Memory(registry.api_pid, registry.worker_pid) as most:
        checked, check_s = await registry.hand_in(content, media_type, firm.headers)
        applied, apply_s = await registry.apply(checked, firm.headers)
        again, again_s = await registry.hand_in(content, media_type, firm.headers)
        nothing, nothing_s = await registry.apply(again, firm.headers)
    if applied["totals"]["created"] != len(rows) or nothing["totals"]["unchanged"] != len(rows):
        raise RuntimeError(f"{applied} {nothing}")
    return {
        "file": kind,
        "file_bytes": len(content),
        "check_s": round(check_s, 1),
        "apply_s": round(apply_s, 1),
        "again_check_s": round(again_s, 1),
        "again_apply_s": round(nothing_s, 1),
        "importer_mb_over_idle": round((most.importer_bytes - idle.importer_bytes) / 2**20),
        "api_mb_over_idle": round((most.api_bytes - rest) / 2**20),
        "ours": len(rows) / apply_s,
    }


async def bad_rows(registry: Registry, rows: int) -> int:
    """Check a file of which every hundredth row is bad; how many are named, each with its field.

    Raises:
        RuntimeError: Others than those were.
    """
    firm = await make.admit_firm(registry.api)
    given = fleet(1_000_000, rows)
    for row in given[::100]:
        row["payload_kg"] = "many"
    found, _ = await registry.hand_in(files.csv_of(given), files.CSV, firm.headers)
    answer = await registry.api.get(f"/v1/imports/{found['id']}/report", headers=firm.headers)
    refused = [line.split(",") for line in answer.text.splitlines()[1:] if ",invalid," in line]
    named = [int(line[0]) for line in refused if line[3] == "payload_kg"]
    if named != list(range(2, rows + 2, 100)):
        raise RuntimeError(f"{len(named)} named")
    return len(named)


async def plain_copy(url: str, rows: int) -> float:
    """COPY the rows of the vehicles table into it again, emptied; rows a second."""
    connection = await asyncpg.connect(url)
    kept = io.BytesIO()
    await connection.copy_from_query(
        "SELECT * FROM registry.vehicles ORDER BY id LIMIT $1", rows, output=kept, format="binary"
    )
    await connection.execute("TRUNCATE registry.vehicles CASCADE")
    kept.seek(0)
    began = time.perf_counter()
    await connection.copy_to_table("vehicles", schema_name="registry", source=kept, format="binary")
    rate = rows / (time.perf_counter() - began)
    await connection.close()
    return rate


async def measure(directory: Path, rows: int) -> dict[str, Any]:
    """Import by both formats in turn, then copy."""
    with database(directory, ["registry"]) as urls:
        async with at_work(urls, directory) as registry:
            runs = []
            for place, kind in enumerate(("csv", "xlsx")):
                found = await one_format(registry, kind, fleet(place * rows, rows))
                found["limit"] = await plain_copy(urls["superuser"], rows)
                runs.append(found)
            named = await bad_rows(registry, rows)
    return report(runs, named, rows)


def report(runs: list[dict[str, Any]], named: int, rows: int) -> dict[str, Any]:
    """The result, one JSON object."""
    ours = statistics.median(each["ours"] for each in runs)
    limit = statistics.median(each["limit"] for each in runs)
    return {
        "bench": "imports",
        "ratio": round(ours / limit, 3),
        "ours": round(ours),
        "limit": round(limit),
        "limit_is": "rows/s of COPY of the same rows into the same emptied table, constraints and indexes on",
        "rows": rows,
        "bad_rows_named": named,
        "load_average": os.getloadavg()[0],
        "bound_s": BOUND_S,
        "bound_mb": BOUND_BYTES // 2**20,
        "runs": [{**each, "ours": round(each["ours"]), "limit": round(each["limit"])} for each in runs],
    }


def main() -> None:
    """Print one JSON line."""
    if sys.argv[1:2] == [SERVE]:
        serve(json.loads(sys.argv[2]))
        return
    configure_logs("bench")
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="cityfreight-bench-") as directory:
        Path(directory).chmod(0o755)
        print(json.dumps(asyncio.run(measure(Path(directory), rows))))


if __name__ == "__main__":
    main()
