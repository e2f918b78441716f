"""What is passed on over MQTT: OwnTracks, bridges with Traccar's and EMQX's JSON; commands and answers."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from services.shared.mqtt import MqttError
from services.telemetry.consumers import assembling, commands
from services.telemetry.domain import fixes
from services.telemetry.domain.topics import commands_topic
from tests.factories.telemetry import add_enterprise, fix, headers, leave_open, moment
from tests.support.waiting import eventually
from tests.telemetry.conftest import Device, Service, device, provision
from tests.telemetry.domain.test_documents import EMQX, OWNTRACKS, TRACCAR


@pytest.fixture(scope="module")
async def enterprise_id(service: Service) -> UUID:
    return await add_enterprise(service.superuser)


async def send(found: Device, document: Any, topic: str | None = None) -> int:
    return await found.connection.deliver(topic or found.topic, json.dumps(document).encode())


async def reasons(service: Service, number: str) -> list[str]:
    rows = await service.superuser.fetch(
        "SELECT reason FROM telemetry.quarantined_positions WHERE terminal_number = $1 ORDER BY reason",
        number,
    )
    return [row[0] for row in rows]


async def is_stored(service: Service, **expected: int) -> None:
    async def holds() -> bool:
        return {number: await service.stored(number) for number in expected} == expected

    await eventually(holds)


def traccar(number: str, seconds_ago: float) -> dict[str, Any]:
    at = moment(seconds_ago).isoformat()
    return {
        "position": {**TRACCAR["position"], "fixTime": at},
        "device": {**TRACCAR["device"], "uniqueId": number},
    }


def emqx(number: str, seconds_ago: float) -> dict[str, Any]:
    at = moment(seconds_ago + 8 * -3600).strftime("%y%m%d%H%M%S")  # GMT+8
    return {"header": {**EMQX["header"], "phone": number}, "body": {**EMQX["body"], "time": at}}


async def test_owntracks_on_its_own_topic(service: Service, enterprise_id: UUID) -> None:
    credential = await provision(service, "OT-1", enterprise_id, kind="owntracks")
    async with device(service, credential) as found:
        await send(found, {**OWNTRACKS, "tst": int(moment(10).timestamp())})
        await send(found, {"_type": "lwt", "tst": "1440363922"})
        await send(found, {**OWNTRACKS, "tst": int(moment(10).timestamp()), "lat": 91})
        await send(found, fix(5))
        await is_stored(service, **{"OT-1": 2})
    assert await reasons(service, "OT-1") == ["out_of_range"]


async def test_no_message_holds_up_the_others(service: Service, enterprise_id: UUID) -> None:
    """What neither JSON nor PostgreSQL can hold is refused; what comes behind it is stored."""
    bridge = await provision(service, "BRIDGE-TEXT", enterprise_id, kind="bridge")
    credential = await provision(service, "TEXT-1", enterprise_id)
    async with device(service, bridge) as found:
        for number in ("\0", "\ud800", "A B"):
            await send(found, traccar(number, 10))
        await send(found, traccar("TEXT-1", 9))
        await is_stored(service, **{"TEXT-1": 1})
    async with device(service, credential) as found:
        await send(found, fix(8, time="\ud800"))
        await send(found, fix(8, load_state="\ud800"))
        await send(found, {"position": {"speed": 10**400}, "device": {"uniqueId": "TEXT-1"}})
        await send(found, {**OWNTRACKS, "tst": "\ud800"})
        await send(found, fix(5))
        await is_stored(service, **{"TEXT-1": 2})
    assert await reasons(service, "BRIDGE-TEXT") == ["unknown_terminal"] * 3
    assert len(await reasons(service, "TEXT-1")) == 4


async def test_what_the_platform_itself_fails_over_is_kept(
    service: Service, enterprise_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(payload: bytes, now_ms: int) -> Any:
        if b"unheard" in payload:
            raise ZeroDivisionError
        return fixes.decode(payload, now_ms)

    monkeypatch.setattr(assembling, "decode", failing)
    async with device(service, await provision(service, "FAIL-1", enterprise_id)) as found:
        await send(found, fix(8, unheard=1))
        await send(found, fix(7))
        await is_stored(service, **{"FAIL-1": 1})
    assert await reasons(service, "FAIL-1") == ["undecodable"]


async def test_a_bridge_passes_on_its_own_firms_terminals_only(service: Service, enterprise_id: UUID) -> None:
    other = await add_enterprise(service.superuser)
    bridge = await provision(service, "BRIDGE-1", enterprise_id, kind="bridge")
    await provision(service, "13900000101", enterprise_id, kind="jt808")
    await provision(service, "TRACCAR-1", enterprise_id)
    await provision(service, "13900000102", other, kind="jt808")
    async with device(service, bridge) as found:
        await send(found, traccar("TRACCAR-1", 10))
        await send(found, emqx("013900000101", 10), "jt808/BRIDGE-1/013900000101/up")
        await send(found, emqx("13900000101", 9))
        # Foreign, unknown, in another's name, without one, in an unknown form.
        await send(found, emqx("13900000102", 10), "jt808/BRIDGE-1/13900000102/up")
        await send(found, traccar("NOBODY-1", 10))
        await send(found, emqx("13900000101", 8), "jt808/BRIDGE-1/13900000103/up")
        await send(found, emqx("13900000999", 7), "jt808/BRIDGE-1/13900000101/up")
        await send(found, OWNTRACKS)
        await send(found, {"x": 1}, "jt808/BRIDGE-1/13900000101/up")
        await is_stored(service, **{"TRACCAR-1": 1, "13900000101": 2, "13900000102": 0})

        async def is_filed() -> bool:
            return len(await reasons(service, "BRIDGE-1")) == 5

        await eventually(is_filed)
    assert await reasons(service, "BRIDGE-1") == ["unknown_format", *["unknown_terminal"] * 4]
    assert await reasons(service, "13900000101") == ["wrong_terminal"]
    row = await service.superuser.fetchrow(
        "SELECT alarm_bits, status_bits, cargo_temp_c FROM telemetry.positions JOIN telemetry.terminals"
        " USING (terminal_key) WHERE terminal_number = '13900000101' LIMIT 1"
    )
    assert row is not None
    assert tuple(row) == (2, 0x103, -18)
    alarms = "SELECT count(*) FROM telemetry.terminal_alarms"
    assert await service.count(alarms) == 2


async def test_who_is_no_bridge_passes_nothing_on(service: Service, enterprise_id: UUID) -> None:
    rogue = await provision(service, "ROGUE-1", enterprise_id)
    await provision(service, "VICTIM-1", enterprise_id)
    await provision(service, "13900000201", enterprise_id, kind="jt808")
    async with device(service, rogue) as found:
        await send(found, traccar("VICTIM-1", 10))
        await send(found, emqx("13900000201", 10), "jt808/ROGUE-1/13900000201/up")
        await send(found, emqx("13900000201", 10), "jt808/BRIDGE-1/13900000201/up")  # the broker drops it
        await send(found, traccar("ROGUE-1", 10))
        await is_stored(service, **{"ROGUE-1": 1, "VICTIM-1": 0, "13900000201": 0})
    assert await reasons(service, "ROGUE-1") == ["not_a_bridge", "wrong_terminal"]


async def test_an_808_terminal_has_no_account_at_the_broker(service: Service, enterprise_id: UUID) -> None:
    credential = await provision(service, "13900000301", enterprise_id, kind="jt808")
    assert credential["topic"] is None
    with pytest.raises(MqttError):
        async with device(service, {**credential, "receipts_topic": "v1/0/13900000301/receipts"}):
            pass


async def test_commands_over_mqtt(
    service: Service, enterprise_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "RETRY_S", 1.0)
    credential = await provision(service, "CMD-1", enterprise_id)
    other = await provision(service, "CMD-2", enterprise_id)
    mine = headers(enterprise_id=enterprise_id)
    path = f"/v1/terminals/{credential['id']}/commands"

    async def command() -> dict[str, Any]:
        found: dict[str, Any] = (await service.api.get(path, headers=mine)).json()["items"][0]
        return found

    body = {"kind": "text", "text": "请到一号门", "urgent": True}
    created = await service.api.post(path, json=body, headers=mine)
    assert (created.status_code, created.json()["status"]) == (201, "queued")
    await asyncio.sleep(1.5)
    assert (await command())["status"] == "queued", "nobody is subscribed"
    async with device(service, credential) as found:
        await found.connection.subscribe(commands_topic("CMD-1"))
        told = [json.loads(message.payload) for message in found.received]

        async def is_told() -> bool:
            told[:] = [json.loads(m.payload) for m in found.received if m.topic.endswith(b"/commands")]
            return bool(told)

        await eventually(is_told)
        assert told == [{"command_id": created.json()["id"], **body}]

        async def is_delivered() -> bool:
            return bool((await command())["status"] == "delivered")

        await eventually(is_delivered)
        async with device(service, other) as foreign:
            await send(foreign, {"command_id": created.json()["id"], "result": 0})
            await send(foreign, fix(3))
            await is_stored(service, **{"CMD-2": 1})
        assert (await command())["status"] == "delivered", "nobody answers for another one"
        await send(found, {"command_id": created.json()["id"], "result": 1})

        async def is_answered() -> bool:
            return bool((await command())["result"] == "failed")

        await eventually(is_answered)


async def test_a_terminal_that_does_not_listen_keeps_nobodys_commands_back(
    service: Service, enterprise_id: UUID
) -> None:
    silent = await provision(service, "CMD-3", enterprise_id)
    await leave_open(service.superuser, UUID(silent["id"]), "queued")
    credential = await provision(service, "CMD-4", enterprise_id)
    async with device(service, credential) as found:
        await found.connection.subscribe(commands_topic("CMD-4"))
        body = {"kind": "interval", "interval_s": 30}
        path = f"/v1/terminals/{credential['id']}/commands"
        created = await service.api.post(path, json=body, headers=headers(enterprise_id=enterprise_id))
        assert created.status_code == 201

        async def is_told() -> bool:
            return any(message.topic.endswith(b"/commands") for message in found.received)

        await eventually(is_told)
