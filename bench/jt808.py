"""`make bench NAME=jt808`: open JT/T 808 connections that report at a pace, beside the 200 ms they may wait.

So many terminals are provisioned, connect and show their codes; then each reports once a period for a while.
A report is answered after its commit; the time from sending to the answer is measured for every one. At the
end what was answered must be stored. Strangers send garbage and forged reports meanwhile.
A second figure is a rush: up to 500 of the connections send without a pause, each with up to eight reports
unanswered, and answers a second are counted.
"""

import argparse
import asyncio
import contextlib
import json
import random
import resource
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg

from services.shared.clock import utc_now
from services.telemetry.domain.broker_files import new_code, verifier
from tests.factories import jt808
from tests.support.jt808_device import Device808, connect808
from tests.support.managed import Managed
from tests.support.ports import unused_port
from tests.support.telemetry_stage import running_stage

LIMIT_MS = 200.0
OPENING_AT_ONCE = 50
WINDOW = 8


@dataclass
class Figures:
    """What one phase has measured."""

    waits_ms: list[float] = field(default_factory=list)
    answered: int = 0

    def percentile(self, share: float) -> float:
        """The wait that this share of the reports did not exceed."""
        ordered = sorted(self.waits_ms)
        return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 1)


def main() -> int:
    """Run the benchmark; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.jt808")
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument(
        "--period", type=float, default=10.0, help="seconds between two reports of a terminal"
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rush", type=float, default=10.0, help="seconds of the rush")
    parser.add_argument("--strangers", type=int, default=200, help="connections that only send garbage")
    print(json.dumps(bench(parser.parse_args())))
    return 0


def bench(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; give the figures."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, options.connections + 500)), hard))
    port = unused_port()
    with running_stage(()) as stage:
        listener = stage.add("listener", jt808_port=port)
        return asyncio.run(measure(stage.urls, port, listener, options))


async def measure(
    urls: dict[str, str], port: int, listener: Managed, options: argparse.Namespace
) -> dict[str, Any]:
    """Connect, report at the pace, rush, compare with what is stored."""
    codes = await provision(urls, options.connections)
    began = time.monotonic()
    devices = await connect_all(port, codes)
    opened_s = time.monotonic() - began
    print(f"{len(devices)} connected and admitted in {opened_s:.1f} s", flush=True)
    strangers = [asyncio.create_task(annoy(port)) for _ in range(options.strangers)]
    paced = Figures()
    await asyncio.gather(*(report(device, options, paced) for device in devices))
    for stranger in strangers:
        stranger.cancel()
    await asyncio.gather(*strangers, return_exceptions=True)
    print(f"paced: {paced.answered} answers, p50 {paced.percentile(0.5)} ms, p99 {paced.percentile(0.99)} ms")
    rush = Figures()
    end = time.monotonic() + options.rush
    if options.rush > 0:
        await asyncio.gather(*(hurry(device, end, rush) for device in devices[:500]))
    stored = await count(urls)
    for device in devices:
        device.writer.close()
    p99 = paced.percentile(0.99)
    return {
        "bench": "jt808", "ratio": round(LIMIT_MS / max(p99, 0.1), 2), "ours": p99, "limit": LIMIT_MS,
        "limit_is": "milliseconds a terminal may wait for its answer, p99", "connections": len(devices),
        "p50_ms": paced.percentile(0.5), "answered": paced.answered + rush.answered, "stored": stored,
        "missing": max(paced.answered + rush.answered - stored, 0), "opened_s": round(opened_s, 1),
        "rush_answers_per_s": round(rush.answered / options.rush) if options.rush > 0 else 0,
        "listener_mb": round(listener.resident_bytes() / 1e6), "runs": [p99],
    }  # fmt: skip


async def provision(urls: dict[str, str], count: int) -> dict[str, str]:
    """Terminals in the table; their codes by phone."""
    codes = {f"139{n:08}": new_code() for n in range(count)}
    connection = await asyncpg.connect(urls["superuser"])
    await connection.executemany(
        "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, kind, secret_verifier,"
        " created_at, status, active_generation) VALUES ($1, $2, $1, 'jt808', $3, now(), 'active', 1)",
        [(uuid4(), phone, verifier(code)) for phone, code in codes.items()],
    )
    await connection.close()
    return codes


async def count(urls: dict[str, str]) -> int:
    """Rows that are stored."""
    connection = await asyncpg.connect(urls["superuser"])
    found = int(await connection.fetchval("SELECT count(*) FROM telemetry.positions"))
    await connection.close()
    return found


async def connect_all(port: int, codes: dict[str, str]) -> list[Device808]:
    """Every terminal connected and admitted."""
    gate = asyncio.Semaphore(OPENING_AT_ONCE)

    async def one(phone: str, code: str) -> Device808:
        while True:
            async with gate:
                try:
                    device = await connect808(port, phone)
                    if await device.sign_in(code) == 0:
                        return device
                except (OSError, TimeoutError):
                    await asyncio.sleep(0.2)

    return list(await asyncio.gather(*(one(phone, code) for phone, code in codes.items())))


async def report(device: Device808, options: argparse.Namespace, figures: Figures) -> None:
    """One report a period, at an instant of this terminal's own within it."""
    await asyncio.sleep(random.uniform(0, options.period))
    for _ in range(int(options.seconds / options.period)):
        began = time.monotonic()
        body = jt808.report(utc_now().replace(microsecond=0))
        if await device.result(0x0200, body) == 0:
            figures.answered += 1
            figures.waits_ms.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(max(0.0, options.period - (time.monotonic() - began)))


async def annoy(port: int) -> None:
    """A stranger: garbage and forged reports, again and again over connections that are ended."""
    while True:
        with contextlib.suppress(OSError):
            device = await connect808(port, "13800000000")
            try:
                while not device.reader.at_eof():
                    device.writer.write(random.randbytes(200) + device.frame(0x0200, jt808.report(utc_now())))
                    await device.writer.drain()
                    await asyncio.sleep(1)
            finally:
                device.writer.close()


async def hurry(device: Device808, end: float, figures: Figures) -> None:
    """Reports of earlier times without a pause, a few at a time."""
    at = utc_now().replace(microsecond=0) - timedelta(days=2)
    device.results.clear()
    while time.monotonic() < end:
        for _ in range(WINDOW):
            at += timedelta(seconds=1)
            device.send(0x0200, jt808.report(at))
        while len(device.results) < WINDOW:
            await device.receive()
        figures.answered += list(device.results.values()).count(0)
        device.results.clear()


if __name__ == "__main__":
    sys.exit(main())
