"""Promise 1: what was receipted is stored, once, whatever is killed (reliability.md R1, the short form).

Ingest is killed five times and PostgreSQL stopped at once three times while terminals stream; a terminal
sends again what no receipt came for. In the end everything sent is stored exactly once, every receipt is
true, the latest positions are the newest fixes and the accounting closes.
"""

import asyncio
import contextlib
import json
import os
import random
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.cluster import PROJECT, ROLES, Cluster, migrate
from services.shared.clock import utc_now
from services.shared.mqtt import Connection, Message, MqttError, Options, connect
from services.shared.schemas import format_instant
from services.telemetry.domain.broker_files import new_secret, password_text, verifier
from services.telemetry.domain.topics import positions_topic, receipts_topic
from tests.factories.telemetry import settings_values
from tests.support.broker import RunningBroker, running_broker
from tests.support.ports import unused_port
from tests.support.scratch import scratch_directory
from tests.support.waiting import eventually

TERMINALS, FIXES = 20, 400
INGEST_KILLS, DATABASE_KILLS = 5, 3
RESEND_S = 2.0


@dataclass
class Device:
    """A terminal with a ring buffer: it sends at a pace and again what is not receipted."""

    number: str
    secret: str
    host: str
    port: int
    receipted: set[int] = field(default_factory=set)
    sent_at: dict[int, float] = field(default_factory=dict)
    payloads: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        start = utc_now() - timedelta(hours=1)
        for seq in range(1, FIXES + 1):
            at = format_instant(start + timedelta(seconds=seq))
            fix = {"time": at, "lon": 122 + seq / 1e4, "lat": 41.1, "boot": 1, "seq": seq}
            self.payloads.append(json.dumps(fix).encode())

    def read(self, _: Connection, messages: list[Message]) -> None:
        for message in messages:
            for first, last in json.loads(message.payload)["ranges"]:
                self.receipted.update(range(first, last + 1))

    async def stream(self, seconds: float) -> None:
        """Publishes everything over about ``seconds``, then again what is missing, until all is receipted."""
        options = Options(
            host=self.host,
            port=self.port,
            client_id=self.number,
            username=self.number,
            password=self.secret,
            clean_start=True,
            session_expiry_s=0,
            buffer_size=4096,
        )
        connection = await connect(options, self.read)
        await connection.subscribe(receipts_topic(self.number))
        clock = asyncio.get_running_loop().time
        while len(self.receipted) < FIXES:
            due = [
                seq
                for seq in range(1, FIXES + 1)
                if seq not in self.receipted and clock() - self.sent_at.get(seq, -RESEND_S) >= RESEND_S
            ][:10]
            for seq in due:
                self.sent_at[seq] = clock()
                await connection.deliver(positions_topic(self.number), self.payloads[seq - 1])
            await asyncio.sleep(seconds * 10 / FIXES)
        await connection.disconnect()


@dataclass
class Member:
    """An ingest process that is started again whenever it ends, as the supervisor does."""

    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.telemetry.consumers.ingest"],
                env=self.environment,
                cwd=PROJECT,
                stdout=sink,
                stderr=sink,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    def end(self) -> None:
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.kill()


@pytest.fixture
def cluster() -> Iterator[tuple[Cluster, dict[str, str]]]:
    """A cluster of this test's own, with the telemetry schema, that may be stopped at will."""
    with scratch_directory() as directory:
        found = Cluster(directory / "postgres", unused_port(), secrets.token_hex(8))
        found.create()
        found.start()
        passwords = {role: secrets.token_hex(8) for role in ROLES}
        found.create_database("faults", passwords)
        urls = found.urls("faults", passwords)
        migrate(urls, ["telemetry"])
        try:
            yield found, urls
        finally:
            found.remove()


@pytest.fixture
def broker() -> Iterator[RunningBroker]:
    with scratch_directory() as directory, running_broker(directory / "broker") as found:
        yield found


