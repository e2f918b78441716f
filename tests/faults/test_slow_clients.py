"""Slow and oversize clients at the edge: they are ended, and nobody else notices (issue 2, Must show)."""

import asyncio
import contextlib
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deploy.local.places import CHECKOUT
from services.shared.deadline import BodyDeadline
from tests.support.edge import running_edge
from tests.support.ports import unused_port
from tests.support.scratch import scratch_directory

SLOW_HEADERS = 800
DRIPPING_BODIES = 200
CLOSED_WITHIN_SECONDS = 15.0
HONEST_WITHIN_SECONDS = 0.2


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """A service with the kernel's deadline for bodies, on uvicorn as in production; its `address:port`."""
    app = Starlette(routes=[Route("/v1/vehicles", _echo, methods=["GET", "POST"])])
    port = unused_port()
    server = uvicorn.Server(uvicorn.Config(BodyDeadline(app), port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="module")
def edge(service: str) -> Iterator[str]:
    routes = {"vehicles": "registry"}
    with (
        scratch_directory() as directory,
        running_edge(directory / "edge", {"registry": service}, routes) as address,
    ):
        yield address


@contextlib.asynccontextmanager
async def _honest(address: str) -> AsyncIterator[list[float]]:
    """Meanwhile asks once every 50 ms, each time on a new connection; the seconds each answer took."""
    seconds: list[float] = []
    stop = asyncio.Event()

    async def ask() -> None:
        while not stop.is_set():
            began = time.monotonic()
            async with httpx.AsyncClient(base_url=f"http://{address}") as client:
                answer = await client.get("/v1/vehicles")
            assert answer.status_code == 200
            seconds.append(time.monotonic() - began)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.05)

    asking = asyncio.create_task(ask())
    try:
        yield seconds
    finally:
        stop.set()
        await asking


async def test_slow_clients_are_closed_while_an_honest_one_is_served(edge: str) -> None:
    program = [
        sys.executable,
        "-m",
        "tests.support.slow_attack",
        edge,
        *map(str, (SLOW_HEADERS, DRIPPING_BODIES, 20)),
    ]
    async with _honest(edge) as seconds:
        attack = await asyncio.create_subprocess_exec(*program, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE)
        told, _ = await attack.communicate()
    lives = json.loads(told)
    assert len(lives) == SLOW_HEADERS + DRIPPING_BODIES
    assert None not in lives
    assert max(lives) <= CLOSED_WITHIN_SECONDS
    assert len(seconds) > 50
    ranked = sorted(seconds)
    assert ranked[int(len(ranked) * 0.99)] <= HONEST_WITHIN_SECONDS, f"slowest honest answers: {ranked[-5:]}"


async def test_a_slow_but_steady_upload_is_served(edge: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"x" * 20_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.1)

    async with httpx.AsyncClient(base_url=f"http://{edge}") as client:
        answer = await client.post("/v1/vehicles", content=pieces())
    assert answer.json() == {"bytes": 240_000}


async def test_a_body_of_ten_megabytes_is_refused(edge: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://{edge}") as client:
        answer = await client.post("/v1/vehicles", content=b"x" * 10_000_000)
        after = await client.get("/v1/vehicles")
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:cityfreight:problem:payload-too-large"
    assert after.status_code == 200


async def test_a_late_body_is_told_so(edge: str) -> None:
    host, _, port = edge.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/vehicles HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n[")
    async with asyncio.timeout(CLOSED_WITHIN_SECONDS):
        status = await reader.readline()
    writer.close()
    assert status.split()[1] == b"408"
