"""Permits follows registry: the real apps, sequencer, feed and follower, and the police's answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.permits.consumers.registry import apply_registry, registry_source, reset_registry
from services.permits.models import follow_cursors
from services.registry.main import create_app as create_registry
from services.registry.models import FEED
from services.shared.auth import Role, ServiceAuth
from services.shared.changes import run_sequencer
from services.shared.db import Database
from services.shared.events.registry import VehicleState
from services.shared.follow import run_follower
from services.shared.schemas import format_instant
from services.shared.standards.zones import CITY_ZONE
from tests.factories import permits as make
from tests.factories import registry as source
from tests.support.waiting import eventually

SUSPENSIONS = 100
WITHIN_S = 1.0
_MS = timedelta(milliseconds=1)


@dataclass
class Platform:
    """Registry and permits, the second following the first."""

    registry: httpx.AsyncClient
    permits: httpx.AsyncClient
    worker: Database

    async def ask(self, vehicle: make.Json, place: make.Json, **values: Any) -> make.Json:
        """The answer to a check by the police."""
        body = {"plate_number": vehicle["plate_number"], "plate_color": vehicle["plate_color"], **place}
        headers = make.office_client(issuer=source.ISSUER)
        answer = await self.permits.post("/v1/checks", json={**body, **values}, headers=headers)
        assert answer.status_code == 200, answer.text
        found: make.Json = answer.json()
        return found

    async def seconds_until(self, holds: Callable[[], Awaitable[bool]]) -> float:
        """How long it takes until `await holds()`."""
        began = perf_counter()
        await eventually(holds)
        return perf_counter() - began

    async def decide(self, path: str, body: make.Json) -> make.Json:
        """A decision of a named official in permits."""
        headers = make.official(Role.police, source.ISSUER)
        answer = await self.permits.post(path, json=body, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        found: make.Json = answer.json()
        return found


@pytest.fixture
async def platform(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Platform]:
    """Both services at work on a database of their own."""
    urls = fresh_database_urls
    (tmp_path / "registry").mkdir()
    registry_app = create_registry(source.api_settings(urls, tmp_path / "registry"))
    registry_worker = Database(urls["registry_worker"])
    permits_worker = Database(urls["permits_worker"])
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(source.running(registry_app))
        permits = await stack.enter_async_context(make.running(make.app(urls, tmp_path, source.ISSUER)))
        internal = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(registry_app, raise_app_exceptions=False),
                base_url="http://registry",
                auth=ServiceAuth(json.dumps(source.SERVICE_KEY)),
                timeout=35,
            )
        )
        follow = run_follower(
            permits_worker,
            follow_cursors,
            registry_source(internal),
            apply_registry,
            stop,
            reset=reset_registry,
        )
        tasks = [
            asyncio.create_task(run_sequencer(FEED, registry_worker, stop)),
            asyncio.create_task(follow),
        ]
        yield Platform(registry, permits, permits_worker)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)
    await registry_worker.close()
    await permits_worker.close()


async def permitted_van(platform: Platform) -> tuple[source.Firm, make.Json, make.Json, make.Json]:
    """A firm's van with a permit for an area that asks for one; (firm, vehicle, area, point)."""
    firm = await source.admit_firm(platform.registry)
    vehicle = await source.register(platform.registry, firm)
    body = source.area_body()
    made = await platform.registry.post("/v1/areas", json=body, headers=source.official())
    assert made.status_code == 201, made.text
    area = made.json()
    lon, lat = body["geometry"]["coordinates"][0][0]
    point = {"lon": lon + 0.01, "lat": lat + 0.01}

    async def arrived() -> bool:
        return bool((await platform.ask(vehicle, point))["vehicle"]["known"]) and await _has_area(
            platform, area["id"]
        )

    await eventually(arrived)
    await platform.decide("/v1/restriction-rules", make.rule_body(area["id"]))
    kind = {"code": "day", "name_zh": "日间", "name_en": "day", "max_days": 365}
    await platform.decide("/v1/permit-types", kind)
    asked = make.application_body(vehicle["id"], area["id"], "day")
    answer = await platform.permits.post("/v1/permit-applications", json=asked, headers=firm.headers)
    assert answer.status_code == 201, answer.text
    await platform.decide(f"/v1/permit-applications/{answer.json()['id']}/approval", {})
    return firm, vehicle, area, point


