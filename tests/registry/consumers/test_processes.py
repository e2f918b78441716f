"""The worker's feed and the first administrator."""

import asyncio
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from services.registry.consumers.first_admin import create_first_admin
from services.registry.main import create_app
from services.registry.models import FEED
from services.registry.settings import FirstAdminSettings
from services.shared.changes import run_sequencer
from services.shared.db import Database
from tests.factories import registry as make


async def _until(found: Any) -> Any:
    deadline = time.monotonic() + 10
    while True:
        value = await found()
        if value:
            return value
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def _changes(api: httpx.AsyncClient, *wanted: str) -> dict[str, list[dict[str, Any]]]:
    """States of the named entities in the order of the feed, by kind/id."""
    states: dict[str, list[dict[str, Any]]] = {}
    after = 0
    while True:
        answer = await api.get(f"/internal/v1/changes?after={after}&limit=1000", headers=make.service())
        if answer.status_code == 503:  # no sequencer has run yet
            return {}
        page = answer.json()
        for item in page["items"]:
            if item["id"] in wanted:
                states.setdefault(item["id"], []).append(item)
        if page["next_after"] == after:
            return states
        after = page["next_after"]


async def test_each_change_reaches_the_feed_once_and_in_order(
    api: httpx.AsyncClient, firm: make.Firm, database_urls: dict[str, str]
) -> None:
    vehicle = await make.register(api, firm)
    body = {"powertrain": "BEV", "payload_kg": 900, "refrigeration": "insulated"}
    await api.put(f"/v1/vehicles/{vehicle['id']}", json=body, headers=firm.headers)
    await api.post(f"/v1/enterprises/{firm.id}/suspension", json={"reason": "x"}, headers=make.official())
    await api.post(f"/v1/clients/{firm.client_id}/disablement", headers=make.administrator())
    area = (await api.post("/v1/areas", json=make.area_body(), headers=make.official())).json()
    refused = make.vehicle_body(plate_number=vehicle["plate_number"])
    assert (
        await api.post("/v1/vehicles", json=refused, headers=(await make.admit_firm(api)).headers)
    ).is_error
    database, stop = Database(database_urls["registry_worker"], pool_size=2), asyncio.Event()
    running = asyncio.create_task(partial(run_sequencer, FEED, database)(stop))

    async def arrived() -> dict[str, list[dict[str, Any]]] | None:
        found = await _changes(api, vehicle["id"], str(firm.id), firm.client_id, area["id"])
        return found if len(found) == 4 and len(found[firm.client_id]) == 2 else None

    try:
        states = await _until(arrived)
    finally:
        stop.set()
        await running
        await database.close()
    trucks = states[vehicle["id"]]
    assert [(item["kind"], item["version"], item["state"]["payload_kg"]) for item in trucks] == [
        ("vehicle", 1, 1765),
        ("vehicle", 2, 900),
    ]
    assert [item["state"]["status"] for item in states[str(firm.id)]] == ["active", "suspended"]
    assert [item["state"]["status"] for item in states[firm.client_id]] == ["active", "disabled"]
    assert states[firm.client_id][0]["state"]["subject"] == firm.client_id
    assert states[area["id"]][0]["state"]["versions"][0]["geometry"]["type"] == "MultiPolygon"
    assert "secret" not in json.dumps(states)


async def test_the_feed_is_for_services(api: httpx.AsyncClient, firm: make.Firm) -> None:
    for headers, status in (({}, 401), (firm.headers, 403), (make.administrator(), 403)):
        assert (await api.get("/internal/v1/changes", headers=headers)).status_code == status
        assert (await api.get("/internal/v1/snapshot", headers=headers)).status_code == status


async def test_the_first_administrator_is_made_once(
    fresh_database_urls: dict[str, str], tmp_path: Path
) -> None:
    values = make.settings_values(fresh_database_urls, tmp_path, "registry_worker")
    settings = FirstAdminSettings(**values, admin_password="first password")
    assert await create_first_admin(settings) is True
    assert await create_first_admin(settings) is False
    async with make.running(create_app(make.api_settings(fresh_database_urls, tmp_path))) as api:
        body = {"username": "admin", "password": "first password"}
        token = (await api.post("/v1/staff-sessions", json=body)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        rows = (await api.get("/v1/staff-accounts", headers=headers)).json()["items"]
    assert [(row["username"], row["display_name"], row["scopes"]) for row in rows] == [
        ("admin", "平台管理员", ["admin"])
    ]


async def test_the_worker_runs_as_a_process(
    fresh_database_urls: dict[str, str], tmp_path: Path, unused_port: int
) -> None:
    values = make.settings_values(fresh_database_urls, tmp_path, "registry_worker")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "registry_database_url").write_text(values["database_url"])
    (secrets / "registry_service_key").write_text(values["service_key"])
    (secrets / "registry_personal_keys").write_text(values["personal_keys"])
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ".",
        "FREIGHT_SECRETS_DIR": str(secrets),
        "REGISTRY_PORT": str(unused_port),
        "REGISTRY_SERVICE_KEYS_FILE": str(values["service_keys_file"]),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.registry.consumers.worker", env=environment
    )
    try:
        await _until(partial(_ready, unused_port))
        await _sequenced(fresh_database_urls["superuser"], fresh_database_urls, tmp_path)
    finally:
        process.terminate()
        ended = await asyncio.wait_for(process.wait(), 10)
    assert ended == 0


async def _ready(port: int) -> bool:
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def _sequenced(superuser_url: str, urls: dict[str, str], directory: Path) -> None:
    connection = await asyncpg.connect(superuser_url)
    try:
        async with make.running(create_app(make.api_settings(urls, directory))) as api:
            await make.admit_firm(api)
        # The firm and its client.
        await _until(lambda: connection.fetchval("SELECT count(*) = 2 FROM registry.changes"))
    finally:
        await connection.close()
