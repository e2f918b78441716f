"""Rates: ingest beside the broker alone, beside one COPY, and beside what is usually written in Python."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from bench.ingest.stage import Member, Stage, until
from bench.ingest.usage import Meter
from deploy.local.cluster import PROJECT
from services.telemetry.domain.columns import encode_many
from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.rows import COLUMNS, HEADER, TRAILER, Row

WINDOW = 50
DAY_MS = 86_400_000
_BLOCK = 2000
_turn = count()


@dataclass(frozen=True)
class Load:
    """What a publisher sends: so many messages of so many positions, on these credentials."""

    credentials: str
    messages: int
    positions: int = 1
    window: int = WINDOW

    @property
    def total(self) -> int:
        """Positions."""
        return self.messages * self.positions

    def start(self, stage: Stage) -> "subprocess.Popen[str]":
        """Start the publisher."""
        figures = (self.messages, self.window, fresh_ms(), self.positions, 0)
        return stage.start("pub", self.credentials, *figures)


@dataclass(frozen=True)
class Rate:
    """Messages or positions a second, and the processor's microseconds for each."""

    per_s: float
    cpu_us: dict[str, float] = field(default_factory=dict)

    @property
    def unhindered(self) -> float:
        """The rate that this processor time allows on two processors with nothing else to do."""
        return 1e6 / max(*self.cpu_us.values(), sum(self.cpu_us.values()) / 2)


def fresh_ms() -> int:
    """A time of yesterday that no positions have yet; a quarter of an hour apart, all in one partition."""
    midnight = int(time.time() * 1000) // DAY_MS * DAY_MS - DAY_MS
    return midnight + next(_turn) % 90 * 900_000


def began(publisher: "subprocess.Popen[str]") -> float:
    """When a publisher that has ended began."""
    assert publisher.stdout is not None  # noqa: S101  it was asked for
    at = float(publisher.stdout.read().split()[0])
    publisher.wait()
    return at


def raw(stage: Stage, load: Load) -> Rate:
    """The broker alone, between two C programs."""
    subscriber = stage.start("sub", stage.subscribers, load.messages, 1000)
    assert subscriber.stdout is not None  # noqa: S101  it was asked for
    subscriber.stdout.readline()
    publisher = load.start(stage)
    meter = Meter(stage.pids(publisher=publisher.pid, consumer=subscriber.pid))
    ended = float(subscriber.stdout.read().split()[-1])
    cpu = meter.per(load.messages)
    subscriber.wait()
    return Rate(load.messages / (ended - began(publisher)), cpu)


def ours(stage: Stage, load: Load, member: Member) -> Rate:
    """Ingest as it is, to the last commit.

    Raises:
        RuntimeError: Not every position is there afterwards.
    """
    before, stored = member.counted(), asyncio.run(stage.stored())
    publisher = load.start(stage)
    meter = Meter(stage.pids(publisher=publisher.pid, consumer=member.process.pid))
    # Not asked meanwhile: an answer costs the member as much as some hundred positions.
    os.waitid(os.P_PID, publisher.pid, os.WEXITED | os.WNOWAIT)
    until(lambda: member.counted() >= before + load.total, pause_s=0.02)
    ended = time.monotonic()
    cpu = meter.per(load.total)
    missing = stored + load.total - asyncio.run(stage.stored())
    if missing:
        raise RuntimeError(f"{missing} of {load.total} positions are missing")
    return Rate(load.total / (ended - began(publisher)), cpu)


def usual(stage: Stage, load: Load, kind: str) -> Rate:
    """A consumer as it is usually written (`peers.py`), to its last commit."""
    command = [sys.executable, "-m", "bench.ingest.peers", kind, json.dumps(stage.reader), str(load.messages)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    peer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=PROJECT)
    assert peer.stdout is not None  # noqa: S101  it was asked for
    peer.stdout.readline()
    publisher = load.start(stage)
    meter = Meter(stage.pids(publisher=publisher.pid, consumer=peer.pid))
    ended = float(peer.stdout.readline())
    cpu = meter.per(load.messages)
    peer.wait()
    return Rate(load.messages / (ended - began(publisher)), cpu)


async def copied(stage: Stage, blocks: Iterable[bytes], rows: int) -> Rate:
    """One binary COPY of rows encoded beforehand, in the order in which they would come."""
    connection = await stage.connect()

    async def source() -> AsyncIterator[bytes]:
        yield HEADER
        for block in blocks:
            yield block
        yield TRAILER

    meter = Meter(stage.pids(consumer=os.getpid()))
    start = time.perf_counter()
    await connection.copy_to_table(
        "positions", schema_name="telemetry", source=source(), columns=COLUMNS, format="binary"
    )
    rate = Rate(rows / (time.perf_counter() - start), meter.per(rows))
    await connection.close()
    return rate


def encoded(keys: list[int], load: Load) -> Iterator[bytes]:
    """The rows of a load like the publisher's, in the order in which they come, in blocks."""
    now_ms, base_ms = int(time.time() * 1000), fresh_ms()
    for of, fixes in _blocks(keys, load, base_ms):
        (part,) = encode_many(np.array(of), fixes, now_ms).parts
        yield b"".join([row[3] for row in sorted(part.rows(), key=_by_time)])


def _by_time(row: Row) -> int:
    return row[2]


def _blocks(keys: list[int], load: Load, base_ms: int) -> Iterator[tuple[list[int], list[Fix]]]:
    of: list[int] = []
    fixes: list[Fix] = []
    for message in range(load.messages):
        number, turn = message % len(keys), message // len(keys)
        for seq in range(turn * load.positions, (turn + 1) * load.positions):
            of.append(keys[number])
            fixes.append(
                Fix(
                    time=float(base_ms + seq), lon=122 + seq % 1000 * 1e-4, lat=41 + number * 37e-6,
                    speed_kmh=20.0 + seq % 60, heading_deg=100.0 + seq % 260, mileage_km=12345 + seq / 100,
                    load_state="partial", boot=1, seq=seq,
                )
            )  # fmt: skip
        if len(fixes) >= _BLOCK:
            yield of, fixes
            of, fixes = [], []
    if fixes:
        yield of, fixes