async def _has_area(platform: Platform, area_id: str) -> bool:
    pool = await platform.worker.pool()
    return bool(await pool.fetchval("SELECT 1 FROM permits.areas WHERE id = $1", UUID(area_id)))


async def test_a_suspension_reaches_the_check_within_a_second_and_lifting_restores(
    platform: Platform, record_property: Callable[[str, object], None]
) -> None:
    firm, vehicle, _area, point = await permitted_van(platform)
    assert (await platform.ask(vehicle, point))["verdict"] == "allowed"
    took: list[float] = []
    for number in range(SUSPENSIONS):
        for step, verdict in (("suspension", "denied"), ("reinstatement", "allowed")):
            path = f"/v1/enterprises/{firm.id}/{step}"
            answer = await platform.registry.post(
                path, json={"reason": f"第 {number} 次"}, headers=source.official()
            )
            assert answer.status_code == 200, answer.text

            async def changed(wanted: str = verdict) -> bool:
                return bool((await platform.ask(vehicle, point))["verdict"] == wanted)

            took.append(await platform.seconds_until(changed))
    took.sort()
    p99 = took[int(len(took) * 0.99) - 1]
    figures = f"p50 {took[len(took) // 2]:.3f} s, p99 {p99:.3f} s, max {took[-1]:.3f} s"
    record_property("suspension to police check", figures)
    assert p99 <= WITHIN_S, figures


async def test_a_past_suspension_is_known_to_a_copy_built_anew(platform: Platform) -> None:
    """Firm suspended some seconds after the fact, later reinstated; then permits starts from the snapshot."""
    firm, vehicle, _area, point = await permitted_van(platform)
    begins, ends = await _hold_time(), await _hold_time()
    for step, since in (("suspension", begins), ("reinstatement", ends)):
        answer = await platform.registry.post(
            f"/v1/enterprises/{firm.id}/{step}",
            json={"reason": "补录", "effective_at": since.isoformat()},
            headers=source.official(),
        )
        assert answer.status_code == 200, answer.text
    expected = {
        begins - _MS: "allowed",
        begins: "denied",
        ends - _MS: "denied",
        ends: "allowed",
        await _hold_time(): "allowed",
    }

    async def verdicts() -> dict[datetime, str]:
        return {at: (await platform.ask(vehicle, point, at=at.isoformat()))["verdict"] for at in expected}

    async def as_decided() -> bool:
        return await verdicts() == expected

    await eventually(as_decided)
    pool = await platform.worker.pool()
    await pool.execute("DELETE FROM permits.enterprise_standings")
    assert await verdicts() != expected
    await pool.execute("UPDATE permits.follow_cursors SET copy_version = 0")
    # The follower sees it with the next change of the feed.
    await source.admit_firm(platform.registry)
    await eventually(as_decided)


