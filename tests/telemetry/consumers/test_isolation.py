"""An authenticated rogue (reliability.md S2) reads and writes only its own and steals nothing of ingest."""

import asyncio
import json
from uuid import UUID

import pytest

from services.shared.mqtt import Connection, Message, MqttError, Options, connect
from services.telemetry.domain.topics import SHARDS
from tests.factories.telemetry import add_enterprise, fix
from tests.support.waiting import eventually
from tests.telemetry.conftest import Service, device, provision

MESSAGES = 1000
FILTERS = (
    "#", "+/+/+/+", "v1/#", "v1/+/+/positions", "v1/+/+/commands", "v1/+/+/receipts", "$SYS/#", "$CONTROL/#",
    *(f"$share/{group}/v1/{shard}/+/positions" for group in ("ing", "ingest-0") for shard in SHARDS),
    "$share/ing/v1/+/+/positions",
)  # fmt: skip


@pytest.fixture(scope="module")
async def enterprise_id(service: Service) -> UUID:
    return await add_enterprise(service.superuser)


async def test_a_rogue_in_every_share_group_gets_none_and_ingest_all(
    service: Service, enterprise_id: UUID
) -> None:
    rogue = await provision(service, "ROGUE", enterprise_id)
    honest = await provision(service, "HONEST", enterprise_id)
    async with device(service, rogue) as thief, device(service, honest) as found:
        for topic_filter in FILTERS:
            try:
                await thief.connection.subscribe(topic_filter)
            except MqttError:
                continue  # refused is as good
        for start in range(0, MESSAGES, 50):
            bodies = [json.dumps(fix(MESSAGES - n, seq=n)).encode() for n in range(start, start + 50)]
            await asyncio.gather(*(found.connection.deliver(found.topic, body) for body in bodies))

        async def is_all_there() -> bool:
            return await service.stored("HONEST") == MESSAGES

        await eventually(is_all_there, 20)
        assert thief.received == []


NOT_ITS_OWN = (
    "v1/{shard}/HONEST-2/positions", "v1/{shard}/HONEST-2/commands", "v1/{shard}/HONEST-2/receipts",
    "v1/{shard}/ROGUE-2/receipts", "v1/{shard}/ROGUE-2/commands", "v1/{shard}/ROGUE-2/positions/more",
    "$SYS/broker/uptime", "$CONTROL/dynamic-security/v1",
)  # fmt: skip


async def test_a_rogue_writes_nothing_but_its_own(service: Service, enterprise_id: UUID) -> None:
    rogue = await provision(service, "ROGUE-2", enterprise_id)
    honest = await provision(service, "HONEST-2", enterprise_id)
    async with device(service, honest) as victim:
        shard = victim.topic.split("/")[1]
        for topic in NOT_ITS_OWN:
            async with device(service, rogue) as thief:
                try:
                    reason = await thief.connection.deliver(topic.format(shard=shard), b"{}")
                except MqttError:
                    reason = 0x87  # dropped for it
                assert reason in {0x10, 0x87}, topic
        assert await victim.connection.deliver(victim.topic, json.dumps(fix(seq=1)).encode()) == 0

        async def has_its_receipt() -> bool:
            return bool(victim.received)

        await eventually(has_its_receipt)
        assert [json.loads(message.payload)["ranges"] for message in victim.received] == [[[1, 1]]]
        assert await service.stored("HONEST-2") == 1


async def test_a_rogue_cannot_take_over_a_session(service: Service, enterprise_id: UUID) -> None:
    rogue = await provision(service, "ROGUE-3", enterprise_id)
    honest = await provision(service, "HONEST-3", enterprise_id)
    async with device(service, honest) as found:
        for client_id in ("HONEST-3", "ingest-0"):
            options = Options(
                host=service.broker.host, port=service.broker.port, client_id=client_id, username="ROGUE-3",
                password=rogue["password"], clean_start=True, session_expiry_s=0,
            )  # fmt: skip
            try:
                taken = await connect(options, _ignore)
            except MqttError:
                continue
            await taken.disconnect()
        assert await found.connection.deliver(found.topic, json.dumps(fix()).encode()) == 0

    async def is_there() -> bool:
        return await service.stored("HONEST-3") == 1

    await eventually(is_there)


async def test_an_oversize_message_is_refused_and_a_larger_one_ends_its_sender(
    service: Service, enterprise_id: UUID
) -> None:
    credential = await provision(service, "BIG", enterprise_id)
    async with device(service, credential) as found:
        assert await found.connection.deliver(found.topic, b" " * (64 * 1024 + 1)) >= 0x80
        with pytest.raises(MqttError):
            await found.connection.deliver(found.topic, b" " * 80_000)
    async with device(service, credential) as found:
        assert await found.connection.deliver(found.topic, json.dumps(fix()).encode()) == 0


def _ignore(_: Connection, __: list[Message]) -> None:
    return None
