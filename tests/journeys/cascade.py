"""What a cascade is measured on: vans, loads, and how long police and candidates take to show a change."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from services.registry.models import FEED
from services.shared.db import Database
from services.shared.events.registry import VehicleState
from tests.journeys.steps import Firm, Van, candidate_of
from tests.support.city import City, expect
from tests.support.waiting import until

LIMIT_S = 1.0
GIVE_UP_S = 10.0
RESTRICTED, OPEN = (121.50, 40.80), (121.56, 40.80)
"""A place where only a permit lets a van in, and one without rules."""

Shown = tuple[str, str | None]
"""The police's verdict and the candidate's."""


@dataclass(frozen=True)
class Scene:
    """A platform, its offices, a shipper's open load at each place."""

    city: City
    admin: httpx.Client
    police: httpx.Client
    shipper: Firm
    loads: dict[tuple[float, float], str]

    def check(self, van: Van, place: tuple[float, float]) -> dict[str, Any]:
        """What the police is answered of the van at a place now."""
        asked = {"plate_number": van.plate, "plate_color": 94, "lon": place[0], "lat": place[1]}
        found: dict[str, Any] = expect(self.police.post("/v1/checks", json=asked))
        return found

    def candidate(self, vehicle_id: str, place: tuple[float, float]) -> dict[str, Any] | None:
        """The vehicle among the candidates of the load at a place, as the bureau sees it."""
        return candidate_of(self.admin, self.loads[place], vehicle_id)

    def shown(self, van: Van, place: tuple[float, float]) -> Shown:
        """Both verdicts now."""
        candidate = self.candidate(van.id, place)
        verdict = None if candidate is None else str(candidate["verdict"])
        return str(self.check(van, place)["verdict"]), verdict


def allow_only_by_permit(scene: Scene, carrier: Firm, van: Van) -> None:
    """Make the restricted place ask for a permit, and give the van one."""
    now = datetime.now(UTC)
    begin = (now - timedelta(days=1)).isoformat()
    west, south = RESTRICTED[0] - 0.01, RESTRICTED[1] - 0.01
    east, north = west + 0.02, south + 0.02
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    shape = {"geometry": {"type": "Polygon", "coordinates": [ring]}, "valid_from": begin}
    body = {"code": "CASCADE", "name": "级联区", "kind": "restricted", **shape}
    area = expect(scene.admin.post("/v1/areas", json=body), 201)
    named = {"code": "CASCADE-RULE", "title_zh": "凭证", "title_en": "Permit", "effect": "permit_required"}
    rule = {**named, "area_ids": [area["id"]], "valid_from": begin}
    until(lambda: scene.police.post("/v1/restriction-rules", json=rule).status_code == 201, 20)
    application = {
        "vehicle_id": van.id,
        "permit_type": "PJ-GREEN-YEAR",
        "area_ids": [area["id"]],
        "valid_from": now.isoformat(),
        "valid_to": (now + timedelta(days=30)).isoformat(),
        "purpose": "级联测试",
    }
    made = expect(carrier.client.post("/v1/permit-applications", json=application), 201)
    expect(scene.police.post(f"/v1/permit-applications/{made['id']}/approval", json={}))


def wait_for(seen: Callable[[], Any], wanted: Any) -> float:
    """How long it takes from now until both show what is wanted, seconds."""
    began = time.monotonic()
    while (found := seen()) != wanted:
        assert time.monotonic() - began < GIVE_UP_S, f"still {found}, not {wanted}"
    return time.monotonic() - began


def told(name: str, lags: Sequence[float]) -> float:
    """Print the figures of a cascade; its p99."""
    ranked = sorted(lags)
    p99 = ranked[math.ceil(0.99 * len(ranked)) - 1]
    figures = f"p50 {ranked[len(ranked) // 2]:.3f} s, p99 {p99:.3f} s, max {ranked[-1]:.3f} s"
    print(f"cascade of {name}: {len(ranked)} changes, {figures}")  # noqa: T201 - a figure
    return p99


def publish_papers(city: City, vehicle_id: str, turns: Sequence[tuple[datetime, tuple[str, ...]]]) -> None:
    """Put a course of papers into the registry's feed as the registry does, but with turns at any instant.

    Certificates know days only, and nobody waits for midnight here.
    """
    asyncio.run(_publish_papers(city, UUID(vehicle_id), turns))


async def _publish_papers(
    city: City, vehicle_id: UUID, turns: Sequence[tuple[datetime, tuple[str, ...]]]
) -> None:
    url = (city.run / "secrets" / "registry-worker" / "registry_database_url").read_text().strip()
    database = Database(url, pool_size=1)
    newest = "SELECT version, state FROM registry.heads WHERE kind = 'vehicle' AND id = :id"
    async with database.transaction() as session:
        version, stored = (await session.execute(text(newest), {"id": vehicle_id})).one()
        state = VehicleState.model_validate_json(bytes(stored))
        standings = [
            {"since": since, "status": "lapsed" if causes else "active", "causes": causes}
            for since, causes in ((state.valid_from, ()), *turns)
        ]
        course = VehicleState.model_validate({**state.model_dump(), "standings": standings})
        await FEED.record(session, kind="vehicle", entity_id=vehicle_id, version=version + 1, state=course)
    await database.close()
