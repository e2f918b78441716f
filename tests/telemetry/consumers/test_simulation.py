"""Simulated terminals against a real broker: everything that goes wrong at once, and all is conserved."""

import asyncio
from uuid import UUID

import pytest

from services.telemetry.consumers import device as devices
from services.telemetry.consumers.device import Credential, Device
from services.telemetry.consumers.simulation import Plan, Simulation, settle
from services.telemetry.domain.mishaps import KINDS
from tests.factories.telemetry import add_enterprise, fix, headers
from tests.support.waiting import eventually
from tests.telemetry.conftest import Service

TERMINALS = 40


@pytest.fixture(scope="module")
async def enterprise_id(service: Service) -> UUID:
    return await add_enterprise(service.superuser)


async def credentials(service: Service, enterprise_id: UUID, prefix: str, count: int) -> list[Credential]:
    answer = await service.api.post(
        "/v1/terminal-batches",
        json={"terminals": [{"terminal_number": f"{prefix}-{n}"} for n in range(count)]},
        headers=headers(enterprise_id=enterprise_id),
    )
    assert answer.status_code == 201, answer.text
    return [Credential.of(item) for item in answer.json()["items"]]


async def test_with_every_mishap_each_fix_is_receipted_and_stored_once(
    service: Service, enterprise_id: UUID
) -> None:
    found = [
        Device(item, service.broker.host, service.broker.port, resend_s=1.0)
        for item in await credentials(service, enterprise_id, "SIM", TERMINALS)
    ]
    run = Simulation(found, Plan(0.1, 5.0, 20.0, KINDS, seed=3))
    await run.open_all()
    assert run.connected == TERMINALS
    await run.drive(asyncio.Event())
    await run.settle()
    assert run.waiting == 0
    await run.close()
    rows = await service.superuser.fetch(
        "SELECT terminal_number, count(*) AS rows, count(DISTINCT (boot, seq)) AS distinct,"
        " count(DISTINCT boot) AS boots"
        " FROM telemetry.positions JOIN telemetry.terminals USING (terminal_key)"
        " WHERE enterprise_id = $1 GROUP BY 1",
        enterprise_id,
    )
    stored = {row["terminal_number"]: (row["rows"], row["distinct"]) for row in rows}
    assert stored == {
        one.credential.terminal_number: (one.ledger.recorded, one.ledger.recorded) for one in found
    }
    assert max(row["boots"] for row in rows) > 1, "no terminal has restarted"
    assert sum(one.ledger.connections for one in found) > TERMINALS, "no terminal was in a tunnel"
    assert sum(one.ledger.sent for one in found) > sum(one.ledger.recorded for one in found), "no duplicate"


async def test_a_full_memory_loses_the_oldest_and_says_so(
    service: Service, enterprise_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "CAPACITY", 100)
    (credential,) = await credentials(service, enterprise_id, "FULL", 1)
    found = Device(credential, service.broker.host, service.broker.port, boot=1)
    for number in range(250):
        found.record(fix(1000 - number))
    assert (found.waiting, found.ledger.overwritten) == (100, 150)
    await settle(found, 10.0)
    await found.close()
    assert (found.waiting, found.ledger.receipted) == (0, 100)
    kept = await service.count(
        "SELECT min(seq) FROM telemetry.positions JOIN telemetry.terminals USING (terminal_key)"
        " WHERE terminal_number = 'FULL-0'"
    )
    assert kept == 151


async def test_what_is_not_receipted_goes_again_ever_seldomer_and_after_a_reconnection_at_once(
    service: Service, enterprise_id: UUID
) -> None:
    (credential,) = await credentials(service, enterprise_id, "AGAIN", 1)
    # The broker takes the message and nobody answers: a receipt goes to a topic it has not subscribed.
    deaf = credential._replace(receipts_topic=credential.topic.replace("positions", "commands"))
    found = Device(deaf, service.broker.host, service.broker.port, resend_s=0.5)
    found.record(fix())
    await found.publish()
    await found.publish()
    assert found.ledger.sent == 1
    await asyncio.sleep(0.6)
    await found.publish()
    assert (found.ledger.sent, found.waiting) == (2, 1)
    await asyncio.sleep(0.6)
    await found.publish()
    assert found.ledger.sent == 2, "the pause has not grown"
    found.hang_up()
    await found.publish()
    assert (found.ledger.sent, found.ledger.connections) == (3, 2)
    await found.close()

    async def is_stored_once() -> bool:
        return await service.stored("AGAIN-0") == 1

    await eventually(is_stored_once)
