"""What benchmarks over HTTP share: an app in a process of its own, and a client that costs little."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from deploy.local.cluster import PROJECT
from services.shared.app import lasting
from tests.support.ports import unused_port, wait_for_listener

SERVE = "--serve"
"""A benchmark run with `--serve NAME GIVEN` serves an app instead of measuring."""


@asynccontextmanager
async def served(module: str, name: str, given: dict[str, Any]) -> AsyncIterator[int]:
    """One app of a benchmark in a process of its own; its port. `given` names a `directory` for its log."""
    port = unused_port()
    command = [sys.executable, "-m", module, SERVE, name, json.dumps({**given, "port": port})]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with (Path(given["directory"]) / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=env, stderr=log, stdout=log)  # noqa: ASYNC220 - ended by pid below
    try:
        await asyncio.to_thread(wait_for_listener, port, process.pid, 30)
        yield port
    finally:
        process.terminate()
        process.wait()


def run(app: FastAPI, port: int) -> None:
    """Serve an app until it is ended."""
    uvicorn.run(lasting(app), port=port, log_config=None, access_log=False)


async def ask(port: int, ready: list[bytes], connections: int, seconds: float) -> tuple[float, list[float]]:
    """Send ready requests over keep-alive connections; answers a second, and the milliseconds of each.

    Raises:
        RuntimeError: An answer was not 200.
    """
    end, took = time.perf_counter() + seconds, []

    async def one(offset: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = offset
        while (began := time.perf_counter()) < end:
            writer.write(ready[number % len(ready)])
            number += connections
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            took.append((time.perf_counter() - began) * 1000)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one(offset) for offset in range(connections)))
    return len(took) / (time.perf_counter() - began), took


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of them lie."""
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 2)