@pytest.fixture
def member(
    cluster: tuple[Cluster, dict[str, str]], broker: RunningBroker, tmp_path: Path
) -> Iterator[Member]:
    values = settings_values(cluster[1], "telemetry_worker", tmp_path)
    private = tmp_path / "secrets"
    private.mkdir()
    (private / "telemetry_database_url").write_text(values["database_url"])
    (private / "telemetry_service_key").write_text(values["service_key"])
    (private / "telemetry_mqtt_password").write_text(broker.ingest_password)
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "FREIGHT_SECRETS_DIR": str(private),
        "TELEMETRY_SERVICE_KEYS_FILE": str(values["service_keys_file"]), "TELEMETRY_PORT": str(unused_port()),
        "TELEMETRY_MQTT_HOST": broker.host, "TELEMETRY_MQTT_PORT": str(broker.port),
        "TELEMETRY_RECEIPT_PERIOD_S": "0.2",
    }  # fmt: skip
    found = Member(environment, tmp_path / "ingest.log")
    found.start()
    yield found
    found.end()


async def make_devices(urls: dict[str, str], broker: RunningBroker) -> list[Device]:
    """Terminals in the table and in the broker's password file."""
    found = [Device(f"KILL-{n}", new_secret(), broker.host, broker.port) for n in range(TERMINALS)]
    connection = await asyncpg.connect(urls["superuser"])
    await connection.executemany(
        "INSERT INTO telemetry.terminals"
        " (id, terminal_number, enterprise_id, secret_verifier, created_at, status)"
        " VALUES ($1, $2, $1, '', now(), 'active')",
        [(uuid4(), device.number) for device in found],
    )
    await connection.close()
    lines = [(device.number, verifier(device.secret)) for device in found]
    broker.files.passwords.write_text(password_text(broker.platform_lines, lines))
    broker.reload()
    return found


async def kill_at_random(cluster: Cluster, member: Member) -> None:
    """Five kills of ingest and three immediate stops of PostgreSQL, in random order, about a second apart."""
    faults = ["ingest"] * INGEST_KILLS + ["database"] * DATABASE_KILLS
    random.shuffle(faults)
    for fault in faults:
        await asyncio.sleep(random.uniform(0.8, 1.6))
        if fault == "ingest":
            await asyncio.to_thread(member.kill)
            member.start()
        else:
            await asyncio.to_thread(cluster.stop, "immediate")
            await asyncio.to_thread(cluster.start)


@contextlib.asynccontextmanager
async def rows(urls: dict[str, str]) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(urls["superuser"])
    try:
        yield connection
    finally:
        await connection.close()


async def test_nothing_receipted_is_missing_and_nothing_is_twice(
    cluster: tuple[Cluster, dict[str, str]], broker: RunningBroker, member: Member
) -> None:
    postgres, urls = cluster
    devices = await make_devices(urls, broker)
    streams = [asyncio.create_task(device.stream(8.0)) for device in devices]
    await kill_at_random(postgres, member)
    try:
        async with asyncio.timeout(30):  # all converge within 30 s of the last fault
            await asyncio.gather(*streams)
    except (TimeoutError, MqttError) as error:
        missing = sum(FIXES - len(device.receipted) for device in devices)
        raise AssertionError(f"{missing} not receipted: {member.log.read_text()[-3000:]}") from error
    async with rows(urls) as connection:

        async def is_folded() -> bool:
            return not await connection.fetchval("SELECT count(*) FROM telemetry.ingest_batches")

        await eventually(is_folded)
        stored = await connection.fetch(
            "SELECT terminal_number, array_agg(seq ORDER BY seq) AS seqs FROM telemetry.positions"
            " JOIN telemetry.terminals USING (terminal_key) GROUP BY 1"
        )
        assert {row["terminal_number"]: row["seqs"] for row in stored} == {
            device.number: list(range(1, FIXES + 1)) for device in devices
        }
        behind = await connection.fetchval(
            "SELECT count(*) FROM telemetry.terminals t"
            " LEFT JOIN telemetry.latest_positions l USING (terminal_key)"
            " WHERE l.time IS DISTINCT FROM"
            " (SELECT max(time) FROM telemetry.positions p WHERE p.terminal_key = t.terminal_key)"
        )
        assert behind == 0
        sums = await connection.fetchrow(
            "SELECT sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicate,"
            " sum(quarantined) AS quarantined FROM telemetry.ingest_accounting"
        )
        assert sums is not None
        assert sums["stored"] == TERMINALS * FIXES
        assert sums["quarantined"] == 0
        assert sums["received"] == sums["stored"] + sums["duplicate"]
