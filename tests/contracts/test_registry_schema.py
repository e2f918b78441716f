"""The registry behind HTTP keeps what its description promises: schemathesis, every phase and every check.

A server process on a database of its own; the description is the app's. An official with the scope `admin`
and a firm each go through all operations: the examples, the limits of every field, generated requests, and
chains of operations. Any answer of 500 or above, of a status or shape that is not described, or accepting
what the description forbids is a failure. A new route is covered by being described.

The run of CI is bounded; the long form (`make test-long`) asks ten times as often.
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
EXAMPLES, LONG_EXAMPLES = 12, 120
SHORT_S, LONG_S = 240, 3600


@dataclass(frozen=True)
class Server:
    """A running registry."""

    url: str
    schema: Path
    headers: dict[str, dict[str, str]]
    """Of an official and of a firm."""


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
        # Firms and accounts end in the course of a run; whoever asks must not.
        headers = {"official": make.administrator(), "firm": make.firm_headers(firm.id)}
        yield Server(url, schema, headers)


async def run(server: Server, directory: Path, who: str, examples: int, seconds: int) -> None:
    """Let schemathesis ask; fail with the end of what it says."""
    command = [
        str(Path(sys.executable).with_name("st")),
        *("--config-file", str(directory / "schemathesis.toml"), "run", str(server.schema)),
        *("--url", server.url, "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--header", f"Authorization: {server.headers[who]['Authorization']}"),
        *("--max-examples", str(examples), "--seed", "3", "--continue-on-failure", "--no-color"),
        *("--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    async with asyncio.timeout(seconds):
        said, _ = await process.communicate()
    text = said.decode(errors="replace")
    (directory / f"{who}.log").write_text(text, encoding="utf-8")
    assert process.returncode == 0, text[text.find("FAILURES") :][:20_000] + text[-3000:]
    assert "Stateful" in text, "not every phase ran"


@pytest.mark.parametrize("who", ["official", "firm"])
async def test_every_answer_is_as_described(server: Server, tmp_path: Path, who: str) -> None:
    await run(server, tmp_path, who, EXAMPLES, SHORT_S)


@pytest.mark.slow
@pytest.mark.timeout(LONG_S + 100)
@pytest.mark.parametrize("who", ["official", "firm"])
async def test_every_answer_is_as_described_long(server: Server, tmp_path: Path, who: str) -> None:
    await run(server, tmp_path, who, LONG_EXAMPLES, LONG_S)
