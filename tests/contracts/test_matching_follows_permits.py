"""Matching follows permits: a rule refuses, a permit mends, its revocation refuses again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from services.matching.consumers.copies import apply_permits, permits_source, reset_permits
from services.matching.models import FOLLOW_CURSORS
from services.permits.models import feed
from services.shared.auth import ServiceAuth
from services.shared.changes import run_sequencer
from services.shared.db import Database
from services.shared.events.registry import VehicleState
from services.shared.follow import run_follower
from tests.factories import matching as make
from tests.factories import permits as source
from tests.support.waiting import eventually


@dataclass
class Platform:
    """Permits and matching, the second following the first; both know the same of registry."""

    permits: httpx.AsyncClient
    matching: httpx.AsyncClient
    world: make.World
    registry: source.Registry

    async def until(self, load: make.Json, vehicle: VehicleState, wanted: list[str]) -> None:
        """Wait until a vehicle is refused for these reasons."""

        async def holds() -> bool:
            items = (await make.candidates(self.matching, load, make.bureau()))["items"]
            found = next(item for item in items if item["vehicle_id"] == str(vehicle.id))
            return [reason["code"] for reason in found["reasons"]] == wanted

        await eventually(holds)


class _RegistryOnly(make.World):
    """Says what registry would say; permits is real here."""

    async def start(self) -> None:
        self.positions = {"registry": 0}
        async with self.worker.transaction() as session:
            await self._move(session, "registry")


@pytest.fixture
async def platform(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Platform]:
    """Both services at work on a database of their own."""
    urls, telemetry, stop = fresh_database_urls, make.Telemetry(), asyncio.Event()
    (tmp_path / "permits").mkdir()
    permits_app = source.app(urls, tmp_path / "permits", make.ISSUER)
    matching_app = make.app(urls, tmp_path, telemetry.client())
    sequencing, worker = Database(urls["permits_worker"]), Database(urls["matching_worker"])
    async with AsyncExitStack() as stack:
        permits = await stack.enter_async_context(source.running(permits_app))
        matching = await stack.enter_async_context(make.running(matching_app))
        internal = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(permits_app, raise_app_exceptions=False),
                base_url="http://permits",
                auth=ServiceAuth(json.dumps(source.SERVICE_KEY)),
                timeout=35,
            )
        )
        follow = run_follower(
            worker, FOLLOW_CURSORS, permits_source(internal), apply_permits, stop, reset=reset_permits
        )
        tasks = [
            asyncio.create_task(run_sequencer(feed, sequencing, stop)),
            asyncio.create_task(follow),
        ]
        world = _RegistryOnly(worker, matching_app, telemetry)
        await world.start()
        yield Platform(permits, matching, world, source.Registry(sequencing))
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)
    await sequencing.close()
    await worker.close()


async def _decide(platform: Platform, path: str, body: make.Json) -> make.Json:
    answer = await platform.permits.post(path, json=body, headers=source.official(issuer=make.ISSUER))
    assert answer.status_code in {200, 201}, answer.text
    found: make.Json = answer.json()
    return found


async def test_rule_permit_and_revocation_change_the_candidates(platform: Platform) -> None:
    world, here = platform.world, (122.07, 41.12)
    shipper, carrier = await world.firm(), await world.firm()
    vehicle, area = await world.vehicle(carrier, here), await world.area(here, half=0.005)
    for kind, state in (("enterprise", carrier.state), ("vehicle", vehicle), ("area", area)):
        await platform.registry.say(kind, state)

    async def ready() -> bool:
        body = {"load_id": str(area.id)}
        answer = await platform.matching.get("/v1/candidates", params=body, headers=shipper.headers)
        return answer.status_code == 404

    await eventually(ready)
    load = await make.post_load(platform.matching, shipper, here)
    await platform.until(load, vehicle, [])
    await _decide(platform, "/v1/restriction-rules", source.rule_body(area.id))
    await platform.until(load, vehicle, ["permit"])
    kind_of = {"code": "day", "name_zh": "日间", "name_en": "day", "max_days": 365}
    await _decide(platform, "/v1/permit-types", kind_of)
    asked = source.application_body(vehicle.id, area.id, "day")
    answer = await platform.permits.post("/v1/permit-applications", json=asked, headers=carrier.headers)
    assert answer.status_code == 201, answer.text
    approved = await _decide(platform, f"/v1/permit-applications/{answer.json()['id']}/approval", {})
    await platform.until(load, vehicle, [])
    await _decide(platform, f"/v1/permits/{approved['permit_id']}/revocation", {"reason": "转借"})
    await platform.until(load, vehicle, ["permit"])
