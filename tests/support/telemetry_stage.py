"""Telemetry alone, of real processes on ports of its own: PostgreSQL, broker, agent, ingest, API.

For fault runs: each part may be killed and started again. Only what a stage started is ever ended, by pid.
"""

import contextlib
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from deploy.local.cluster import PROJECT, ROLES, Cluster, migrate
from services.shared.auth import Role
from services.shared.auth.tokens import generate_key
from services.telemetry.consumers.device import Credential
from tests.factories import telemetry as factories
from tests.support.broker import RunningBroker, running_broker
from tests.support.managed import Managed
from tests.support.ports import unused_port
from tests.support.scratch import scratch_directory

CONSUMERS = {
    name: name.replace("-", "_") for name in ("ingest", "listener", "broker-agent", "worker", "derive")
}
ROLE_OF = {"api": "telemetry_api"}


@dataclass
class Stage:
    """The running parts."""

    cluster: Cluster
    urls: dict[str, str]
    broker: RunningBroker
    directory: Path
    processes: dict[str, Managed] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Managed:
        return self.processes[name]

    def add(self, name: str, **settings: Any) -> Managed:
        """Start a process with further settings and wait until it is ready."""
        found = Managed(self._command(name), {}, self.directory / f"{name}.log")
        found.environment = self._environment(name, found.port, settings)
        self.processes[name] = found
        found.start()
        found.wait_ready()
        return found

    def _command(self, name: str) -> list[str]:
        if name == "api":
            return [sys.executable, "-m", "tests.support.telemetry_api", str(self.directory / "jwks.json")]
        return [sys.executable, "-m", f"services.telemetry.consumers.{CONSUMERS[name]}"]

    def _environment(self, name: str, port: int, settings: dict[str, Any]) -> dict[str, str]:
        private = self.directory / f"{name}-secrets"
        private.mkdir()
        given = {
            "database_url": self.urls[ROLE_OF.get(name, "telemetry_worker")],
            "service_key": json.dumps(generate_key("telemetry")),
            "mqtt_password": self.broker.ingest_password,
            "broker_passwords": "\n".join(self.broker.platform_lines),
        }
        for key, value in given.items():
            (private / f"telemetry_{key}").write_text(value)
        files = self.broker.files
        values = {
            "service_keys_file": factories.service_keys(self.directory), "environment": "demo", "port": port,
            "mqtt_host": self.broker.host, "mqtt_port": self.broker.port,
            "broker_password_file": files.passwords, "broker_acl_file": files.acl,
            "broker_pid_file": self.broker.pid_file, "broker_database_file": files.database,
            "activation_timeout_s": 30, **settings,
        }  # fmt: skip
        own = {f"TELEMETRY_{key.upper()}": str(value) for key, value in values.items()}
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "FREIGHT_SECRETS_DIR": str(private),
            **own,
        }

    def client(self, enterprise_id: UUID | None = None, role: Role = Role.enterprise) -> httpx.AsyncClient:
        """The API over HTTP, signed in."""
        headers = factories.headers(role, enterprise_id)
        return httpx.AsyncClient(base_url=self["api"].url, headers=headers, timeout=60)

    async def enterprise(self) -> UUID:
        """A new active enterprise."""
        async with self.superuser() as connection:
            return await factories.add_enterprise(connection)

    async def provision(self, enterprise_id: UUID, numbers: Sequence[str]) -> list[Credential]:
        """Terminals through the API, active at the broker."""
        body = {"terminals": [{"terminal_number": number} for number in numbers]}
        async with self.client(enterprise_id) as api:
            answer = await api.post("/v1/terminal-batches", json=body)
        assert answer.status_code == 201, answer.text[:1000]
        return [Credential.of(item) for item in answer.json()["items"]]

    @contextlib.asynccontextmanager
    async def superuser(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection that sees everything."""
        connection = await asyncpg.connect(self.urls["superuser"])
        try:
            yield connection
        finally:
            await connection.close()

    def end(self) -> None:
        """End every process, the last started first."""
        for process in reversed(self.processes.values()):
            process.end()


@contextlib.contextmanager
def running_stage(
    names: Sequence[str] = ("broker-agent", "ingest", "api"),
    *,
    data: Path | None = None,
    cluster_settings: tuple[tuple[str, str], ...] = (),
    **settings: Any,
) -> Iterator[Stage]:
    """Start a stage; end it and delete all it had.

    Args:
        names: Which processes.
        data: Where the cluster lies; default beside the rest.
        cluster_settings: Further lines of PostgreSQL's configuration.
        settings: Of all processes, without the prefix.
    """
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(scratch_directory())
        cluster = Cluster(
            data or directory / "postgres", unused_port(), secrets.token_hex(8), settings=cluster_settings
        )
        cluster.create()
        stack.callback(cluster.remove)
        cluster.start()
        passwords = {role: secrets.token_hex(8) for role in ROLES}
        cluster.create_database("faults", passwords)
        urls = cluster.urls("faults", passwords)
        migrate(urls, ["telemetry"])
        broker = stack.enter_context(running_broker(directory / "broker"))
        (directory / "jwks.json").write_text(json.dumps(factories.public_keys()))
        found = Stage(cluster, urls, broker, directory)
        stack.callback(found.end)
        for name in names:
            found.add(name, **settings)
        yield found
