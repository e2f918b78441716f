"""What every measurement stands on: durable cluster, shipped broker, terminals, load program, ingest."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import TypeAlias
from uuid import UUID

import asyncpg

from deploy.local.cluster import PROJECT, ROLES, Cluster, migrate
from services.shared.auth.tokens import generate_key, public_part
from services.shared.clock import utc_now
from services.shared.ids import new_id
from services.telemetry.domain.broker_files import new_secret, password_line, password_text
from services.telemetry.domain.topics import SHARDS, positions_filter, positions_topic
from services.telemetry.operations.storing import make_partitions
from tests.support.broker import RunningBroker, running_broker
from tests.support.ports import unused_port
from tests.support.scratch import scratch_directory

OWN = 100
"""Terminals with a credential of their own; the rest publish through one user of the benchmark's."""
EVERYONE, READER = "bench-user", "bench-reader"
OWNER = UUID(int=1)
INGEST = "services.telemetry.consumers.ingest"
_DEADLINE_S = 180
_EMPTY = """
    TRUNCATE telemetry.positions, telemetry.latest_positions, telemetry.ingest_batches,
        telemetry.ingest_accounting, telemetry.pending_derivations, telemetry.quarantined_positions
"""


Program: TypeAlias = "subprocess.Popen[str]"


@dataclass(frozen=True)
class Stage:
    """What all measurements stand on."""

    cluster: Cluster
    urls: dict[str, str]
    broker: RunningBroker
    program: Path
    numbers: list[str]
    secrets: dict[str, str]
    environment: dict[str, str]
    signing_key: str

    @property
    def subscribers(self) -> str:
        """Credentials of the ingest sessions, for the load program."""
        return "".join(f"ingest-{s} {self.broker.ingest_password} {positions_filter(s)}\n" for s in SHARDS)

    @property
    def terminals(self) -> str:
        """Credentials of the terminals that have some."""
        return "".join(f"{n} {self.secrets[n]} {positions_topic(n)}\n" for n in self.numbers[:OWN])

    @property
    def reader(self) -> dict[str, str | int]:
        """What another consumer than ingest connects with."""
        return {
            "host": self.broker.host, "port": self.broker.port, "user": READER,
            "password": self.secrets[READER], "database": self.urls["superuser"],
        }  # fmt: skip

    def everyone(self, count: int) -> str:
        """Credentials of one user for so many terminals."""
        secret = self.secrets[EVERYONE]
        return "".join(f"{EVERYONE} {secret} {positions_topic(n)}\n" for n in self.numbers[:count])

    def start(
        self, role: str, credentials: str, *figures: int, output: int = PIPE
    ) -> "subprocess.Popen[str]":
        """Start the load program."""
        command = [str(self.program), role, self.broker.host, str(self.broker.port), *map(str, figures)]
        child = subprocess.Popen(command, stdin=PIPE, stdout=output, text=True)
        assert child.stdin is not None  # noqa: S101  it was asked for
        child.stdin.write(credentials)
        child.stdin.close()
        return child

    def pids(self, **more: int) -> dict[str, int]:
        """The processes whose time is counted."""
        assert self.broker.process is not None  # noqa: S101  it was started
        postmaster = int((self.cluster.data / "postmaster.pid").read_text().split()[0])
        return {"broker": self.broker.process.pid, "database": postmaster, **more}

    async def connect(self, role: str = "superuser") -> "asyncpg.Connection[asyncpg.Record]":
        """Open a connection."""
        return await asyncpg.connect(self.urls[role])

    async def empty(self) -> None:
        """Empty the tables of positions and make the partitions."""
        connection = await self.connect()
        await connection.execute(_EMPTY)
        await make_partitions(connection, utc_now())
        await connection.execute("CHECKPOINT")
        await connection.close()

    async def stored(self) -> int:
        """Count the positions."""
        connection = await self.connect()
        found = int(await connection.fetchval("SELECT count(*) FROM telemetry.positions"))
        await connection.close()
        return found

    async def provision(self, count: int) -> None:
        """Add terminals up to so many."""
        more = [f"BENCH-{n}" for n in range(len(self.numbers), count)]
        connection = await self.connect()
        await connection.copy_records_to_table(
            "terminals", schema_name="telemetry",
            columns=("id", "terminal_number", "enterprise_id", "secret_verifier", "created_at", "status"),
            records=[(new_id(), number, OWNER, "", utc_now(), "active") for number in more],
        )  # fmt: skip
        await connection.execute("VACUUM ANALYZE telemetry.terminals")
        await connection.close()
        self.numbers.extend(more)

    async def keys(self) -> list[int]:
        """The keys of the terminals, in the order of their numbers."""
        connection = await self.connect()
        rows = await connection.fetch("SELECT terminal_number, terminal_key FROM telemetry.terminals")
        await connection.close()
        found = {row[0]: int(row[1]) for row in rows}
        return [found[number] for number in self.numbers]


