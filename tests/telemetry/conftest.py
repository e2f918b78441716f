"""The telemetry service as its users meet it, against a real broker and PostgreSQL."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from services.shared.mqtt import Connection, Message, Options, connect
from services.telemetry.consumers.broker_agent import BrokerAgent
from services.telemetry.consumers.ingest import Ingest
from services.telemetry.settings import BrokerAgentSettings, IngestSettings
from tests.factories import telemetry as factories
from tests.support.broker import RunningBroker, broker  # noqa: F401  a fixture
from tests.support.waiting import eventually


@dataclass
class Service:
    """Everything a test of the service touches."""

    api: httpx.AsyncClient
    broker: RunningBroker
    superuser: "asyncpg.Connection[asyncpg.Record]"
    urls: dict[str, str]
    directory: Path

    async def count(self, query: str, *values: Any) -> int:
        """First column of the first row."""
        return int(await self.superuser.fetchval(query, *values))

    async def stored(self, number: str) -> int:
        """Positions stored of a terminal."""
        return await self.count(
            "SELECT count(*) FROM telemetry.positions JOIN telemetry.terminals USING (terminal_key)"
            " WHERE terminal_number = $1",
            number,
        )


@dataclass
class Device:
    """A provisioned terminal with its connection and the receipts it has read."""

    number: str
    topic: str
    connection: Connection
    received: list[Message]


async def provision(service: Service, number: str, enterprise_id: UUID, **fields: Any) -> dict[str, Any]:
    """Provisions a terminal through the API."""
    answer = await service.api.post(
        "/v1/terminals",
        json={"terminal_number": number, **fields},
        headers=factories.headers(enterprise_id=enterprise_id),
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@contextlib.asynccontextmanager
async def device(service: Service, credential: dict[str, Any]) -> AsyncIterator[Device]:
    """Connects as a terminal and reads its receipts."""
    received: list[Message] = []
    options = Options(
        host=service.broker.host, port=service.broker.port, client_id=credential["username"],
        username=credential["username"], password=credential["password"], clean_start=True,
        session_expiry_s=0, buffer_size=4096,
    )  # fmt: skip
    connection = await connect(options, lambda _, messages: received.extend(messages))
    await connection.subscribe(credential["receipts_topic"])
    try:
        yield Device(credential["terminal_number"], credential["topic"], connection, received)
    finally:
        if not connection.closed.done():
            await connection.disconnect()


@pytest.fixture(scope="module")
async def service(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    broker: RunningBroker,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Service]:
    """API, broker agent and ingest, running."""
    directory = tmp_path_factory.mktemp("telemetry")
    values = factories.settings_values(database_urls, "telemetry_worker", directory)
    agent = BrokerAgent(
        BrokerAgentSettings(
            **values,
            broker_passwords="\n".join(broker.platform_lines),
            broker_password_file=broker.files.passwords,
            broker_acl_file=broker.files.acl,
            broker_pid_file=broker.pid_file,
            broker_database_file=broker.files.database,
            reload_period_s=0.1,
        )
    )
    ingest = Ingest(
        IngestSettings(
            **values,
            mqtt_password=broker.ingest_password,
            mqtt_host=broker.host,
            mqtt_port=broker.port,
            receipt_period_s=0.2,
        )
    )
    stop = asyncio.Event()
    tasks = [asyncio.create_task(agent.run(stop)), asyncio.create_task(ingest.run(stop))]
    superuser = await asyncpg.connect(database_urls["superuser"])

    async def is_ready() -> bool:
        for task in tasks:
            assert not task.done(), task.exception()
        return agent.is_current and all(session.is_open for session in ingest.sessions.values())

    await eventually(is_ready)
    async with factories.api(database_urls, directory) as api:
        yield Service(api, broker, superuser, database_urls, directory)
    stop.set()
    await asyncio.gather(*tasks)
    await superuser.close()
