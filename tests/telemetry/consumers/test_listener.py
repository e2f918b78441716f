"""JT/T 808 terminals over TCP into PostgreSQL: admitted, stored once, answered after the commit."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.telemetry.domain.broker_files import is_secret
from tests.factories import jt808
from tests.factories import telemetry as factories
from tests.support.jt808_device import Device808, device808
from tests.support.jt808_platform import Platform, listening
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
async def platform(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Platform]:
    async with listening(database_urls, tmp_path_factory.mktemp("listener")) as found:
        yield found


def recently(seconds_ago: float = 60) -> datetime:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).replace(microsecond=0)


@pytest.mark.parametrize("is_2019", [False, True])
async def test_a_report_is_stored_with_all_it_says_and_answered(platform: Platform, is_2019: bool) -> None:
    terminal = await platform.provision()
    at = recently()
    extra = {0x01: struct.pack("!I", 123_456), 0x06: struct.pack("!h", -180), 0x30: b"\x19"}
    body = jt808.report(at, status=0x0302 | 1, alarm=0x4, altitude_m=65_531, extra=extra)
    number = terminal["terminal_number"]
    async with device808(platform.port, number, terminal["password"], is_2019=is_2019) as device:
        assert await device.result(0x0002) == 0
        assert await device.result(0x0200, body) == 0
        (row,) = await platform.stored(number)
        assert await device.result(0x0200, body) == 0, "a duplicate is finished with"
        assert len(await platform.stored(number)) == 1
    expected = {
        "time": at, "lon": 122.07, "lat": 41.12, "speed_kmh": 36.5, "heading_deg": 90, "altitude_m": -5,
        "mileage_km": 12345.6, "cargo_temp_c": -18, "load_state": 2, "alarm_bits": 4, "status_bits": 0x0303,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    alarms = await platform.superuser.fetch(
        "SELECT time, alarm_bits, status_bits, lon FROM telemetry.terminal_alarms WHERE terminal_key = $1",
        row["terminal_key"],
    )
    assert [tuple(each) for each in alarms] == [(at, 4, 0x0303, 122.07)]


async def test_a_batch_and_what_is_wrong_in_it(platform: Platform) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    reports = [
        jt808.report(recently(30)),
        jt808.report(recently(20), lat=119.55),
        jt808.report(recently(10), status=0, alarm=1),
        jt808.report(datetime(2018, 7, 15, 2, 10, 10, tzinfo=UTC)),
        jt808.report(recently(-600)),
        jt808.report(recently(5), lon=0, lat=0),
        b"short",
        jt808.report(recently(4)),
    ]
    async with device808(platform.port, number, terminal["password"]) as device:
        assert await device.result(0x0704, jt808.batch(reports)) == 0
        assert await device.result(0x0704, b"\0") == 0
        assert await device.result(0x0200, b"\1" * 27) == 0
    assert len(await platform.stored(number)) == 2
    answer = await platform.api.get(
        "/v1/quarantined-positions", params={"terminal_number": number}, headers=platform.headers()
    )
    assert sorted(item["reason"] for item in answer.json()["items"]) == [
        "batch_too_short", "not_positioned", "null_island", "out_of_range", "report_too_short",
        "report_too_short", "time_in_future", "time_too_old",
    ]  # fmt: skip
    alarm = await platform.superuser.fetchrow(
        "SELECT alarm_bits, lon FROM telemetry.terminal_alarms JOIN telemetry.terminals USING (terminal_key)"
        " WHERE terminal_number = $1",
        number,
    )
    assert alarm is not None
    assert tuple(alarm) == (1, None), "the emergency button counts without a position"


async def test_bad_frames_never_stop_a_stream(platform: Platform) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    async with device808(platform.port, number, terminal["password"]) as device:
        good = [device.frame(0x0200, jt808.report(recently(n))) for n in range(1, 4)]
        broken = good[0][:20] + b"\x99" + good[0][21:]
        stream = b"\x00noise" + good[0] + good[1][1:] + broken + bytes(5000) + b"\x7e" + good[2]
        for at in range(0, len(stream), 7):
            device.writer.write(stream[at : at + 7])
            await asyncio.sleep(0)
        while len(device.results) < 4:
            await device.receive()
        assert set(device.results.values()) == {0}
    assert len(await platform.stored(number)) == 3


async def test_nothing_is_taken_of_strangers_or_in_another_name(platform: Platform) -> None:
    one, other = await platform.provision(), await platform.provision()
    number, foreign = one["terminal_number"], other["terminal_number"]
    report = jt808.report(recently())
    async with device808(platform.port, number) as device:
        assert await device.result(0x0200, report) == 1
        assert await device.result(0x0002) == 1
        assert await device.sign_in("wrong") == 1
        assert await device.sign_in(other["password"]) == 1
        assert await device.sign_in("") == 1
        assert await device.ended(), "five refusals are enough"
    async with device808(platform.port, number, one["password"]) as device:
        assert await device.result(0x0200, report, phone=foreign) == 1
        assert await device.result(0x0200, report) == 0
    async with device808(platform.port, "13999999999") as device:
        assert await device.sign_in(one["password"]) == 1
    assert await platform.stored(foreign) == []
    assert len(await platform.stored(number)) == 1
    async with device808(platform.port, number) as device:
        assert await device.ended(), "without a code in time it ends"


async def test_only_the_device_that_was_entered_registers(platform: Platform) -> None:
    vehicle_id = await factories.add_vehicle(platform.superuser, platform.enterprise_id)
    plate = await platform.fetchval("SELECT plate_number FROM telemetry.vehicles WHERE id = $1", vehicle_id)
    terminal = await platform.provision(device_id="PJ00777", vehicle_id=str(vehicle_id))
    number = terminal["terminal_number"]

    async def register(device: Device808, **fields: Any) -> tuple[int, str]:
        message = await device.ask(0x0100, jt808.registration(**{"plate": plate, **fields}))
        assert message.msg_id == 0x8100
        assert struct.unpack("!H", message.body[:2])[0] == device.serial
        return message.body[2], message.body[3:].decode()

    async with device808(platform.port, number) as device:
        assert await register(device, device_id="PJ00778") == (4, "")
        assert await register(device, device_id="PJ00777", plate="辽L00000") == (2, "")
        result, first = await register(device, device_id="PJ00777")
        assert result == 0
        # The answer was lost: it registers again and is given another code.
        result, code = await register(device, device_id="PJ00777", version=2011)
        assert (result, len(code)) == (0, 22)
        assert await device.sign_in(first) == 1
        assert await device.sign_in(code) == 0
    async with device808(platform.port, number) as device:
        assert await register(device, device_id="PJ00777") == (3, ""), "it has used its code"
        assert await device.sign_in(terminal["password"]) == 0, "the provisioned one works as well"
    row = await platform.superuser.fetchrow(
        "SELECT secret_verifier, issued_verifier FROM telemetry.terminals WHERE terminal_number = $1", number
    )
    assert row is not None
    assert code not in row["issued_verifier"]
    assert is_secret(code, row["issued_verifier"])
    async with device808(platform.port, "13999999999") as device:
        assert await register(device, device_id="PJ00777") == (4, ""), "as an unknown number"


async def test_guessing_device_ids_closes_the_registration(platform: Platform) -> None:
    terminal = await platform.provision(device_id="PJ00001")
    async with device808(platform.port, terminal["terminal_number"]) as device:
        for guess in range(5):
            message = await device.ask(0x0100, jt808.registration(device_id=f"GUESS{guess}"))
            assert message.body[2] == 4
        with pytest.raises(ConnectionError):  # five refusals are enough
            await device.ask(0x0100, jt808.registration(device_id="PJ00001"))
    async with device808(platform.port, terminal["terminal_number"]) as device:
        assert (await device.ask(0x0100, jt808.registration(device_id="PJ00001"))).body[2:] == b"\x03"
    path = f"/v1/terminals/{terminal['id']}/credential-rotation"
    assert (await platform.api.post(path, headers=platform.headers())).status_code == 201
    async with device808(platform.port, terminal["terminal_number"]) as device:
        assert (await device.ask(0x0100, jt808.registration(device_id="PJ00001"))).body[2] == 0


async def test_what_may_not_be_provisioned(platform: Platform) -> None:
    for fields in (
        {"terminal_number": "013900000001", "kind": "jt808"},
        {"terminal_number": "LD-1", "kind": "jt808"},
        {"terminal_number": "139" * 8, "kind": "jt808"},
        {"terminal_number": "MQTT-1", "device_id": "PJ00001"},
        {"terminal_number": "MQTT-1", "kind": "owntracks", "protocol_version": 2013},
        {"terminal_number": "13900000009", "kind": "jt808", "protocol_version": 2016},
        {"terminal_number": "13900000009", "kind": "jt808", "device_id": "两个字"},
    ):
        answer = await platform.api.post("/v1/terminals", json=fields, headers=platform.headers())
        assert answer.status_code == 422, answer.text


async def test_a_connection_stays_one_terminals(platform: Platform) -> None:
    one, other = await platform.provision(), await platform.provision()
    foreign = other["terminal_number"]
    async with device808(platform.port, one["terminal_number"], one["password"]) as device:
        code = jt808.authentication(other["password"], 2013)
        assert await device.result(0x0102, code, phone=foreign) == 1
        assert await device.sign_in(one["password"]) == 0
        assert await device.result(0x0002) == 0
        async with device808(platform.port, foreign, other["password"]) as its_own:
            assert await its_own.result(0x0002) == 0
            assert await device.result(0x0002) == 0


async def test_the_newer_connection_stands(platform: Platform) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    async with (
        device808(platform.port, number, terminal["password"]) as old,
        device808(platform.port, number, terminal["password"]) as new,
    ):
        assert await old.ended()
        assert await new.result(0x0002) == 0


@pytest.mark.parametrize("action", ["revocation", "credential-rotation"])
async def test_a_changed_credential_ends_the_connection_within_five_seconds(
    platform: Platform, action: str
) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    async with device808(platform.port, number, terminal["password"]) as device:
        path = f"/v1/terminals/{terminal['id']}/{action}"
        answer = await platform.api.post(path, headers=platform.headers())
        assert answer.status_code in {201, 204}
        async with asyncio.timeout(5):
            assert await device.ended()
    async with device808(platform.port, number) as device:
        assert await device.sign_in(terminal["password"]) == 1
        if action == "credential-rotation":
            assert await device.sign_in(answer.json()["password"]) == 0


async def test_silence_ends_a_connection_and_logout_does(platform: Platform) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    async with device808(platform.port, number, terminal["password"]) as device:
        assert await device.result(0x0003) == 0
        assert await device.ended()
    async with device808(platform.port, number, terminal["password"]) as device:
        assert await device.ended(), "silent for longer than allowed"


async def test_packages_are_answered_when_the_whole_is_stored(platform: Platform) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    body = jt808.batch([jt808.report(recently(n)) for n in range(1, 61)])
    pieces = [body[at : at + 500] for at in range(0, len(body), 500)]
    total = len(pieces)
    async with device808(platform.port, number, terminal["password"]) as device:
        first = device.serial + 1
        sent = [device.frame(0x0704, piece, package=(total, at + 1)) for at, piece in enumerate(pieces)]
        device.writer.write(b"".join(sent[:1] + sent[2:]))
        device.writer.write(sent[0])  # waits for an answer and repeats
        message = await device.receive()
        assert message.msg_id == 0x8003
        assert message.body == struct.pack("!HBH", first, 1, 2)
        assert await platform.stored(number) == []
        device.writer.write(sent[1])
        while len(device.results) < total + 1:
            await device.receive()
        assert {device.results[first + at] for at in range(total)} == {0}
    assert len(await platform.stored(number)) == 60


async def test_packages_that_do_not_come_are_asked_for(platform: Platform) -> None:
    terminal = await platform.provision()
    async with device808(platform.port, terminal["terminal_number"], terminal["password"]) as device:
        device.send(0x0704, b"x", package=(3, 2))
        beats = asyncio.create_task(_beat(device))
        while (message := await device.receive()).msg_id != 0x8003:
            pass
        beats.cancel()
        assert message.body[2:] == struct.pack("!BHH", 2, 1, 3)


async def _beat(device: Device808) -> None:
    while True:
        await asyncio.sleep(1)
        device.send(0x0002)


async def test_time_and_what_is_not_supported(platform: Platform) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    async with device808(platform.port, number, terminal["password"], is_2019=True) as device:
        message = await device.ask(0x0004)
        assert message.msg_id == 0x8004
        told = datetime.strptime(message.body.hex(), "%y%m%d%H%M%S").replace(tzinfo=UTC)
        assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)
        assert await device.result(0x0701, b"\0\0\0\1x") == 3
        assert await device.result(0x0900, b"\xf0x") == 3


async def command(platform: Platform, terminal: dict[str, Any], **body: Any) -> dict[str, Any]:
    path = f"/v1/terminals/{terminal['id']}/commands"
    answer = await platform.api.post(path, json=body, headers=platform.headers())
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "queued"
    found: dict[str, Any] = answer.json()
    return found


async def test_commands_go_down_and_are_answered(platform: Platform) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    interval = await command(platform, terminal, kind="interval", interval_s=30)

    async def status(wanted: dict[str, Any]) -> dict[str, Any]:
        path = f"/v1/terminals/{terminal['id']}/commands/{wanted['id']}"
        found: dict[str, Any] = (await platform.api.get(path, headers=platform.headers())).json()
        return found

    async def is_answered() -> bool:
        return bool((await status(interval))["status"] == "answered")

    async with device808(platform.port, number, terminal["password"]) as device:
        message = await device.receive()
        assert (message.msg_id, message.body) == (0x8103, struct.pack("!BIBI", 1, 0x29, 4, 30))
        device.send(0x0001, struct.pack("!HHB", message.serial, 0x8103, 0))
        await eventually(is_answered)
        assert (await status(interval))["result"] == "done"
        text = await command(platform, terminal, kind="text", text="请到一号门", urgent=True)
        message = await device.receive()
        assert (message.msg_id, message.body) == (0x8300, b"\x0d" + "请到一号门".encode("gbk"))

        async def is_delivered() -> bool:
            return bool((await status(text))["status"] == "delivered")

        await eventually(is_delivered)
    # Not answered: it goes out again over the next connection.
    async with device808(platform.port, number, terminal["password"], is_2019=True) as device:
        message = await device.receive()
        assert (message.msg_id, message.body[:2]) == (0x8300, b"\x0e\x01")
        device.send(0x0001, struct.pack("!HHB", message.serial, 0x8300, 3))

        async def is_refused() -> bool:
            return bool((await status(text))["result"] == "unsupported")

        await eventually(is_refused)
    listed = await platform.api.get(f"/v1/terminals/{terminal['id']}/commands", headers=platform.headers())
    assert [item["id"] for item in listed.json()["items"]] == [interval["id"], text["id"]]


async def test_a_terminal_that_does_not_answer_keeps_nobodys_commands_back(platform: Platform) -> None:
    silent, other = await platform.provision(), await platform.provision()
    await factories.leave_open(platform.superuser, UUID(silent["id"]), "delivered")
    async with (
        device808(platform.port, silent["terminal_number"], silent["password"]) as mute,
        device808(platform.port, other["terminal_number"], other["password"]) as device,
    ):
        assert (await mute.receive()).msg_id == 0x8103, "what was not answered goes out again"
        await command(platform, other, kind="interval", interval_s=30)
        assert (await asyncio.wait_for(device.receive(), 10)).msg_id == 0x8103


async def test_commands_expire_and_are_bounded(platform: Platform) -> None:
    terminal = await platform.provision()
    path = f"/v1/terminals/{terminal['id']}/commands"
    late = await command(platform, terminal, kind="interval", interval_s=30)
    await platform.superuser.execute(
        "UPDATE telemetry.terminal_commands SET expires_at = now() WHERE id = $1", UUID(late["id"])
    )
    answer = await platform.api.get(f"{path}/{late['id']}", headers=platform.headers())
    assert answer.json()["status"] == "expired"
    for body in (
        {"kind": "interval"},
        {"kind": "interval", "interval_s": 0},
        {"kind": "interval", "interval_s": 5, "text": "x"},
        {"kind": "text", "text": "😀"},
        {"kind": "text", "text": "字" * 501},
        {"kind": "reboot"},
    ):
        refused = await platform.api.post(path, json=body, headers=platform.headers())
        assert refused.status_code == 422, body
    for _ in range(20):
        await command(platform, terminal, kind="text", text="好")
    refused = await platform.api.post(path, json={"kind": "text", "text": "好"}, headers=platform.headers())
    assert refused.status_code == 409
    foreign = factories.headers(enterprise_id=await factories.add_enterprise(platform.superuser))
    assert (await platform.api.get(path, headers=foreign)).status_code == 404


async def test_no_answer_while_the_database_is_away(platform: Platform) -> None:
    terminal = await platform.provision()
    number = terminal["terminal_number"]
    async with device808(platform.port, number, terminal["password"]) as device:
        await platform.superuser.execute("ALTER TABLE telemetry.ingest_batches RENAME TO away")
        try:
            serials = [device.send(0x0200, jt808.report(recently(n))) for n in range(1, 200)]
            assert await asyncio.wait_for(_heartbeats(device), 10) == 0
            assert not set(serials) & set(device.results)
        finally:
            await platform.superuser.execute("ALTER TABLE telemetry.away RENAME TO ingest_batches")
        while not set(serials) <= set(device.results):
            await device.receive()
    assert len(await platform.stored(number)) == 199


async def _heartbeats(device: Device808) -> int:
    """Nothing comes back: the window is full and the rest waits in the socket."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.5):
            await device.receive()
    return len(device.results) - 1


async def test_ten_thousand_pieces_of_garbage_harm_nobody(platform: Platform) -> None:
    terminal, rogue = await platform.provision(), await platform.provision()
    number, start = terminal["terminal_number"], recently(100)
    async with device808(platform.port, number, terminal["password"]) as honest:
        for seed in range(40):
            code = rogue["password"] if seed % 2 else None
            async with device808(platform.port, rogue["terminal_number"], code) as device:
                for n in range(250):
                    body = bytes((seed, n, 0x7D)) * (n % 300)
                    data = jt808.frame(n * 77 % 65_536, body, phone=device.phone, serial=n)
                    device.writer.write(data[: len(data) - n % 5] + (b"\x7e" if n % 3 else b""))
                at = start + timedelta(seconds=seed)
                assert await honest.result(0x0200, jt808.report(at)) == 0
    assert len(await platform.stored(number)) == 40
    assert await platform.stored(rogue["terminal_number"]) == []
