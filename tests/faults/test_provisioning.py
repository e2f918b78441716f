"""Provisioning at size, and what rotation and revocation do to others: nothing (reliability.md S3)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.shared.clock import utc_now
from services.shared.mqtt import MqttError
from services.shared.schemas import format_instant
from services.telemetry.consumers.device import Credential, Device
from tests.support.measured import tell
from tests.support.telemetry_stage import Stage

MANY = 20_000
MANY_WITHIN_S = 30.0
DROPPED_WITHIN_S = 5.0
HONEST = 300
GROWTH_MB = 60


@pytest.fixture(scope="module")
async def enterprise_id(stage: Stage) -> UUID:
    return await stage.enterprise()


async def provision(
    api: httpx.AsyncClient, prefix: str, count: int, key: str | None = None
) -> httpx.Response:
    body = {"terminals": [{"terminal_number": f"{prefix}-{number:05d}"} for number in range(count)]}
    headers = {"Idempotency-Key": key} if key else {}
    return await api.post("/v1/terminal-batches", json=body, headers=headers)


def fix(seconds_ago: float = 5.0) -> dict[str, Any]:
    at = format_instant(utc_now() - timedelta(seconds=seconds_ago))
    return {"time": at, "lon": 122.07, "lat": 41.12}


@asynccontextmanager
async def honest_terminals(stage: Stage, enterprise_id: UUID, prefix: str) -> AsyncIterator[list[Device]]:
    """Connected terminals, each of which must have needed one connection only in the end."""
    found = [
        Device(credential, stage.broker.host, stage.broker.port)
        for credential in await stage.provision(enterprise_id, [f"{prefix}-{n}" for n in range(HONEST)])
    ]
    await asyncio.gather(*(device.open() for device in found))
    yield found
    for device in found:
        device.record(fix())
    await asyncio.gather(*(device.publish() for device in found))
    assert [device.ledger.connections for device in found] == [1] * HONEST
    assert all(device.is_connected for device in found)
    await asyncio.gather(*(device.close() for device in found))


async def test_twenty_thousand_are_active_at_the_broker_within_thirty_seconds(
    stage: Stage, enterprise_id: UUID
) -> None:
    async with honest_terminals(stage, enterprise_id, "BEFORE"), stage.client(enterprise_id) as api:
        began = time.monotonic()
        answer = await provision(api, "MANY", MANY, "many")
        assert answer.status_code == 201, answer.text[:1000]
        items = answer.json()["items"]
        last = Device(Credential.of(items[-1]), stage.broker.host, stage.broker.port)
        await last.open()
        seconds = time.monotonic() - began
        tell(f"{MANY} terminals active at the broker in {seconds:.1f} s")
        await last.close()
        assert seconds <= MANY_WITHIN_S
        assert len({item["password"] for item in items}) == MANY

        resident = stage["api"].resident_bytes(), stage["broker-agent"].resident_bytes()
        again = await provision(api, "MANY", MANY, "many")
        assert again.status_code == 201
        assert again.headers["idempotent-replay"] == "true"
        assert [item.get("password") for item in again.json()["items"]] == [None] * MANY
        assert (await provision(api, "MANY", MANY)).status_code == 409
        assert (await provision(api, "OVER", MANY + 1)).status_code == 422
        assert (await provision(api, "MORE", MANY)).status_code == 201
        grown = (
            stage["api"].resident_bytes() - resident[0],
            stage["broker-agent"].resident_bytes() - resident[1],
        )
        tell(f"memory grown by the second twenty thousand: {[size >> 20 for size in grown]} MiB")
        assert max(grown) < GROWTH_MB << 20
    async with stage.superuser() as connection:
        assert await connection.fetchval("SELECT count(*) FROM telemetry.terminals") == 2 * MANY + HONEST


async def test_rotation_and_revocation_end_one_connection_and_no_other(
    stage: Stage, enterprise_id: UUID
) -> None:
    async with honest_terminals(stage, enterprise_id, "BESIDE"), stage.client(enterprise_id) as api:
        body = {"terminals": [{"terminal_number": "ROTATED"}, {"terminal_number": "REVOKED"}]}
        items = (await api.post("/v1/terminal-batches", json=body)).json()["items"]
        rotated, revoked = (
            Device(Credential.of(item), stage.broker.host, stage.broker.port) for item in items
        )
        for device, item, action in zip(
            (rotated, revoked), items, ("credential-rotation", "revocation"), strict=True
        ):
            connection = await device.open()
            began = time.monotonic()
            answer = await api.post(f"/v1/terminals/{item['id']}/{action}")
            assert answer.is_success, answer.text
            async with asyncio.timeout(DROPPED_WITHIN_S):
                await connection.closed
            tell(
                f"{action}: live connection dropped {time.monotonic() - began:.2f} s after the request began"
            )
            with pytest.raises(MqttError):
                await device.open()
            if action == "credential-rotation":
                fresh = Device(Credential.of(answer.json()), stage.broker.host, stage.broker.port)
                await fresh.open()
                fresh.record(fix())
                await fresh.publish()
                await fresh.close()


async def test_a_broker_that_was_away_reads_what_was_changed_meanwhile(
    stage: Stage, enterprise_id: UUID
) -> None:
    """Revoked while the broker was down: refused when it is back, whatever sessions it has kept."""
    (credential, kept) = await stage.provision(enterprise_id, ["GONE-1", "KEPT-1"])
    stage.broker.kill()
    async with stage.client(enterprise_id) as api:
        listed = (await api.get("/v1/terminals", params={"terminal_number": "GONE-1"})).json()["items"]
        answer = await api.post(f"/v1/terminals/{listed[0]['id']}/revocation")
        assert answer.status_code == 204, answer.text
    stage.broker.start()
    with pytest.raises(MqttError):
        await Device(credential, stage.broker.host, stage.broker.port).open()
    device = Device(kept, stage.broker.host, stage.broker.port)
    await device.open()
    await device.close()
