"""Matching follows registry: the real apps, sequencer, feed and follower, and the candidates of a load."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from services.matching.consumers.copies import apply_registry, registry_source, reset_registry
from services.matching.models import FOLLOW_CURSORS
from services.registry.main import create_app as create_registry
from services.registry.models import FEED
from services.shared.auth import ServiceAuth
from services.shared.changes import run_sequencer
from services.shared.db import Database
from services.shared.follow import run_follower
from services.shared.ids import new_id
from services.shared.standards.zones import CITY_ZONE
from tests.factories import matching as make
from tests.factories import registry as source
from tests.support.waiting import eventually

SUSPENSIONS = 100
WITHIN_S = 1.0


@dataclass
class Platform:
    """Registry and matching, the second following the first; telemetry's positions."""

    registry: httpx.AsyncClient
    matching: httpx.AsyncClient
    telemetry: make.Telemetry

    async def reasons(self, load: make.Json, vehicle: make.Json) -> list[str] | None:
        """Why a vehicle is refused for a load, as a bureau sees it; None when it is not there at all."""
        items = (await make.candidates(self.matching, load, make.bureau(issuer=source.ISSUER)))["items"]
        found = [item for item in items if item["vehicle_id"] == vehicle["id"]]
        return [reason["code"] for reason in found[0]["reasons"]] if found else None

    async def until(self, load: make.Json, vehicle: make.Json, wanted: list[str]) -> float:
        """How long it takes until a vehicle is refused for these reasons."""
        began = time.perf_counter()

        async def holds() -> bool:
            return await self.reasons(load, vehicle) == wanted

        await eventually(holds)
        return time.perf_counter() - began


async def _follow_no_permits(worker: Database) -> None:
    """Stand for permits, which has published nothing."""
    values = {"source": "permits", "feed_id": new_id(), "pos": 0, "digest": bytes(32), "copy_version": 1}
    async with worker.transaction() as session:
        await session.execute(FOLLOW_CURSORS.insert().values(**values))


@pytest.fixture
async def platform(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Platform]:
    """Both services at work on a database of their own."""
    urls, telemetry, stop = fresh_database_urls, make.Telemetry(), asyncio.Event()
    (tmp_path / "registry").mkdir()
    registry_app = create_registry(source.api_settings(urls, tmp_path / "registry"))
    sequencing, worker = Database(urls["registry_worker"]), Database(urls["matching_worker"])
    await _follow_no_permits(worker)
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(source.running(registry_app))
        app = make.app(urls, tmp_path, telemetry.client(), source.ISSUER)
        matching = await stack.enter_async_context(make.running(app))
        internal = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(registry_app, raise_app_exceptions=False),
                base_url="http://registry",
                auth=ServiceAuth(json.dumps(source.SERVICE_KEY)),
                timeout=35,
            )
        )
        feed = registry_source(internal)
        follow = run_follower(worker, FOLLOW_CURSORS, feed, apply_registry, stop, reset=reset_registry)
        tasks = [
            asyncio.create_task(run_sequencer(FEED, sequencing, stop)),
            asyncio.create_task(follow),
        ]
        yield Platform(registry, matching, telemetry)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)
    await sequencing.close()
    await worker.close()


async def _posted(platform: Platform, firm: source.Firm) -> make.Json:
    """A load of a firm that has just been admitted."""
    loads: list[make.Json] = []

    async def taken() -> bool:
        body = make.load_body((122.07, 41.12))
        answer = await platform.matching.post("/v1/loads", json=body, headers=firm.headers)
        loads.append(answer.json())
        return answer.status_code == 201

    await eventually(taken)
    return loads[-1]


async def test_a_suspension_reaches_the_candidates_within_a_second_and_lifting_restores(
    platform: Platform, record_property: Callable[[str, object], None]
) -> None:
    shipper = await source.admit_firm(platform.registry, kind="shipper")
    carrier = await source.admit_firm(platform.registry)
    vehicle = await source.register(platform.registry, carrier)
    platform.telemetry.report(vehicle["id"], 122.08, 41.12)
    load = await _posted(platform, shipper)
    await platform.until(load, vehicle, [])
    took: list[float] = []
    for number in range(SUSPENSIONS):
        for step, wanted in (("suspension", ["enterprise_not_active"]), ("reinstatement", [])):
            path, body = f"/v1/enterprises/{carrier.id}/{step}", {"reason": f"第 {number} 次"}
            answer = await platform.registry.post(path, json=body, headers=source.official())
            assert answer.status_code == 200, answer.text
            took.append(await platform.until(load, vehicle, wanted))
    took.sort()
    p99 = took[int(len(took) * 0.99) - 1]
    figures = f"p50 {took[len(took) // 2]:.3f} s, p99 {p99:.3f} s, max {took[-1]:.3f} s"
    record_property("suspension to candidates", figures)
    assert p99 <= WITHIN_S, figures


async def test_papers_that_ran_out_refuse_and_their_renewal_restores(platform: Platform) -> None:
    shipper = await source.admit_firm(platform.registry, kind="shipper")
    carrier = await source.admit_firm(platform.registry)
    yesterday = (datetime.now(CITY_ZONE).date() - timedelta(days=1)).isoformat()
    vehicle = await source.register(platform.registry, carrier, insurance_valid_to=yesterday)
    platform.telemetry.report(vehicle["id"], 122.08, 41.12)
    load = await _posted(platform, shipper)
    await platform.until(load, vehicle, ["vehicle_lapsed"])
    licence = {"holder_kind": "enterprise", "holder_id": str(carrier.id), "kind": "express_permit"}
    renewal = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "insurance"}

    async def record(certificate: make.Json) -> None:
        answer = await platform.registry.post("/v1/certificates", json=certificate, headers=source.official())
        assert answer.status_code == 201, answer.text

    await record({**licence, "valid_to": yesterday})
    await platform.until(load, vehicle, ["enterprise_lapsed", "vehicle_lapsed"])
    await record(renewal)
    await platform.until(load, vehicle, ["enterprise_lapsed"])
    path, reason = f"/v1/enterprises/{carrier.id}", {"reason": "检查"}
    suspended = await platform.registry.post(f"{path}/suspension", json=reason, headers=source.official())
    assert suspended.status_code == 200, suspended.text
    await platform.until(load, vehicle, ["enterprise_not_active", "enterprise_lapsed"])
    await record(licence)
    await platform.until(load, vehicle, ["enterprise_not_active"])


async def test_transfer_and_a_disabled_client_arrive(platform: Platform) -> None:
    seller, buyer = [await source.admit_firm(platform.registry) for _ in range(2)]
    vehicle = await source.register(platform.registry, seller)
    platform.telemetry.report(vehicle["id"], 122.08, 41.12)
    load = await _posted(platform, buyer)
    body = {"enterprise_id": str(buyer.id), "reason": "过户"}
    path = f"/v1/vehicles/{vehicle['id']}/transfer"
    moved = (await platform.registry.post(path, json=body, headers=source.official())).json()
    await platform.until(load, vehicle, ["vehicle_not_valid"])
    await platform.until(load, moved, ["no_position"])

    disabled = await platform.registry.post(
        f"/v1/clients/{seller.client_id}/disablement", json={"reason": "退出"}, headers=source.administrator()
    )
    assert disabled.status_code in {200, 204}, disabled.text

    async def refused() -> bool:
        return (await platform.matching.get("/v1/loads", headers=seller.headers)).status_code == 401

    await eventually(refused)
