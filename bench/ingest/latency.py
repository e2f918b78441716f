"""How long after it is published a position is committed, and readable by the API."""

import asyncio
import json
import os
import statistics
import tempfile
import threading
import time
import urllib.request
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.ingest.stage import OWNER, Program, Stage, ingest, until
from bench.serving import quantile, served
from services.shared.auth import Role
from tests.factories import telemetry as factories

_SYNCS, _BLOCK = 200, bytes(8192)
_POLL_S = 0.05
_WARM_S = 1.0


def fdatasync_ms(stage: Stage) -> float:
    """The median fdatasync of 8 kB on the database's disk."""
    took = []
    with tempfile.NamedTemporaryFile(dir=stage.cluster.data) as file:
        for turn in range(_SYNCS):
            os.pwrite(file.fileno(), _BLOCK, turn % 16 * len(_BLOCK))
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


def _publish(stage: Stage, rate: int, seconds: float) -> Program:
    return stage.start("pub", stage.terminals, int(rate * seconds), 50, 0, 1, rate)


def _sent(stage: Stage, publisher: Program) -> dict[tuple[str, int], float]:
    """When each position was published."""
    assert publisher.stdout is not None  # noqa: S101  it was asked for
    lines = [line.split() for line in publisher.stdout.read().splitlines() if line.startswith("S ")]
    publisher.wait()
    return {(stage.numbers[int(number)], int(seq)): float(at) for _, number, seq, at in lines}


def _warm(sent: dict[tuple[str, int], float]) -> dict[tuple[str, int], float]:
    """Leave out what was published in the first second."""
    first = min(sent.values())
    return {which: at for which, at in sent.items() if at >= first + _WARM_S}


def committed(stage: Stage, rate: int, seconds: float) -> dict[str, float]:
    """Milliseconds from publishing to the commit, and fdatasync's beside them."""
    asyncio.run(stage.empty())
    before = fdatasync_ms(stage)
    with tempfile.NamedTemporaryFile("r") as file:
        with ingest(stage, "bench.ingest.timed", [file.name]) as member:
            sent = _sent(stage, _publish(stage, rate, seconds))
            until(lambda: member.counted() >= len(sent))
        lines = [line.split() for line in Path(file.name).read_text().splitlines()]
    found = {(number, int(seq)): float(at) for number, seq, at in lines}
    took = [(found[which] - at) * 1000 for which, at in _warm(sent).items()]
    sync = statistics.mean([before, fdatasync_ms(stage)])
    p50, p99 = quantile(took, 0.5), quantile(took, 0.99)
    return {
        "rate": rate, "p50_ms": p50, "p99_ms": p99, "fdatasync_ms": round(sync, 3),
        "p50_in_fdatasyncs": round(p50 / sync, 1), "p99_in_fdatasyncs": round(p99 / sync, 1),
    }  # fmt: skip


def readable(stage: Stage, rate: int, seconds: float) -> dict[str, float]:
    """Milliseconds from publishing until the API's latest position of the terminal is that one or a newer."""
    asyncio.run(stage.empty())
    given = {
        "urls": stage.urls, "directory": str(stage.program.parent),
        "registry_key": json.dumps(factories.REGISTRY_KEY),
    }  # fmt: skip
    return asyncio.run(_readable(stage, rate, seconds, given))


async def _readable(stage: Stage, rate: int, seconds: float, given: dict[str, Any]) -> dict[str, float]:
    async with served("bench.ingest", "api", given) as port:
        return await asyncio.to_thread(_watched, stage, rate, seconds, port)


def _watched(stage: Stage, rate: int, seconds: float, port: int) -> dict[str, float]:
    with ingest(stage), _watching(port) as seen:
        sent = _sent(stage, _publish(stage, rate, seconds))
        until(lambda: all(_has_read(seen, number, at) for (number, _), at in sent.items()))
    took = []
    for (number, _), at in _warm(sent).items():
        times, polled = seen[number]
        index = bisect_left(times, _own_ms(at))
        took.append((polled[index] - at) * 1000)
    polls = max(len(polled) for _, polled in seen.values())
    return {"rate": rate, "p50_ms": quantile(took, 0.5), "p99_ms": quantile(took, 0.99), "polls": polls}


def _has_read(seen: dict[str, tuple[list[int], list[float]]], number: str, published: float) -> bool:
    return number in seen and seen[number][0][-1] >= _own_ms(published)


def _own_ms(published: float) -> int:
    """The least time that a position can carry which was published then: its own was read just before."""
    return int(published * 1000) - 1


@contextmanager
def _watching(port: int) -> Iterator[dict[str, tuple[list[int], list[float]]]]:
    """Poll the latest positions; of each terminal the newest times (ms) and when they were first read."""
    seen: dict[str, tuple[list[int], list[float]]] = {}
    stop = threading.Event()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/latest-positions",
        headers=factories.headers(Role.enterprise, OWNER),
    )

    def poll() -> None:
        while not stop.wait(_POLL_S):
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  loopback
                features = json.load(answer)["features"]
            now = time.time()
            for feature in features:
                properties = feature["properties"]
                newest = round(datetime.fromisoformat(properties["time"]).timestamp() * 1000)
                times, polled = seen.setdefault(properties["terminal_number"], ([], []))
                times.append(newest)
                polled.append(now)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
