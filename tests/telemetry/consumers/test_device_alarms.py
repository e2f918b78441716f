"""From a frame with an alarm bit to an alert: listener, storage, derivation, API and feed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.shared.auth import Role
from services.shared.schemas import format_instant
from services.telemetry.consumers.derive import derive
from tests.factories import jt808
from tests.factories.telemetry import add_enterprise, add_vehicle, headers
from tests.support.deriving import CONFIG, World, running_world
from tests.support.jt808_device import device808
from tests.support.jt808_platform import Platform, listening
from tests.support.waiting import eventually

EMERGENCY, FATIGUE, COLLISION = 1 << 0, 1 << 2, 1 << 29  # JT/T 808-2013 table 24


@pytest.fixture(scope="module")
async def platform(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Platform]:
    async with listening(database_urls, tmp_path_factory.mktemp("listener")) as found:
        yield found


@pytest.fixture(scope="module")
async def world(platform: Platform, database_urls: dict[str, str]) -> AsyncIterator[World]:  # noqa: ARG001
    async with running_world(database_urls["telemetry_worker"]) as running:
        yield running


def ago(seconds: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=seconds)


async def fitted(platform: Platform) -> tuple[dict[str, Any], UUID]:
    """A terminal and the vehicle it has been fitted to for an hour."""
    vehicle = await add_vehicle(platform.superuser, platform.enterprise_id)
    since = format_instant(ago(3600))
    return await platform.provision(vehicle_id=str(vehicle), fitted_at=since), vehicle


async def alerts(platform: Platform, vehicle: UUID, **query: str) -> list[dict[str, Any]]:
    answer = await platform.api.get(
        "/v1/alerts", params={"vehicle_id": str(vehicle), **query}, headers=platform.headers()
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_frames_with_alarm_bits_raise_alerts_with_and_without_a_position(
    platform: Platform, world: World
) -> None:
    terminal, vehicle = await fitted(platform)
    start = ago(600)
    at = [start + timedelta(seconds=30 * n) for n in range(8)]
    alarms = [0, EMERGENCY, EMERGENCY | FATIGUE, FATIGUE, 0]
    async with device808(platform.port, terminal["terminal_number"], terminal["password"]) as device:
        for time, alarm in zip(at[:5], alarms, strict=True):
            assert await device.result(0x0200, jt808.report(time, alarm=alarm)) == 0
        assert await device.result(0x0200, jt808.report(at[6], status=0, alarm=COLLISION)) == 0
        stop = asyncio.Event()
        await world.derive()
        running = asyncio.create_task(derive(world.database, CONFIG, stop))
        # The process itself raises what the next frame, from a garage, reports.
        assert await device.result(0x0200, jt808.report(at[7], status=0, alarm=COLLISION)) == 0

        async def is_raised() -> bool:
            return any(each["ended_at"] == format_instant(at[7]) for each in await alerts(platform, vehicle))

        await eventually(is_raised)
        stop.set()
        await running
    found = await alerts(platform, vehicle)
    names = ("device_alarm", "severity", "without_position", "started_at", "ended_at", "status")
    assert [tuple(each[name] for name in names) for each in found] == [
        ("emergency", "critical", False, format_instant(at[1]), format_instant(at[3]), "closed"),
        ("fatigue", "warning", False, format_instant(at[2]), format_instant(at[4]), "closed"),
        ("collision", "critical", True, format_instant(at[6]), format_instant(at[7]), "closed"),
    ]
    assert {each["kind"] for each in found} == {"device_alarm"}
    assert await alerts(platform, vehicle, kind="overspeed") == []
    params = {"vehicle_id": str(vehicle), "purpose": "核查"}
    for who, count in (
        (headers(enterprise_id=await add_enterprise(platform.superuser)), 0),
        (headers(Role.transport_bureau), 3),
    ):
        answer = await platform.api.get("/v1/alerts", params=params, headers=who)
        assert len(answer.json()["items"]) == count
    published = await world.published("alert")
    last = {str(name): (state["without_position"], version) for name, (state, version) in published.items()}
    assert last[found[0]["id"]] == (False, 1)
    assert last[found[2]["id"]] == (True, 2), "the second report is a correction of the alert's end"
    await world.check_published()


async def test_a_late_report_of_before_moves_the_start_and_keeps_who_took_note(
    platform: Platform, world: World
) -> None:
    terminal, vehicle = await fitted(platform)
    early, late = ago(400), ago(300)
    async with device808(platform.port, terminal["terminal_number"], terminal["password"]) as device:
        assert await device.result(0x0200, jt808.report(late, status=0, alarm=EMERGENCY)) == 0
        await world.derive()
        (alert,) = await alerts(platform, vehicle)
        answer = await platform.api.post(
            f"/v1/alerts/{alert['id']}/acknowledgement", json={"note": "已通话"}, headers=platform.headers()
        )
        assert answer.status_code == 200, answer.text
        backfill = jt808.batch([jt808.report(early, status=0, alarm=EMERGENCY)])
        assert await device.result(0x0704, backfill) == 0
        await world.derive()
    (moved,) = await alerts(platform, vehicle)
    assert (moved["started_at"], moved["ended_at"]) == (format_instant(early), format_instant(late))
    assert (moved["supersedes"], moved["note"]) == (alert["id"], "已通话")
    listed = await alerts(platform, vehicle, include_retracted="true")
    assert {each["status"] for each in listed if each["id"] == alert["id"]} == {"retracted"}
    await world.check_published()