async def _hold_time() -> datetime:
    """An instant of whole milliseconds that is over, and later than what happened before the call."""
    began = datetime.now(UTC)
    instant = began.replace(microsecond=began.microsecond // 1000 * 1000) + 2 * _MS

    async def over() -> bool:
        return datetime.now(UTC) > instant + _MS

    await eventually(over)
    return instant


async def test_papers_arrive_with_their_course(platform: Platform) -> None:
    """An inspection that ends in two days ends at the city's midnight after it, as the check knows today."""
    firm = await source.admit_firm(platform.registry)
    last = datetime.now(CITY_ZONE).date() + timedelta(days=2)
    midnight = datetime.combine(last + timedelta(days=1), time(), CITY_ZONE).astimezone(UTC)
    vehicle = await source.register(platform.registry, firm, inspection_valid_to=last.isoformat())
    nowhere = {"lon": 1.0, "lat": 1.0}

    async def known() -> bool:
        return bool((await platform.ask(vehicle, nowhere))["vehicle"]["known"])

    await eventually(known)
    answer = await platform.ask(vehicle, nowhere)
    assert (answer["verdict"], datetime.fromisoformat(answer["until"])) == ("allowed", midnight)
    for at, lapses in ((midnight - _MS, []), (midnight, ["inspection"])):
        then = await platform.ask(vehicle, nowhere, at=at.isoformat())
        assert (then["verdict"] == "denied", then["vehicle"]["lapses"]) == (bool(lapses), lapses)
    renewal = {"holder_kind": "vehicle", "holder_id": vehicle["id"], "kind": "inspection"}
    renewal |= {"valid_from": (last + timedelta(days=4)).isoformat()}
    made = await platform.registry.post("/v1/certificates", json=renewal, headers=firm.headers)
    assert made.status_code == 201, made.text

    async def gap_has_an_end() -> bool:
        then = await platform.ask(vehicle, nowhere, at=midnight.isoformat())
        return bool(then["until"] == format_instant(midnight + timedelta(days=3)))

    await eventually(gap_has_an_end)


async def test_transfer_area_change_and_disabled_client_arrive(platform: Platform) -> None:
    firm, vehicle, area, point = await permitted_van(platform)
    buyer = await source.admit_firm(platform.registry)
    body = {"enterprise_id": str(buyer.id), "reason": "过户"}
    moved = await platform.registry.post(
        f"/v1/vehicles/{vehicle['id']}/transfer", json=body, headers=source.official()
    )
    assert moved.status_code == 201, moved.text

    async def inherits_nothing() -> bool:
        answer = await platform.ask(vehicle, point)
        return bool(answer["vehicle"]["id"] == moved.json()["id"] and answer["verdict"] == "denied")

    await eventually(inherits_nothing)
    headers = make.office_client(issuer=source.ISSUER)
    listed = await platform.permits.get("/v1/permits", headers=headers)
    assert [permit["status"] for permit in listed.json()["items"]] == ["expired"]

    now = datetime.now(UTC).isoformat()
    shape = {"geometry": source.square(121.0, 40.0), "valid_from": now}
    changed = await platform.registry.post(
        f"/v1/areas/{area['id']}/versions", json=shape, headers=source.official()
    )
    assert changed.status_code == 201, changed.text

    async def elsewhere() -> bool:
        here, there = (
            await platform.ask(vehicle, point),
            await platform.ask(vehicle, {"lon": 121.01, "lat": 40.01}),
        )
        return bool((here["verdict"], there["verdict"]) == ("allowed", "denied"))

    await eventually(elsewhere)
    disabled = await platform.registry.post(
        f"/v1/clients/{firm.client_id}/disablement", json={"reason": "退出"}, headers=source.administrator()
    )
    assert disabled.status_code in {200, 204}, disabled.text

    async def refused() -> bool:
        answer = await platform.permits.get("/v1/permits", headers=firm.headers)
        return answer.status_code == 401

    await eventually(refused)


async def test_the_facts_of_rules_are_those_the_registry_publishes(platform: Platform) -> None:
    """Every fact a rule may name and the registry knows arrives in the copy."""
    firm = await source.admit_firm(platform.registry)
    vehicle = await source.register(platform.registry, firm, emission_stage=0)

    async def facts() -> dict[str, Any] | None:
        pool = await platform.worker.pool()
        row = await pool.fetchval("SELECT facts FROM permits.vehicles WHERE id = $1", UUID(vehicle["id"]))
        found: dict[str, Any] | None = json.loads(row) if row else None
        return found

    async def arrived() -> bool:
        return await facts() is not None

    await eventually(arrived)
    expected = {
        name: vehicle[name]
        for name in (
            "plate_color",
            "vehicle_type",
            "powertrain",
            "gross_mass_kg",
            "payload_kg",
            "length_m",
            "width_m",
            "height_m",
            "refrigeration",
            "emission_stage",
        )
    }
    assert set(expected) <= VehicleState.model_fields.keys()
    assert await facts() == expected
