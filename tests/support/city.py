"""A whole platform for journeys: `make up` itself, in a run directory and on ports of its own.

Everything real: PostgreSQL, broker, nginx, every process under supervision; driven through the public
address only.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.local import places, processes
from deploy.local.cluster import PROJECT
from deploy.local.ports import holders

_RENEW_S = 400
_BASES = range(21000, 31000, 100)


class Bearer(httpx.Auth):
    """Signs in at first use and again well before the token ends."""

    requires_response_body = True

    def __init__(self, sign_in: httpx.Request) -> None:
        self._sign_in = sign_in
        self._token = ""
        self._until = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token."""
        if time.monotonic() > self._until:
            answer = yield self._sign_in
            assert answer.is_success, answer.text
            self._token, self._until = answer.json()["access_token"], time.monotonic() + _RENEW_S
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@dataclass(frozen=True)
class City:
    """A running platform."""

    run: Path
    port_base: int
    clients: list[httpx.Client] = field(default_factory=list)
    """Every client handed out; closed with the platform."""

    @property
    def address(self) -> str:
        """The one public address."""
        return f"http://127.0.0.1:{self.port_base + processes.EDGE}"

    @property
    def mqtt_port(self) -> int:
        """The broker's port."""
        return self.port_base + processes.BROKER

    def pid(self, process: str) -> int:
        """Pid of a supervised process, from its own record."""
        return int((self.run / "pids" / f"{process}.pid").read_text().split()[0])

    def admin(self) -> httpx.Client:
        """A client signed in as the generated administrator."""
        lines = (self.run / "secrets" / "admin.txt").read_text("utf-8").splitlines()
        found = dict(line.split(": ", 1) for line in lines)
        return self.official(found["username"], found["password"])

    def official(self, username: str, password: str) -> httpx.Client:
        """A client signed in as a named person."""
        body = {"username": username, "password": password}
        return self._client(httpx.Request("POST", f"{self.address}/v1/staff-sessions", json=body))

    def firm(self, client_id: str, client_secret: str) -> httpx.Client:
        """A client with OAuth2 client credentials."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        return self._client(httpx.Request("POST", f"{self.address}/oauth/token", data=form))

    def _client(self, sign_in: httpx.Request) -> httpx.Client:
        client = httpx.Client(base_url=self.address, auth=Bearer(sign_in), timeout=60)
        self.clients.append(client)
        return client

    def make(self, target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a target of the Makefile against this platform."""
        return subprocess.run(
            [sys.executable, "-m", "deploy.local.bootstrap", target, *arguments],
            cwd=PROJECT,
            env=_environment(self.run, self.port_base),
            capture_output=True,
            text=True,
            check=False,
        )


def _environment(run: Path, port_base: int) -> dict[str, str]:
    own = {"FREIGHT_RUN": str(run), "PORT_BASE": str(port_base), "DEMO": "0", "PYTHONPATH": str(PROJECT)}
    return {**os.environ, **own}


def _free_base() -> int:
    offsets = {process.port for process in processes.PROCESSES if process.port is not None}
    for base in _BASES:
        if not holders({base + offset for offset in offsets}):
            return base
    raise AssertionError("no free block of ports")


@contextlib.contextmanager
def running_city() -> Iterator[City]:
    """Start a platform without the demo; end it and remove it afterwards.

    Raises:
        AssertionError: `make up` failed; the text is its own.
    """
    home = Path(tempfile.mkdtemp(prefix="cityfreight-journey-"))
    account = places.choose_account()
    home.chmod(0o755)
    if not account.is_me:
        os.chown(home, account.uid, account.gid)
    city = City(home / "run", _free_base())
    try:
        started = city.make("up")
        assert started.returncode == 0, started.stdout + started.stderr
        yield city
    finally:
        for client in city.clients:
            client.close()
        city.make("down")
        shutil.rmtree(home, ignore_errors=True)


def expect(answer: httpx.Response, status: int = 200) -> Any:
    """Return the JSON of an answer that has the status.

    Raises:
        AssertionError: Another status; the text holds the answer.
    """
    assert answer.status_code == status, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    return answer.json() if answer.content else None


def _get(client: httpx.Client, path: str, query: dict[str, Any]) -> httpx.Response:
    """Ask as a client should: who is told to come again comes again, a few times."""
    for _ in range(10):
        answer = client.get(path, params=query)
        if answer.status_code != 503 or "retry-after" not in answer.headers:
            break
        time.sleep(float(answer.headers["retry-after"]))  # the pause that the server asks for, no guess
    return answer


def pages(client: httpx.Client, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Walk a list to its end."""
    cursor: dict[str, Any] = {}
    while True:
        page = expect(_get(client, path, {"limit": 200, **query, **cursor}))
        yield from page.get("items", page.get("features", []))
        if page.get("next_cursor") is None:
            return
        cursor = {"cursor": page["next_cursor"]}
