"""An authenticated rogue (reliability.md S2) reads and writes only its own and steals nothing of ingest."""

import asyncio
import contextlib
import json
import socket
from typing import Any
from uuid import UUID

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from services.shared.mqtt import Connection, Message, MqttError, Options, connect
from services.telemetry.domain.topics import SHARDS
from tests.factories.telemetry import add_enterprise, fix
from tests.support.waiting import eventually, until
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


async def test_an_oversize_packet_ends_its_sender_and_is_counted(
    service: Service, enterprise_id: UUID
) -> None:
    credential = await provision(service, "BIG", enterprise_id)
    async with device(service, credential) as found:
        with pytest.raises(MqttError):
            await found.connection.deliver(found.topic, b" " * (64 * 1024 + 1))
    log = service.broker.files.directory / "broker.log"

    async def is_counted() -> bool:
        # The broker closes the socket before it writes its line.
        return log.read_text().count("Client BIG disconnected due to oversize packet.") == 1

    await eventually(is_counted)
    async with device(service, credential) as found:
        assert await found.connection.deliver(found.topic, json.dumps(fix()).encode()) == 0


async def test_neither_retained_messages_nor_wills_reach_another(
    service: Service, enterprise_id: UUID
) -> None:
    rogue = await provision(service, "ROGUE-4", enterprise_id)
    honest = await provision(service, "HONEST-4", enterprise_id)
    async with device(service, honest) as victim:
        await victim.connection.subscribe(victim.topic.replace("positions", "commands"))
        base = victim.topic.removesuffix("/positions")
        for topic in (f"{base}/commands", f"{base}/receipts", f"{base}/positions"):
            await asyncio.to_thread(leave_will, service, rogue, topic)
            await asyncio.to_thread(leave_retained, service, rogue, topic)
        assert victim.received == []
    async with device(service, honest) as victim:
        await victim.connection.subscribe(victim.topic.replace("positions", "commands"))
        assert await victim.connection.deliver(victim.topic, json.dumps(fix(seq=1)).encode()) == 0

        async def has_its_receipt() -> bool:
            return bool(victim.received)

        await eventually(has_its_receipt)
        assert [json.loads(message.payload)["ranges"] for message in victim.received] == [[[1, 1]]]
    assert await service.stored("HONEST-4") == 1


def leave_will(service: Service, credential: dict[str, Any], topic: str) -> None:
    """Connect with a will on a topic and vanish without a word, so that the broker publishes it."""
    client = rogue_client(credential)
    client.will_set(topic, json.dumps(fix(20)), qos=1, retain=True)
    client.connect(service.broker.host, service.broker.port)
    client.loop_start()
    until(client.is_connected)
    client.loop_stop()
    connection = client.socket()
    assert isinstance(connection, socket.socket)
    connection.shutdown(socket.SHUT_RDWR)


def leave_retained(service: Service, credential: dict[str, Any], topic: str) -> None:
    """Publish a retained message to a topic."""
    client = rogue_client(credential)
    client.connect(service.broker.host, service.broker.port)
    client.loop_start()
    until(client.is_connected)
    client.publish(topic, json.dumps(fix(20)), qos=1, retain=True).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def rogue_client(credential: dict[str, Any]) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, credential["username"], protocol=paho.MQTTv5)
    client.username_pw_set(credential["username"], credential["password"])
    return client


async def test_what_the_platform_sends_to_one_reaches_nobody_else(
    service: Service, enterprise_id: UUID
) -> None:
    rogue = await provision(service, "ROGUE-5", enterprise_id)
    honest = await provision(service, "HONEST-5", enterprise_id)
    shard = honest["topic"].split("/")[1]
    commands = honest["topic"].replace("positions", "commands")
    async with device(service, rogue) as thief, device(service, honest) as victim:
        for topic_filter in (*FILTERS, commands, honest["receipts_topic"]):
            with contextlib.suppress(MqttError):
                await thief.connection.subscribe(topic_filter)
        await victim.connection.subscribe(commands)
        platform = platform_client(service, shard)
        await asyncio.to_thread(send_command, platform, service, commands)

        async def has_its_command() -> bool:
            return [message.payload for message in victim.received] == [b"stop"]

        await eventually(has_its_command)
        assert thief.received == []


def platform_client(service: Service, shard: str) -> paho.Client:
    return rogue_client({"username": f"ingest-{shard}", "password": service.broker.ingest_password})


def send_command(client: paho.Client, service: Service, topic: str) -> None:
    """As the platform does, over the session of its shard; ingest takes it back afterwards."""
    client.connect(service.broker.host, service.broker.port, clean_start=False)
    client.loop_start()
    until(client.is_connected)
    client.publish(topic, b"stop", qos=1).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def _ignore(_: Connection, __: list[Message]) -> None:
    return None