@dataclass(frozen=True)
class Member:
    """A running ingest process."""

    process: "subprocess.Popen[bytes]"
    port: int

    def counted(self) -> float:
        """Positions in committed batches."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        name = 'telemetry_positions_total{outcome="good"} '
        return sum(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))


@contextmanager
def ingest(
    stage: Stage, module: str = INGEST, arguments: Sequence[str] = (), **more: str
) -> Iterator[Member]:
    """Run an ingest process until it is no longer needed."""
    port = unused_port()
    environment = {**stage.environment, "TELEMETRY_PORT": str(port), **more}
    command = [sys.executable, "-m", module, *arguments]
    with (stage.program.parent / "ingest.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, cwd=PROJECT, stderr=log, stdout=log)
    try:
        until(lambda: _answers(port))
        yield Member(process, port)
    finally:
        process.terminate()
        process.wait()


def until(holds: Callable[[], bool], pause_s: float = 0.05) -> None:
    """Wait until something holds.

    Raises:
        RuntimeError: It does not within three minutes.
    """
    pause, deadline = threading.Event(), time.monotonic() + _DEADLINE_S
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("not within three minutes")
        pause.wait(pause_s)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def prepared() -> Iterator[Stage]:
    """A cluster, the shipped broker, the compiled load program and a hundred terminals."""
    with ExitStack() as stack:
        directory = stack.enter_context(scratch_directory())
        program = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "mqtt_load"
        source = PROJECT / "bench" / "ingest" / "mqtt_load.c"
        subprocess.run(["gcc", "-O2", "-o", str(program), str(source)], check=True)
        cluster = Cluster(
            directory / "postgres", unused_port(), secrets.token_hex(8),
            settings=(("shared_buffers", "1GB"), ("max_wal_size", "8GB")),
        )  # fmt: skip
        cluster.create()
        cluster.start()
        stack.callback(cluster.remove)
        passwords = {role: secrets.token_hex(8) for role in ROLES}
        cluster.create_database("bench", passwords)
        urls = cluster.urls("bench", passwords)
        migrate(urls, ["telemetry"])
        broker = stack.enter_context(running_broker(directory / "broker"))
        found = {f"BENCH-{n}": new_secret() for n in range(OWN)}
        found |= {EVERYONE: new_secret(), READER: new_secret()}
        lines = [password_line(user, secret) for user, secret in found.items()]
        broker.files.passwords.write_text(password_text([*broker.platform_lines, *lines], []))
        with broker.files.acl.open("a") as acl:
            acl.write(f"\nuser {EVERYONE}\ntopic write v1/+/+/positions\n")
            acl.write(f"\nuser {READER}\ntopic read v1/+/+/positions\n")
        broker.reload()
        key = generate_key("telemetry")
        environment = _environment(urls, broker, program.parent, key)
        yield Stage(cluster, urls, broker, program, [], found, environment, json.dumps(key))


def _environment(
    urls: dict[str, str], broker: RunningBroker, directory: Path, key: dict[str, str]
) -> dict[str, str]:
    """Environment of the ingest process."""
    (directory / "keys.json").write_text(json.dumps({"keys": [public_part(key)]}))
    private = {
        "telemetry_database_url": urls["telemetry_worker"],
        "telemetry_service_key": json.dumps(key),
        "telemetry_mqtt_password": broker.ingest_password,
    }
    for name, value in private.items():
        (directory / name).write_text(value)
    return {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "FREIGHT_SECRETS_DIR": str(directory),
        "TELEMETRY_SERVICE_KEYS_FILE": str(directory / "keys.json"),
        "TELEMETRY_MQTT_HOST": broker.host, "TELEMETRY_MQTT_PORT": str(broker.port),
    }  # fmt: skip
