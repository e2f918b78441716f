"""Slow and oversize clients at the edge: they are ended, and nobody else notices (issue 2, Must show).

Nothing stands in for anything: nginx with the shipped template in front of the registry's own process on a
real database, and the honest client's every answer comes from that database.
"""

import asyncio
import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.places import CHECKOUT
from tests.factories import registry as make
from tests.support.edge import running_edge
from tests.support.ports import unused_port, wait_for_listener
from tests.support.scratch import scratch_directory

SLOW_HEADERS = 800
DRIPPING_BODIES = 200
"""Half of them at `/oauth/token`: ten times the connections of the registry's database pool."""
CLOSED_WITHIN_SECONDS = 15.0
HONEST_WITHIN_SECONDS = 0.2
"""Of 99 in 100."""
NEVER_BEYOND_SECONDS = 2.0
"""Of all: whoever waits for a slow client waits for its 8 s."""
ROUTES = {"vehicles": "registry", "enterprise-applications": "registry"}


def _environment(urls: dict[str, str], directory: Path, port: int) -> dict[str, str]:
    values = make.settings_values(urls, directory)
    secrets = directory / "secrets"
    secrets.mkdir()
    (secrets / "registry_database_url").write_text(values["database_url"])
    (secrets / "registry_service_key").write_text(values["service_key"])
    (secrets / "registry_signing_key").write_text(json.dumps(make.SIGNING_KEY))
    (secrets / "registry_personal_keys").write_text(make.PERSONAL_KEYS)
    return {
        **os.environ,
        "FREIGHT_SECRETS_DIR": str(secrets),
        "REGISTRY_SERVICE_KEYS_FILE": str(values["service_keys_file"]),
        "REGISTRY_ENVIRONMENT": "demo",
        "REGISTRY_PORT": str(port),
        "PYTHONPATH": str(CHECKOUT),
    }


@pytest.fixture(scope="module")
def service(
    database_urls: dict[str, str], truncate: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The registry's API as `make up` starts it; its `address:port`."""
    truncate("registry")
    directory, port = tmp_path_factory.mktemp("registry"), unused_port()
    program = [sys.executable, "-m", "uvicorn", "--factory", "services.registry.main:app_from_env"]
    with (directory / "log").open("wb") as log:
        child = subprocess.Popen(
            [*program, "--port", str(port), "--no-access-log"],
            cwd=CHECKOUT, env=_environment(database_urls, directory, port), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_for_listener(port, child.pid)
        yield f"127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(timeout=20)


@pytest.fixture(scope="module")
def edge(service: str) -> Iterator[str]:
    with (
        scratch_directory() as directory,
        running_edge(directory / "edge", {"registry": service}, ROUTES) as address,
    ):
        yield f"http://{address}"


@contextlib.asynccontextmanager
async def _repeated(ask: Callable[[], Awaitable[None]], pause: float) -> AsyncIterator[list[float]]:
    """Meanwhile asks again and again; the seconds each answer took."""
    seconds: list[float] = []
    stop = asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            began = time.monotonic()
            await ask()
            seconds.append(time.monotonic() - began)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    asking = asyncio.create_task(work())
    try:
        yield seconds
    finally:
        stop.set()
        await asking


@pytest.fixture
async def client(edge: str) -> AsyncIterator[httpx.AsyncClient]:
    """The honest client."""
    limits = httpx.Limits(max_keepalive_connections=0)  # each request on a new connection
    async with httpx.AsyncClient(base_url=edge, timeout=30, limits=limits) as found:
        yield found


@pytest.mark.alone
async def test_slow_clients_are_closed_while_an_honest_one_is_served(
    edge: str, client: httpx.AsyncClient
) -> None:
    firm = await make.admit_firm(client)

    async def read_vehicles() -> None:
        answer = await client.get("/v1/vehicles", headers=firm.headers)
        assert answer.status_code == 200

    async def get_token() -> None:
        await make.client_headers(client, firm.client_id, firm.client_secret)

    counts = map(str, (SLOW_HEADERS, DRIPPING_BODIES, 20))
    program = [sys.executable, "-m", "tests.support.slow_attack", edge.removeprefix("http://"), *counts]
    async with _repeated(read_vehicles, 0.02) as reads, _repeated(get_token, 1.0) as tokens:
        attack = await asyncio.create_subprocess_exec(*program, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE)
        told, _ = await attack.communicate()
    lives = json.loads(told)
    assert len(lives) == SLOW_HEADERS + DRIPPING_BODIES
    assert None not in lives
    assert max(lives) <= CLOSED_WITHIN_SECONDS
    assert min(lives[SLOW_HEADERS:]) > 1.0, "a body was refused before it could drip: nothing is shown"
    assert len(reads) > 100
    assert len(tokens) > 5
    ranked = sorted(reads)
    p99 = ranked[math.ceil(0.99 * len(ranked)) - 1]
    assert p99 <= HONEST_WITHIN_SECONDS, f"of {len(ranked)}, the slowest: {ranked[-10:]}"
    assert max(*reads, *tokens) <= NEVER_BEYOND_SECONDS, f"{ranked[-10:]}, tokens {tokens}"


async def test_a_slow_but_steady_upload_is_served(edge: str) -> None:
    given = json.dumps({"name": "慢线城配有限公司", "uscc": make.uscc(), "kind": "carrier"}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        yield given
        for _ in range(12):
            yield b" " * 20_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.1)

    headers = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=edge) as client:
        answer = await client.post("/v1/enterprise-applications", content=pieces(), headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "submitted"


async def test_a_body_of_ten_megabytes_is_refused(edge: str) -> None:
    async with httpx.AsyncClient(base_url=edge) as client:
        answer = await client.post("/v1/enterprise-applications", content=b"x" * 10_000_000)
        after = await client.get("/v1/vehicles", headers=make.official())
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:cityfreight:problem:payload-too-large"
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/oauth/token", "application/x-www-form-urlencoded"),
        ("/v1/enterprise-applications", "application/json"),
    ],
)
async def test_a_late_body_is_told_so(edge: str, path: str, kind: str) -> None:
    host, _, port = edge.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: 100\r\n\r\n["
    writer.write(head.encode())
    async with asyncio.timeout(CLOSED_WITHIN_SECONDS):
        status = await reader.readline()
    writer.close()
    assert status.split()[1] == b"408"
