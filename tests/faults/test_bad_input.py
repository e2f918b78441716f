"""Bad input of every kind while honest terminals report: they notice nothing, each bad fix is counted."""

import asyncio
import json
import math
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.shared.clock import utc_now
from services.shared.mqtt import MqttError
from services.shared.schemas import format_instant
from services.telemetry.consumers.device import Credential, Device
from services.telemetry.consumers.simulation import Plan, Simulation
from services.telemetry.domain.conservation import quantile
from tests.support.conserved import compare
from tests.support.measured import tell
from tests.support.mqtt_garbage import attack
from tests.support.telemetry_stage import Stage
from tests.support.waiting import eventually

HONEST, PERIOD_S = 60, 0.3
PUBACK_P99_MS = 500.0
OVERSIZE = 20
ROUNDS = 25
PACKETS = 10_000


def bad_fixes() -> list[tuple[str, str]]:
    """Reason, and a fix that must go to quarantine for it."""
    now = utc_now()

    def with_(**changed: Any) -> str:
        return json.dumps({"time": format_instant(now), "lon": 122.0, "lat": 41.1, **changed})

    return [
        ("time_in_future", with_(time=format_instant(now + timedelta(minutes=30)))),
        ("time_too_old", with_(time=format_instant(now - timedelta(days=40)))),
        ("not_finite", with_(lon=math.nan)),
        ("not_finite", with_(speed_kmh=math.inf)),
        ("out_of_range", with_(lat=91)),
        ("out_of_range", with_(lon=-180.5)),
        ("null_island", with_(lon=0.0, lat=0.0)),
        ("unknown_field", with_(terminal_number="HONEST-0")),
        ("unknown_crs", with_(crs="CGCS-54")),
        ("missing_field", json.dumps({"time": format_instant(now), "lon": 122.0})),
        ("wrong_type", with_(lon="122")),
        ("time_invalid", with_(time="yesterday")),
        ("malformed_json", '{"time": '),
        ("not_an_object", "42"),
    ]


@pytest.fixture(scope="module")
async def enterprise_id(stage: Stage) -> UUID:
    return await stage.enterprise()


async def devices_of(stage: Stage, enterprise_id: UUID, prefix: str, count: int) -> list[Device]:
    credentials = await stage.provision(enterprise_id, [f"{prefix}-{n}" for n in range(count)])
    return [Device(item, stage.broker.host, stage.broker.port, resend_s=5.0) for item in credentials]


async def test_honest_terminals_notice_nothing_of_bad_input(stage: Stage, enterprise_id: UUID) -> None:
    honest = await devices_of(stage, enterprise_id, "HONEST", HONEST)
    rogues = await stage.provision(enterprise_id, [f"ROGUE-{n}" for n in range(20)])
    (liar,) = await stage.provision(enterprise_id, ["LIAR"])
    pids = [stage[name].process.pid for name in ("ingest", "broker-agent")]  # type: ignore[union-attr]
    run = Simulation(honest, Plan(PERIOD_S, math.inf, 30.0))
    await run.open_all()
    stop = asyncio.Event()
    driving = asyncio.create_task(run.drive(stop))
    taken = await attack(stage.broker.host, stage.broker.port, rogues, PACKETS, seed=11)
    refused = await send_oversize(stage, rogues[0])
    wanted = await send_bad_fixes(stage, liar)
    stop.set()
    await driving
    await run.settle()
    await run.close()

    found = await compare(stage, honest)
    slowest = quantile(sorted(ms for device in honest for ms in device.ledger.puback_ms), 0.99)
    log = (stage.broker.files.directory / "broker.log").read_text(errors="replace")
    cut_off = Counter(line.rpartition(" due to ")[2] for line in log.splitlines() if " due to " in line)
    assert slowest is not None
    tell(
        f"bad input: {taken} malformed connections, {refused} oversize packets, {sum(wanted.values())} bad"
        f" fixes; honest: {found.recorded} positions, lost {found.missing}, PUBACK p99 {slowest:.1f} ms; the"
        f" broker cut off {dict(cut_off)}"
    )
    assert taken == PACKETS
    assert (found.missing, found.twice, run.waiting) == (0, 0, 0)
    assert [device.ledger.connections for device in honest] == [1] * HONEST
    assert slowest <= PUBACK_P99_MS
    assert refused == OVERSIZE
    assert cut_off["oversize packet."] >= OVERSIZE
    assert await quarantined(stage, enterprise_id, "LIAR") == wanted
    assert [stage[name].process.pid for name in ("ingest", "broker-agent")] == pids  # type: ignore[union-attr]
    assert all(stage[name].process.poll() is None for name in ("ingest", "broker-agent"))  # type: ignore[union-attr]


async def send_oversize(stage: Stage, credential: Credential) -> int:
    """64 KiB and a byte, again and again; how often the sender was cut off."""
    refused = 0
    for _ in range(OVERSIZE):
        device = Device(credential, stage.broker.host, stage.broker.port)
        connection = await device.open()
        try:
            await connection.deliver(credential.topic, b" " * (64 * 1024 + 1))
        except MqttError:
            refused += 1
    return refused


async def send_bad_fixes(stage: Stage, credential: Credential) -> Counter[str]:
    """Each kind alone and in an array with good ones; what must be in quarantine, by reason."""
    device = Device(credential, stage.broker.host, stage.broker.port)
    connection = await device.open()
    wanted: Counter[str] = Counter()
    good = 0
    for number in range(ROUNDS):
        for reason, bad in bad_fixes():
            at = format_instant(utc_now() - timedelta(hours=1, milliseconds=good))
            body = bad
            if number % 2 and bad.startswith("{") and bad.endswith("}"):
                body = f"[{bad}, {json.dumps({'time': at, 'lon': 122.1, 'lat': 41.2 + good / 1e5})}]"
                good += 1
            assert await connection.deliver(credential.topic, body.encode()) == 0
            wanted[reason] += 1
    await device.close()

    async def is_accounted() -> bool:
        async with stage.superuser() as database:
            row = await database.fetchrow(
                "SELECT sum(received) AS received, sum(stored) AS stored, sum(quarantined) AS quarantined"
                " FROM telemetry.ingest_accounting WHERE terminal_number = $1",
                credential.terminal_number,
            )
        assert row is not None
        return bool(row["received"] == sum(wanted.values()) + good == row["stored"] + row["quarantined"])

    await eventually(is_accounted, 20)
    return wanted


async def quarantined(stage: Stage, enterprise_id: UUID, number: str) -> Counter[str]:
    """What the owner finds in quarantine, by reason."""
    found: Counter[str] = Counter()
    cursor: dict[str, str] = {}
    async with stage.client(enterprise_id) as api:
        while True:
            params: dict[str, str | int] = {"terminal_number": number, "limit": 200, **cursor}
            page = (await api.get("/v1/quarantined-positions", params=params)).json()
            for item in page["items"]:
                found[item["reason"]] += item["times"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}
