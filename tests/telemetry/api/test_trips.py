"""Trips and daily mileages over HTTP: derived, read by whom they concern, open ones as they are now."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.shared.auth import Role
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.schemas import format_instant
from services.telemetry.domain.instants import to_ms
from services.telemetry.operations.storing import make_partitions
from tests.factories.telemetry import api, headers
from tests.support.deriving import World, full_hour
from tests.support.drives import M_PER_DEGREE, Told


@dataclass
class Drive:
    """A vehicle that drove, stopped, drove, stood, and is on its way again."""

    client: httpx.AsyncClient
    world: World
    vehicle: UUID
    firm: UUID
    start: datetime

    async def items(
        self, path: str, query: dict[str, Any] | None = None, who: dict[str, str] | None = None
    ) -> list[dict[str, Any]]:
        answer = await self.client.get(path, params=query, headers=who or headers(enterprise_id=self.firm))
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


@pytest.fixture(scope="module")
async def drive(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Drive]:
    database = Database(database_urls["telemetry_worker"])
    worker = await database.connect()
    await make_partitions(worker, utc_now())
    world = World(database, worker)
    start = full_hour(timedelta(hours=6))
    vehicle, key = await world.fit(start)
    minutes = [*range(11), *[10] * 5, *range(11, 21), *[20] * 20, *range(21, 25)]
    rows = [
        Told(to_ms(start) + n * 60_000, 122.0, 41.0 + metre * 900 / M_PER_DEGREE, load=2 if n < 13 else 0)
        for n, metre in enumerate(minutes)
    ]
    await world.store(key, rows)
    await world.derive()
    firm = await worker.fetchval("SELECT enterprise_id FROM telemetry.terminal_bindings")
    directory: Path = tmp_path_factory.mktemp("trips")
    async with api(database_urls, directory) as client:
        yield Drive(client, world, vehicle, firm, start)
    await worker.close()
    await database.close()


async def test_a_trip_tells_where_when_how_far_and_how(drive: Drive) -> None:
    first, second = await drive.items("/v1/trips")
    assert first["started_at"] == format_instant(drive.start)
    assert first["ended_at"] == format_instant(drive.start + timedelta(minutes=25))
    assert (first["status"], first["sealed"], first["supersedes"]) == ("closed", False, None)
    assert (first["distance_km"], first["loaded_km"], first["empty_km"]) == (18.0, 9.0, 9.0)
    assert first["odometer_km"] is None
    assert (first["moving_minutes"], first["idle_minutes"]) == (20.0, 5.0)
    assert (first["average_speed_kmh"], first["max_speed_kmh"]) == (54.0, 54.0)
    (stop,) = first["stops"]
    assert stop["arrived_at"] == format_instant(drive.start + timedelta(minutes=10))
    assert stop["left_at"] == format_instant(drive.start + timedelta(minutes=15))
    assert first["start"] == {"lon": 122.0, "lat": 41.0}
    assert (second["status"], second["ended_at"], second["distance_km"]) == ("open", None, 3.6)


async def test_trips_are_narrowed_by_what_they_touch(drive: Drive) -> None:
    at = [format_instant(drive.start + timedelta(minutes=n)) for n in (0, 25, 30, 300)]
    assert len(await drive.items("/v1/trips", {"from": at[0], "to": at[1]})) == 1
    assert len(await drive.items("/v1/trips", {"from": at[1], "to": at[2]})) == 0
    assert len(await drive.items("/v1/trips", {"from": at[2], "to": at[3]})) == 1
    assert len(await drive.items("/v1/trips", {"vehicle_id": str(drive.vehicle)})) == 2
    assert len(await drive.items("/v1/trips", {"vehicle_id": str(drive.firm)})) == 0


async def test_trips_come_in_pages(drive: Drive) -> None:
    mine = headers(enterprise_id=drive.firm)
    first = (await drive.client.get("/v1/trips", params={"limit": 1}, headers=mine)).json()
    rest = await drive.items("/v1/trips", {"limit": 1, "cursor": first["next_cursor"]})
    assert [item["id"] for item in [*first["items"], *rest]] == [
        item["id"] for item in await drive.items("/v1/trips")
    ]


async def test_a_day_is_the_sum_of_its_trips_and_open_until_it_is_over(drive: Drive) -> None:
    days = await drive.items("/v1/daily-mileages")
    trips = await drive.items("/v1/trips")
    assert sum(day["distance_km"] for day in days) == pytest.approx(
        sum(trip["distance_km"] for trip in trips)
    )
    assert sum(day["fixes"] for day in days) == 50
    assert {day["status"] for day in days} == {"open"}
    assert any(day["is_working_day"] for day in days)
    first = days[0]["day"]
    assert await drive.items("/v1/daily-mileages", {"from": first, "to": first}) == days[:1]
    assert await drive.items("/v1/daily-mileages", {"to": "2020-01-01"}) == []


@pytest.mark.parametrize("path", ["/v1/trips", "/v1/daily-mileages"])
async def test_they_are_read_by_whom_they_concern(drive: Drive, path: str) -> None:
    assert await drive.items(path, who=headers(enterprise_id=drive.vehicle)) == []
    assert len(await drive.items(path, {"purpose": "核查"}, headers(Role.police))) >= 1
    assert len(await drive.items(path, {"purpose": "核查"}, headers(Role.postal_bureau))) >= 1
    for role in (Role.police, Role.transport_bureau, Role.postal_bureau):
        refused = await drive.client.get(path, headers=headers(role))
        assert refused.json()["type"] == "urn:cityfreight:problem:purpose-required"
    for role in (Role.province, Role.public):
        assert (await drive.client.get(path, headers=headers(role))).status_code == 403
    assert (await drive.client.get(path)).status_code == 401


async def test_who_read_trips_is_shown_to_their_owner(drive: Drive) -> None:
    bureau = headers(Role.transport_bureau, name="李工")
    await drive.world.worker.execute(
        "INSERT INTO telemetry.vehicles VALUES ($1, $2, '辽L00001', 2, '2020-01-01Z', NULL, false, 1)",
        drive.vehicle, drive.firm,
    )  # fmt: skip
    assert (await drive.client.get("/v1/trips", headers=bureau)).status_code == 422
    for query in ({}, {"vehicle_id": str(drive.vehicle)}):
        assert await drive.items("/v1/trips", {**query, "purpose": "里程核查"}, bureau)
    found = [each for each in await drive.items("/v1/position-readings") if each["purpose"] == "里程核查"]
    assert [(each["kind"], each["reader_name"]) for each in found] == 2 * [("trips", "李工")]
    assert {each["enterprise_id"] for each in found} == {str(drive.firm)}


async def test_who_read_daily_mileages_is_shown_to_their_owner(drive: Drive) -> None:
    police = headers(Role.police, name="警官")
    asked = {"purpose": "运营核查", "from": "2020-01-01", "to": "9999-12-31"}
    assert await drive.items("/v1/daily-mileages", {**asked, "enterprise_id": str(drive.firm)}, police)
    (entry,) = [each for each in await drive.items("/v1/position-readings") if each["purpose"] == "运营核查"]
    assert (entry["kind"], entry["reader_name"], entry["vehicles"]) == ("daily_mileages", "警官", 1)
    assert (entry["first_day"], entry["last_day"]) == ("2020-01-01", "9999-12-31")
    assert entry["of_enterprise_id"] == str(drive.firm)
    asked = {"purpose": "单车核查", "vehicle_id": str(drive.vehicle)}
    await drive.items("/v1/daily-mileages", asked, police)
    every = {**headers(Role.transport_bureau)}
    (entry,) = [
        each
        for each in await drive.items("/v1/position-readings", who=every)
        if each["purpose"] == "单车核查"
    ]
    assert (entry["kind"], entry["vehicles"]) == ("daily_mileages", None)
    before = await drive.items("/v1/position-readings")
    await drive.items("/v1/daily-mileages")
    assert await drive.items("/v1/position-readings") == before


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"to": "2026-13-01T00:00:00Z"},
        {"vehicle_id": "x"},
        {"cursor": "x"},
        {"limit": "0"},
        {"limit": "201"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/trips", "/v1/daily-mileages"])
async def test_what_cannot_be_asked(drive: Drive, path: str, query: dict[str, str]) -> None:
    answer = await drive.client.get(path, params=query, headers=headers(enterprise_id=drive.firm))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
