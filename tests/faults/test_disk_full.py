"""A full disk: nothing is acknowledged that is not stored, reading goes on, it heals (reliability.md R5)."""

import asyncio
import contextlib
import math
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from services.telemetry.consumers.device import Device
from services.telemetry.consumers.simulation import Plan, Simulation
from tests.support.conserved import compare
from tests.support.measured import tell
from tests.support.scratch import scratch_directory
from tests.support.telemetry_stage import Stage, running_stage

SIZE_MB = 400
FULL_S = 10.0
HEALED_WITHIN_S = 15.0
TERMINALS = 100
PERIOD_S = 0.2
MANY = 1000
BLOCK = 1 << 16
SEGMENTS = 6
# PostgreSQL keeps used segments of its log for later (`min_wal_size`); a full disk then stops tables, not it.
CLUSTER = (
    ("shared_buffers", "64MB"),
    ("max_wal_size", "128MB"),
    ("min_wal_size", "96MB"),
    ("checkpoint_timeout", "30s"),
)


@pytest.fixture(scope="module")
def small_disk() -> Iterator[Path]:
    """A small file system of its own; where mounting is not allowed there is nothing to fill."""
    with scratch_directory() as directory:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(directory)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if mounted.returncode != 0:
            pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
        try:
            yield directory
        finally:
            subprocess.run(["umount", "-l", str(directory)], check=True)


@pytest.fixture(scope="module")
def stage(small_disk: Path) -> Iterator[Stage]:
    with running_stage(
        data=small_disk / "postgres", cluster_settings=CLUSTER, receipt_period_s=0.5, activation_timeout_s=2
    ) as found:
        yield found


async def use_segments(stage: Stage) -> None:
    """Let the log have its reserve of used segments, as a cluster has that has run for a while."""
    async with stage.superuser() as connection:
        for _ in range(SEGMENTS):
            await connection.execute("SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000000))")
            await connection.execute("SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")


def fill(path: Path) -> int:
    """Take all space there is; the bytes taken."""
    taken = 0
    with contextlib.suppress(OSError), path.open("wb") as sink:
        while True:
            taken += sink.write(bytes(BLOCK))
            sink.flush()
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as sink:
        while True:
            taken += sink.write(bytes(4096))
    return taken


@dataclass
class Client:
    """Reads and writes over the API as long as the test asks it to."""

    stage: Stage
    enterprise_id: UUID
    reads: Counter[int] = field(default_factory=Counter)
    writes: Counter[int] = field(default_factory=Counter)
    without_retry: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        number = 0
        async with self.stage.client(self.enterprise_id) as api:
            while not stop.is_set():
                number += 1
                read = await api.get("/v1/latest-positions", params={"limit": 10})
                self.reads[read.status_code] += 1
                body = {"terminals": [{"terminal_number": f"FULL-{number}-{n}"} for n in range(MANY)]}
                with contextlib.suppress(httpx.TimeoutException):
                    written = await api.post("/v1/terminal-batches", json=body, timeout=10)
                    self.writes[written.status_code] += 1
                    self.without_retry += written.status_code == 503 and "retry-after" not in written.headers
                await asyncio.sleep(0.2)


async def test_nothing_is_acknowledged_that_a_full_disk_did_not_take(stage: Stage, small_disk: Path) -> None:
    enterprise_id = await stage.enterprise()
    credentials = await stage.provision(enterprise_id, [f"R5-{n}" for n in range(TERMINALS)])
    devices = [Device(item, stage.broker.host, stage.broker.port, resend_s=3.0) for item in credentials]
    await use_segments(stage)
    run = Simulation(devices, Plan(PERIOD_S, math.inf, HEALED_WITHIN_S))
    await run.open_all()
    stop = asyncio.Event()
    driving = asyncio.create_task(run.drive(stop))
    await asyncio.sleep(3)
    ballast = small_disk / "ballast"
    taken = await asyncio.to_thread(fill, ballast)
    receipted = sum(device.ledger.receipted for device in devices)
    client, ended = Client(stage, enterprise_id), asyncio.Event()
    asking = asyncio.create_task(client.run(ended))
    await asyncio.sleep(FULL_S)
    meanwhile = sum(device.ledger.receipted for device in devices) - receipted
    ended.set()
    await asking
    stop.set()
    await driving
    waiting = run.waiting
    await asyncio.to_thread(os.unlink, ballast)
    freed = time.monotonic()
    await run.settle()
    healed = time.monotonic() - freed
    assert run.waiting == 0, f"{run.waiting} not receipted: {stage['ingest'].tail()}"
    await run.close()
    found = await compare(stage, devices)
    tell(
        f"R5: full for {FULL_S:.0f} s ({taken >> 20} MiB taken): lost {found.missing}, twice {found.twice};"
        f" waiting {waiting}, receipted meanwhile {meanwhile}; reads {dict(client.reads)},"
        f" writes {dict(client.writes)}; all receipted {healed:.1f} s after space was free"
    )
    assert (found.missing, found.twice) == (0, 0)
    assert waiting > 0, "the disk was not full"
    assert client.reads.keys() == {200}
    assert 503 in client.writes
    assert client.writes.keys() <= {201, 503}
    assert client.without_retry == 0
    assert healed <= HEALED_WITHIN_S
    async with stage.superuser() as connection:
        assert await connection.fetchval("SELECT sum(checksum_failures) FROM pg_stat_database") == 0
        await connection.execute("CHECKPOINT")
