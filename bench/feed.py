"""How fast a feed is read and sequenced, beside PostgreSQL's own COPY of the same rows.

`make bench NAME=feed`, or `python -m bench.feed [rows]`. A private cluster (with fsync), the probe's
feed, its API in a process of its own, one client pulling pages of 5,000 over HTTP. The limit is
`COPY (SELECT * FROM changes) TO STDOUT` of the same rows over loopback, in alternation. The sequencer's
rate is printed beside it: outbox rows given positions a second, one batch a transaction.
"""

import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import uvicorn

from deploy.local.cluster import PROJECT, Cluster
from services.shared.changes import ddl
from services.shared.changes.canonical import canonical_bytes
from services.shared.changes.sequencer import sequence_batch
from services.shared.http import internal_client
from tests.support.ports import unused_port, wait_for_listener
from tests.support.probe import Keys, feed, source_app
from tests.support.probe_databases import ProbeDatabases

ROWS, ROUNDS, PAGE = 100_000, 5, 5000


class _Page(msgspec.Struct):
    next_after: int
    items: list[msgspec.Raw]


_decode = msgspec.json.Decoder(_Page).decode


async def fill(url: str, rows: int) -> float:
    """Put `rows` vehicle-like states into the outbox and sequence them; positions a second."""
    connection = await asyncpg.connect(url)
    records = []
    for number in range(rows):
        entity = uuid4()
        state = {
            "id": str(entity),
            "enterprise_id": str(uuid4()),
            "plate_number": f"辽L{number:05d}D",
            "plate_color": 5,
            "valid_from": "2026-01-01T00:00:00.000Z",
            "valid_to": None,
            "payload_kg": 1500,
            "refrigeration": "none",
        }
        records.append(("vehicle", entity, 1, 1, False, canonical_bytes(state)))
    columns = ("kind", "id", "version", "schema_version", "deleted", "state")
    await connection.copy_records_to_table("outbox", schema_name="probe", columns=columns, records=records)
    began = time.perf_counter()
    while await sequence_batch(connection, feed):
        pass
    rate = rows / (time.perf_counter() - began)
    await connection.close()
    return rate


async def pull(client: httpx.AsyncClient, rows: int) -> float:
    """Read the whole feed page by page; entries a second."""
    began, after, seen = time.perf_counter(), 0, 0
    while seen < rows:
        answer = await client.get("/internal/v1/changes", params={"after": after, "limit": PAGE})
        page = _decode(answer.raise_for_status().content)
        seen, after = seen + len(page.items), page.next_after
    return rows / (time.perf_counter() - began)


async def copy(url: str, rows: int) -> float:
    """Take the same rows with COPY; rows a second."""
    connection = await asyncpg.connect(url)
    began = time.perf_counter()

    async def discard(_data: bytes) -> None:
        return

    await connection.copy_from_query("SELECT * FROM probe.changes ORDER BY pos", output=discard)
    rate = rows / (time.perf_counter() - began)
    await connection.close()
    return rate


@asynccontextmanager
async def served(url: str, keys: Keys) -> AsyncIterator[str]:
    """The probe's API in a process of its own."""
    port = unused_port()
    given = {"url": url, "private": keys.private, "public": str(keys.public_file), "port": port}
    command = [sys.executable, "-m", "bench.feed", "--serve", json.dumps(given)]
    process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)})  # noqa: ASYNC220 - ended by pid below
    try:
        await asyncio.to_thread(wait_for_listener, port, process.pid, 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def serve(given: dict[str, Any]) -> None:
    """Run the API until it is ended."""
    app = source_app(given["url"], Keys(given["private"], Path(given["public"])))
    uvicorn.run(app, port=given["port"], log_config=None, access_log=False)


async def measure(directory: Path, rows: int) -> dict[str, Any]:
    """Fill, then pull and copy in alternation."""
    cluster = Cluster(directory / "postgres", unused_port(), secrets.token_hex(16))
    cluster.create()
    cluster.start()
    try:
        databases = await ProbeDatabases.make(cluster, ddl.PARTITION_ROWS)
        keys = Keys.make(directory)
        with databases.clone() as urls:
            sequenced = await fill(urls["probe_worker"], rows)
            async with served(urls["probe_api"], keys) as base, internal_client(base, keys.private) as client:
                await pull(client, rows)
                runs = [
                    {"ours": await pull(client, rows), "limit": await copy(urls["probe_api"], rows)}
                    for _ in range(ROUNDS)
                ]
    finally:
        cluster.remove()
    ours = statistics.median(run["ours"] for run in runs)
    limit = statistics.median(run["limit"] for run in runs)
    return {
        "bench": "feed",
        "ratio": round(ours / limit, 3),
        "ours": round(ours),
        "limit": round(limit),
        "limit_is": "rows/s of COPY (SELECT * FROM changes ORDER BY pos) TO STDOUT over loopback, same rows",
        "sequenced_per_s": round(sequenced),
        "rows": rows,
        "runs": [{name: round(value) for name, value in run.items()} for run in runs],
    }


def main() -> None:
    """Print one JSON line."""
    if sys.argv[1:2] == ["--serve"]:
        serve(json.loads(sys.argv[2]))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="cityfreight-bench-") as directory:
        Path(directory).chmod(0o755)
        print(json.dumps(asyncio.run(measure(Path(directory), rows))))


if __name__ == "__main__":
    main()
