"""The registry behind HTTP keeps what its description promises: schemathesis, every phase and every check.

A server process on a database of its own; the description is the app's. An official with the scope `admin`
and a firm each go through all operations: the examples, the limits of every field, generated requests, and
chains of operations. Any answer of 500 or above, of a status or shape that is not described, or accepting
what the description forbids is a failure. A new route is covered by being described.

The run of CI is bounded: limits of every field are tried as an official alone. The long form
(`make test-long`) asks eight times as often, everything as both.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from deploy.local.cluster import PROJECT
from deploy.local.routes import service_apps
from tests.factories import registry as make
from tests.support.ports import unused_port, wait_for_listener

CONFIG = """
# A request may be well-formed and yet be refused for what its members say together, or about what is on
# record: 422, 412, 410; 400 is RFC 6749's word for the same at the token endpoint.
[checks.positive_data_acceptance]
expected-statuses = [
  "2xx", "3xx", 400, 401, 403, 404, 409, 410, 412, 415, 422, 429,
]
"""
EXAMPLES, LONG_EXAMPLES = 15, 40
LONG_ROUNDS = [("examples,coverage", 3), *(("fuzzing,stateful", seed) for seed in (3, 4, 5))]
"""Phases and seed of each; an access token outlives a round."""
AT_MOST_S = 540


@dataclass(frozen=True)
class Server:
    """A running registry."""

    url: str
    schema: Path
    firm_id: UUID

    def headers(self, who: str) -> dict[str, str]:
        """Of an official or of a firm, fresh; what they stand for does not end in the course of a run."""
        return make.administrator() if who == "official" else make.firm_headers(self.firm_id)


@contextmanager
def serving(urls: dict[str, str], directory: Path) -> Iterator[str]:
    """The registry in a process of its own; its address."""
    port = unused_port()
    given = {
        "urls": urls,
        "directory": str(directory),
        "port": port,
        "signing_key": json.dumps(make.SIGNING_KEY),
        "personal_keys": make.PERSONAL_KEYS,
    }
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.registry_server"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        wait_for_listener(port, process.pid, 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
async def server(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Server]:
    """A registry with a firm, a vehicle, an area and an application on record."""
    schema = tmp_path / "openapi.json"
    schema.write_text(json.dumps(dict(service_apps())["registry"].openapi()), encoding="utf-8")
    (tmp_path / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    with serving(fresh_database_urls, tmp_path) as url:
        async with httpx.AsyncClient(base_url=url) as api:
            firm = await make.admit_firm(api)
            await make.register(api, firm)
            await api.post("/v1/areas", json=make.area_body(), headers=make.official())
        yield Server(url, schema, firm.id)


async def faults(server: Server, directory: Path, who: str, phases: str, examples: int, seed: int) -> str:
    """Let schemathesis ask; what it finds wrong, with the end of what it says; empty for nothing."""
    headers = server.headers(who)
    command = [
        str(Path(sys.executable).with_name("st")),
        *("--config-file", str(directory / "schemathesis.toml"), "run", str(server.schema)),
        *("--url", server.url, "--checks", "all", "--phases", phases),
        *("--header", f"Authorization: {headers['Authorization']}"),
        *("--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure", "--no-color"),
        *("--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    async with asyncio.timeout(AT_MOST_S):
        said, _ = await process.communicate()
    text = said.decode(errors="replace")
    if process.returncode != 0:
        return text[text.find("FAILURES") :][:20_000] + text[-3000:]
    async with httpx.AsyncClient(base_url=server.url) as api:
        still = await api.get("/v1/vehicles", headers=headers)
    return "" if still.status_code == 200 else "the caller lost its rights on the way"


@pytest.mark.parametrize(
    ("who", "phases"),
    [("official", "examples,coverage,fuzzing,stateful"), ("firm", "examples,fuzzing,stateful")],
)
async def test_every_answer_is_as_described(server: Server, tmp_path: Path, who: str, phases: str) -> None:
    assert not await faults(server, tmp_path, who, phases, EXAMPLES, 3)


@pytest.mark.slow
@pytest.mark.timeout(len(LONG_ROUNDS) * (AT_MOST_S + 60))
@pytest.mark.parametrize("who", ["official", "firm"])
async def test_every_answer_is_as_described_long(server: Server, tmp_path: Path, who: str) -> None:
    for phases, seed in LONG_ROUNDS:
        assert not await faults(server, tmp_path, who, phases, LONG_EXAMPLES, seed)
