"""Matching polls telemetry: the real route of latest positions, page by page and only what changed."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from services.matching.clients import LatestPositions
from services.matching.domain.roster import Fix
from services.shared.auth import ServiceAuth
from services.shared.ids import new_id
from tests.factories import telemetry as source


async def _terminal(superuser: "asyncpg.Connection[Any]", enterprise: UUID, vehicle: UUID | None) -> int:
    terminal, number = new_id(), f"T-{new_id().hex[-12:]}"
    await superuser.execute(
        "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, secret_verifier, created_at)"
        " VALUES ($1, $2, $3, '', now())",
        terminal,
        number,
        enterprise,
    )
    key: int = await superuser.fetchval(
        "SELECT terminal_key FROM telemetry.terminals WHERE id = $1", terminal
    )
    if vehicle is not None:
        await superuser.execute(
            "INSERT INTO telemetry.terminal_bindings VALUES ($1, $2, $3, $4, $5, '2020-01-01Z', NULL, true)",
            new_id(),
            terminal,
            key,
            vehicle,
            enterprise,
        )
    return key


async def _latest(superuser: "asyncpg.Connection[Any]", key: int, lon: float, revision: int) -> None:
    await superuser.execute(
        "INSERT INTO telemetry.latest_positions"
        " (terminal_key, time, content_hash, lon, lat, cell, received_at, revision)"
        " VALUES ($1, now(), 1, $2, 41.1, 0, now(), $3) ON CONFLICT (terminal_key) DO UPDATE SET"
        " lon = excluded.lon, time = excluded.time, revision = excluded.revision",
        key,
        lon,
        revision,
    )


async def _polled(latest: LatestPositions) -> list[Fix]:
    return [fix async for page in latest.pages() for fix in page]


async def test_each_poll_gives_what_changed(fresh_database_urls: dict[str, str], tmp_path: Path) -> None:
    superuser = await asyncpg.connect(fresh_database_urls["superuser"])
    enterprise = await source.add_enterprise(superuser)
    vehicles = [await source.add_vehicle(superuser, enterprise) for _ in range(3)]
    keys = [await _terminal(superuser, enterprise, vehicle) for vehicle in (*vehicles, None)]
    async with source.api(fresh_database_urls, tmp_path) as client:
        client.auth = ServiceAuth(json.dumps(source.SERVICE_KEY))
        latest = LatestPositions(client)
        assert await _polled(latest) == []
        for number, key in enumerate(keys):
            await _latest(superuser, key, 122 + number / 10, revision=number + 1)
        first = await _polled(latest)
        assert [(fix.vehicle_id, fix.lon, fix.lat) for fix in first] == [
            (vehicle, 122 + number / 10, 41.1) for number, vehicle in enumerate(vehicles)
        ]
        assert all(fix.time.utcoffset() is not None for fix in first)
        assert await _polled(latest) == []
        await _latest(superuser, keys[1], 123.5, revision=9)
        assert [(fix.vehicle_id, fix.lon) for fix in await _polled(latest)] == [(vehicles[1], 123.5)]
    await superuser.close()
