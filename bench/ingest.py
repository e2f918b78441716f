"""`make bench NAME=ingest`: single positions from the broker to committed rows, beside two limits of one run.

Three things are measured in turn, with the shipped broker configuration, authentication and ACL, the same C
publisher (100 terminals, QoS 1) and a durable PostgreSQL:

- raw: the broker feeds a C subscriber that acknowledges and forgets;
- limit: the same, while the same number of rows, encoded beforehand, goes into the same partitioned table by
  binary COPY, one transaction for each thousand messages the subscriber has got;
- ours: ingest with validation, deduplication, accounting, receipts and latest positions, to the last commit.

A rate is messages divided by the time from the first publish to the last message received or row committed.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg

from deploy.local.cluster import PROJECT, ROLES, Cluster, migrate
from services.shared.auth.tokens import generate_key, public_part
from services.shared.clock import utc_now
from services.telemetry.domain.broker_files import new_secret, password_text, verifier
from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.rows import Row, encode
from services.telemetry.domain.topics import SHARDS, positions_filter, positions_topic
from services.telemetry.operations.storing import Batch, make_partitions, store_batch
from tests.support.broker import RunningBroker, running_broker
from tests.support.ports import unused_port
from tests.support.scratch import scratch_directory

CHUNK = 1000
WINDOW = 50
LIMIT_IS = "raw broker feeding a C subscriber while the same merge is fed by COPY"


@dataclass
class Stage:
    """What all three measurements stand on."""

    urls: dict[str, str]
    broker: RunningBroker
    program: Path
    publishers: str
    subscribers: str
    keys: list[int]
    member: dict[str, str]
    messages: int


def main() -> int:
    """Run the benchmark; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.ingest")
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--terminals", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    runs: list[dict[str, float]] = []
    with prepared(options.messages // options.terminals * options.terminals, options.terminals) as stage:
        for number in range(options.runs):
            run = {"raw": raw(stage)}
            run["limit"] = asyncio.run(limit(stage))
            run["ours"] = ours(stage)
            runs.append({name: round(rate) for name, rate in run.items()})
            print(f"run {number + 1}: {json.dumps(runs[-1])} messages/s", flush=True)
    median = {name: statistics.median(run[name] for run in runs) for name in ("raw", "limit", "ours")}
    print(f"ours / limit       {median['ours'] / median['limit']:.2f}")
    print(f"ours / raw broker  {median['ours'] / median['raw']:.2f}")
    result = {
        "bench": "ingest", "ratio": round(median["ours"] / median["limit"], 3), "ours": median["ours"],
        "limit": median["limit"], "limit_is": LIMIT_IS, "raw_broker": median["raw"],
        "ratio_to_raw_broker": round(median["ours"] / median["raw"], 3), "runs": runs,
    }  # fmt: skip
    print(json.dumps(result))
    return 0


@contextmanager
def prepared(messages: int, terminals: int) -> Iterator[Stage]:
    """A cluster, a broker, the compiled load program, provisioned terminals."""
    with ExitStack() as stack:
        directory = stack.enter_context(scratch_directory())
        program = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "mqtt_load"
        source = PROJECT / "bench" / "mqtt_load.c"
        subprocess.run(["gcc", "-O2", "-o", str(program), str(source)], check=True)
        cluster = Cluster(
            directory / "postgres", unused_port(), secrets.token_hex(8),
            settings=(("shared_buffers", "1GB"), ("max_wal_size", "8GB")),
        )  # fmt: skip
        cluster.create()
        cluster.start()
        stack.callback(cluster.remove)
        passwords = {role: secrets.token_hex(8) for role in ROLES}
        cluster.create_database("bench", passwords)
        urls = cluster.urls("bench", passwords)
        migrate(urls, ["telemetry"])
        broker = stack.enter_context(running_broker(directory / "broker"))
        found = {f"BENCH-{n}": new_secret() for n in range(terminals)}
        keys = asyncio.run(_provision(urls, list(found)))
        lines = [(number, verifier(secret)) for number, secret in found.items()]
        broker.files.passwords.write_text(password_text(broker.platform_lines, lines))
        broker.reload()
        yield Stage(
            urls, broker, program,
            "".join(f"{number} {secret} {positions_topic(number)}\n" for number, secret in found.items()),
            "".join(f"ingest-{s} {broker.ingest_password} {positions_filter(s)}\n" for s in SHARDS),
            keys, _member(urls, broker, program.parent), messages,
        )  # fmt: skip


async def _provision(urls: dict[str, str], numbers: list[str]) -> list[int]:
    connection = await asyncpg.connect(urls["superuser"])
    await connection.executemany(
        "INSERT INTO telemetry.terminals"
        " (id, terminal_number, enterprise_id, secret_verifier, created_at, status)"
        " VALUES ($1, $2, $1, '', now(), 'active')",
        [(uuid4(), number) for number in numbers],
    )
    keys = [
        row[0] for row in await connection.fetch("SELECT terminal_key FROM telemetry.terminals ORDER BY 1")
    ]
    await connection.close()
    return keys


def _member(urls: dict[str, str], broker: RunningBroker, directory: Path) -> dict[str, str]:
    """Environment of the ingest process."""
    key = generate_key("telemetry")
    (directory / "keys.json").write_text(json.dumps({"keys": [public_part(key)]}))
    private = {
        "telemetry_database_url": urls["telemetry_worker"],
        "telemetry_service_key": json.dumps(key),
        "telemetry_mqtt_password": broker.ingest_password,
    }
    for name, value in private.items():
        (directory / name).write_text(value)
    return {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "FREIGHT_SECRETS_DIR": str(directory),
        "TELEMETRY_SERVICE_KEYS_FILE": str(directory / "keys.json"), "TELEMETRY_PORT": str(unused_port()),
        "TELEMETRY_MQTT_HOST": broker.host, "TELEMETRY_MQTT_PORT": str(broker.port),
    }  # fmt: skip


def _start(stage: Stage, role: str, credentials: str, *figures: int) -> "subprocess.Popen[str]":
    command = [str(stage.program), role, stage.broker.host, str(stage.broker.port), *map(str, figures)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None  # noqa: S101  it was asked for
    child.stdin.write(credentials)
    child.stdin.close()
    return child


def _publish(stage: Stage) -> "subprocess.Popen[str]":
    base_ms = int(time.time() * 1000) - 3_600_000
    return _start(stage, "pub", stage.publishers, stage.messages, WINDOW, base_ms)


def _began(publisher: "subprocess.Popen[str]") -> float:
    assert publisher.stdout is not None  # noqa: S101  it was asked for
    began = float(publisher.stdout.read().split()[0])
    publisher.wait()
    return began


def raw(stage: Stage) -> float:
    """Messages/s of the broker alone."""
    subscriber = _start(stage, "sub", stage.subscribers, stage.messages, CHUNK)
    assert subscriber.stdout is not None  # noqa: S101  it was asked for
    subscriber.stdout.readline()
    publisher = _publish(stage)
    ended = float(subscriber.stdout.read().split()[-1])
    subscriber.wait()
    return stage.messages / (ended - _began(publisher))


async def limit(stage: Stage) -> float:
    """Messages/s of the broker while the same rows are merged by COPY at the subscriber's pace."""
    connection = await _emptied(stage)
    batches = [Batch(utc_now(), rows) for rows in _rows(stage)]
    subscriber = _start(stage, "sub", stage.subscribers, stage.messages, CHUNK)
    assert subscriber.stdout is not None  # noqa: S101  it was asked for
    lines = subscriber.stdout
    lines.readline()
    publisher = _publish(stage)
    for batch in batches:
        await asyncio.to_thread(lines.readline)
        await store_batch(connection, batch, "Asia/Shanghai")
    ended = max(time.monotonic(), float((await asyncio.to_thread(lines.read)).split()[-1]))
    subscriber.wait()
    await connection.close()
    return stage.messages / (ended - _began(publisher))


def _rows(stage: Stage) -> Iterator[list[Row]]:
    now_ms = int(time.time() * 1000)
    share = stage.messages // len(stage.keys)
    rows: list[Row] = []
    for seq in range(share):
        at = now_ms - 3_600_000 + seq
        for key in stage.keys:
            fix = Fix(
                time=float(at), lon=122.0 + seq % 1000 * 1e-4, lat=41.1 + key * 1e-4, speed_kmh=20.0,
                heading_deg=90.0, mileage_km=12345.6, load_state="partial", boot=1, seq=seq,
            )  # fmt: skip
            rows.append(encode(key, at, fix, now_ms))
            if len(rows) == CHUNK:
                yield rows
                rows = []
    if rows:
        yield rows


async def _emptied(stage: Stage) -> "asyncpg.Connection[asyncpg.Record]":
    """A worker's connection to empty tables."""
    superuser = await asyncpg.connect(stage.urls["superuser"])
    await superuser.execute(
        "TRUNCATE telemetry.positions, telemetry.latest_positions, telemetry.ingest_batches,"
        " telemetry.ingest_accounting, telemetry.pending_derivations"
    )
    await superuser.execute("CHECKPOINT")
    await superuser.close()
    connection = await asyncpg.connect(stage.urls["telemetry_worker"])
    await make_partitions(connection, utc_now())
    return connection


async def _empty(stage: Stage) -> None:
    await (await _emptied(stage)).close()


async def _stored(stage: Stage) -> int:
    connection = await asyncpg.connect(stage.urls["superuser"])
    found = int(await connection.fetchval("SELECT count(*) FROM telemetry.positions"))
    await connection.close()
    return found


def ours(stage: Stage) -> float:
    """Messages/s of ingest, to the last committed row."""
    asyncio.run(_empty(stage))
    port = stage.member["TELEMETRY_PORT"]
    command = [sys.executable, "-m", "services.telemetry.consumers.ingest"]
    member = subprocess.Popen(command, env=stage.member, cwd=PROJECT, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _answers(port), 0.05)
        publisher = _publish(stage)
        _until(lambda: _committed(port) >= stage.messages, 0.1)
        ended = time.monotonic()
        began = _began(publisher)
        stored = asyncio.run(_stored(stage))
        if stored != stage.messages:
            raise RuntimeError(f"{stored} rows for {stage.messages} messages")
    finally:
        member.terminate()
        member.wait()
    return stage.messages / (ended - began)


def _until(holds: Callable[[], bool], pause_s: float) -> None:
    pause, deadline = threading.Event(), time.monotonic() + 120
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("not within two minutes")
        pause.wait(pause_s)


def _answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
            return True
    except OSError:
        return False


def _committed(port: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    name = 'telemetry_positions_total{outcome="good"} '
    return sum(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))


if __name__ == "__main__":
    sys.exit(main())
