"""Makes what matching tests stand on: the app, principals with real tokens, copies, loads."""

import itertools
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from services.matching.consumers.copies import (
    PERMITS_COPY_VERSION,
    REGISTRY_COPY_VERSION,
    apply_permits,
    apply_registry,
)
from services.matching.main import create_app
from services.matching.models import FOLLOW_CURSORS
from services.matching.settings import MatchingSettings
from services.shared.auth import AccessTokenIssuer, Principal, Role
from services.shared.auth.tokens import generate_key, public_part
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.events.permits import PermitState, RestrictionRuleState
from services.shared.events.registry import AreaState, EnterpriseState, VehicleState
from services.shared.follow import Change
from services.shared.ids import new_id
from services.shared.schemas import format_instant

ISSUER = AccessTokenIssuer(json.dumps(generate_key("registry-tokens")))
SERVICE_KEY = generate_key("matching")
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
_numbers = itertools.count(random.Random(11).randrange(10**5))
_APPLY = {"registry": apply_registry, "permits": apply_permits}
_COPY_VERSIONS = {"registry": REGISTRY_COPY_VERSION, "permits": PERMITS_COPY_VERSION}

Json = dict[str, Any]
Headers = dict[str, str]


def settings(
    urls: dict[str, str], directory: Path, role: str = "matching_api", **values: Any
) -> MatchingSettings:
    """Settings of one process of matching."""
    path = directory / "service_keys.json"
    path.write_text(json.dumps({"keys": [public_part(SERVICE_KEY)]}))
    given: Json = {
        "database_url": urls[role],
        "service_key": json.dumps(SERVICE_KEY),
        "service_keys_file": path,
        "environment": "demo",
        "port": 1,
        "position_poll_s": 0.1,
    }
    return MatchingSettings(**{**given, **values})


@dataclass
class Telemetry:
    """Stands for telemetry's internal route of latest positions: a log in the order of arrival."""

    log: list[Json] = field(default_factory=list)

    def report(self, vehicle_id: UUID, lon: float, lat: float, time: datetime | None = None) -> None:
        """A vehicle's latest position."""
        moment = format_instant(time or utc_now())
        self.log.append(
            {
                "vehicle_id": str(vehicle_id),
                "terminal_number": "T1",
                "time": moment,
                "lon": lon,
                "lat": lat,
                "speed_kmh": 30.0,
                "load_state": "empty",
            }
        )

    def client(self) -> httpx.AsyncClient:
        """A client of it."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://telemetry")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        after = int(request.url.params.get("after", "0"))
        items = self.log[after : after + int(request.url.params["limit"])]
        return httpx.Response(200, json={"items": items, "next_after": str(after + len(items))})


def app(
    urls: dict[str, str],
    directory: Path,
    telemetry: httpx.AsyncClient,
    issuer: AccessTokenIssuer = ISSUER,
    **values: Any,
) -> FastAPI:
    """The matching API, which takes the tokens of `issuer`."""

    async def fetch_jwks() -> Json:
        return issuer.jwks()

    return create_app(settings(urls, directory, **values), fetch_jwks=fetch_jwks, telemetry=telemetry)


@asynccontextmanager
async def running(made: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An app with its lifespan, behind an in-process client."""
    async with made.router.lifespan_context(made):
        transport = httpx.ASGITransport(made, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://matching", timeout=60) as client:
            yield client


def bearer(principal: Principal, issuer: AccessTokenIssuer = ISSUER) -> Headers:
    """Authorization of a principal."""
    return {"Authorization": f"Bearer {issuer.issue(principal)[0]}"}


def bureau(role: Role = Role.transport_bureau, issuer: AccessTokenIssuer = ISSUER) -> Headers:
    """Authorization of an office's system."""
    client = str(uuid4())
    return bearer(Principal(client, role, client_id=client), issuer)


def firm_headers(enterprise_id: UUID) -> Headers:
    """Authorization of an enterprise's client."""
    client = str(uuid4())
    return bearer(Principal(client, Role.enterprise, enterprise_id=enterprise_id, client_id=client))


def plate() -> str:
    """A fresh ordinary plate of Panjin."""
    return f"辽L{next(_numbers) % 100_000:05d}"


def apart() -> tuple[float, float]:
    """A point hundreds of kilometres from every other one made so."""
    number = next(_numbers)
    return -170 + (number % 60) * 5.5, -60 + (number // 60 % 25) * 5.0


def square(lon: float, lat: float, half: float = 0.05) -> Json:
    """A GeoJSON MultiPolygon of one square around a point."""
    west, south, east, north = lon - half, lat - half, lon + half, lat + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "MultiPolygon", "coordinates": [[ring]]}


@dataclass(frozen=True)
class Firm:
    """A firm and its client."""

    state: EnterpriseState
    headers: Headers

    @property
    def id(self) -> UUID:
        """Its id."""
        return self.state.id


class World:
    """Stands for the feeds that are followed: what it says is in the copies and in the fleet."""

    def __init__(self, worker: Database, made: FastAPI, telemetry: Telemetry) -> None:
        self.worker = worker
        self.app = made
        self.telemetry = telemetry
        self.feed_id = new_id()
        self.positions = {"registry": 0, "permits": 0}
        self.versions: dict[UUID, int] = {}

    async def say(self, source: str, kind: str, state: Any) -> None:
        """Apply one state as the follower would."""
        self.positions[source] += 1
        self.versions[state.id] = self.versions.get(state.id, 0) + 1
        change = Change(
            kind,
            state.id,
            self.versions[state.id],
            self.positions[source],
            utc_now(),
            deleted=False,
            state=state,
        )
        async with self.worker.transaction() as session:
            await _APPLY[source](session, change)
            await self._move(session, source)

    async def start(self) -> None:
        """Say that both feeds have been followed from the beginning."""
        async with self.worker.transaction() as session:
            for source in self.positions:
                await self._move(session, source)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the fleet of the app has taken everything in."""
        await self.app.state.fleet.read_copies()
        await self.app.state.fleet.poll_positions()

    async def _move(self, session: Any, source: str) -> None:
        values = {
            "feed_id": self.feed_id,
            "pos": self.positions[source],
            "digest": bytes(32),
            "copy_version": _COPY_VERSIONS[source],
            "updated_at": func.now(),
        }
        await session.execute(
            insert(FOLLOW_CURSORS)
            .values(source=source, **values)
            .on_conflict_do_update(index_elements=["source"], set_=values)
        )

    async def firm(self, **values: Any) -> Firm:
        """An active firm."""
        given = {"id": new_id(), "name": "盘锦城配", "uscc": "x", "kind": "carrier", "status": "active"}
        state = EnterpriseState.model_validate({**given, **values})
        await self.say("registry", "enterprise", state)
        return Firm(state, firm_headers(state.id))

    async def standing(self, firm: Firm, status: str) -> None:
        """Suspend, close or reinstate a firm."""
        await self.say("registry", "enterprise", firm.state.model_copy(update={"status": status}))
        await self.settle()

    async def course(self, firm: Firm, *turns: tuple[datetime, tuple[str, ...]]) -> None:
        """Say a firm's course: active since long ago, then licences run out and are renewed."""
        standings = [
            {"since": since, "status": "suspended" if causes else "active", "causes": causes}
            for since, causes in ((LONG_AGO, ()), *turns)
        ]
        state = EnterpriseState.model_validate({**firm.state.model_dump(), "standings": standings})
        await self.say("registry", "enterprise", state)
        await self.settle()

    async def papers(self, vehicle: VehicleState, *turns: tuple[datetime, tuple[str, ...]]) -> None:
        """Say the course of a vehicle's papers: in order since long ago, then as the turns say."""
        standings = [
            {"since": since, "status": "lapsed" if causes else "active", "causes": causes}
            for since, causes in ((LONG_AGO, ()), *turns)
        ]
        await self.say(
            "registry",
            "vehicle",
            VehicleState.model_validate({**vehicle.model_dump(), "standings": standings}),
        )
        await self.settle()

    async def vehicle(self, firm: Firm, at: tuple[float, float] | None = None, **values: Any) -> VehicleState:
        """A light electric box van, reporting from `at` unless that is None."""
        state = vehicle_state(firm.id, **values)
        await self.say("registry", "vehicle", state)
        if at is not None:
            self.telemetry.report(state.id, *at)
        await self.settle()
        return state

    async def area(self, point: tuple[float, float], half: float = 0.05, **values: Any) -> AreaState:
        """A square area around a point."""
        versions = [{"valid_from": LONG_AGO, "geometry": square(*point, half)}]
        given = {"id": new_id(), "code": f"A{next(_numbers)}", "name": "核心区", "kind": "restricted"}
        state = AreaState.model_validate({**given, "versions": versions, **values})
        await self.say("registry", "area", state)
        return state

    async def rule(self, area: AreaState, effect: str, **values: Any) -> RestrictionRuleState:
        """A rule on an area."""
        state = rule_state(area.id, effect, **values)
        await self.say("permits", "restriction_rule", state)
        await self.settle()
        return state

    async def permit(self, vehicle: VehicleState, areas: list[UUID], **values: Any) -> PermitState:
        """A permit (or, with lifts="ban", an exemption) of a vehicle."""
        state = permit_state(vehicle, areas, **values)
        await self.say("permits", "permit", state)
        await self.settle()
        return state


def vehicle_state(enterprise_id: UUID, **values: Any) -> VehicleState:
    """A light electric box van."""
    given = {
        "id": new_id(),
        "enterprise_id": enterprise_id,
        "plate_number": plate(),
        "plate_color": 2,
        "valid_from": LONG_AGO,
        "vehicle_type": "H32",
        "powertrain": "BEV",
        "energy_code": "C",
        "gross_mass_kg": 4490,
        "payload_kg": 1765,
        "volume_m3": 14.5,
        "length_m": 5.995,
    }
    return VehicleState.model_validate({**given, **values})


def rule_state(area_id: UUID, effect: str, **values: Any) -> RestrictionRuleState:
    """A rule on an area, for everyone at all hours unless `values` say otherwise."""
    given = {
        "id": new_id(),
        "code": f"R-{next(_numbers)}",
        "title_zh": "核心区货车限行",
        "title_en": "Core zone",
        "area_ids": [area_id],
        "effect": effect,
        "valid_from": LONG_AGO,
    }
    return RestrictionRuleState.model_validate({**given, **values})


def permit_state(vehicle: VehicleState, areas: list[UUID], **values: Any) -> PermitState:
    """A permit for years, at all hours unless `values` say otherwise."""
    given = {
        "id": new_id(),
        "code": f"P-{next(_numbers)}",
        "permit_type": "day",
        "vehicle_id": vehicle.id,
        "enterprise_id": vehicle.enterprise_id,
        "area_ids": areas,
        "valid_from": LONG_AGO,
        "valid_to": LONG_AGO + timedelta(days=3650),
        "status": "active",
    }
    return PermitState.model_validate({**given, **values})


def window(start_h: float, end_h: float, now: datetime | None = None) -> Json:
    """A window so many hours from now."""
    base = now or utc_now()
    return {
        "from": format_instant(base + timedelta(hours=start_h)),
        "to": format_instant(base + timedelta(hours=end_h)),
    }


def load_body(origin: tuple[float, float], to: tuple[float, float] | None = None, **values: Any) -> Json:
    """A load of 800 kg from a point, to be picked up within two hours from now."""
    there = to or (origin[0] + 0.02, origin[1] + 0.02)
    return {
        "origin": {"lon": origin[0], "lat": origin[1], "address": "兴隆台区石油大街 1 号"},
        "destination": {"lon": there[0], "lat": there[1], "address": "双台子区红旗大街 88 号"},
        "weight_kg": 800.0,
        "volume_m3": 4.0,
        "temperature_class": "ambient",
        "pickup_window": window(0, 2),
        "delivery_window": window(0.5, 4),
        "cargo_type_code": "1500",
        "description": "日用品 60 箱",
        **values,
    }


async def post_load(api: httpx.AsyncClient, firm: Firm, origin: tuple[float, float], **values: Any) -> Json:
    """A load posted through the API."""
    answer = await api.post("/v1/loads", json=load_body(origin, **values), headers=firm.headers)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def candidates(api: httpx.AsyncClient, load: Json, headers: Headers, **params: Any) -> Json:
    """The candidates of a load."""
    answer = await api.get("/v1/candidates", params={"load_id": load["id"], **params}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def offer(
    api: httpx.AsyncClient, firm: Firm, load: Json, vehicle: VehicleState, price: str = "320.00"
) -> Json:
    """An offer made through the API."""
    body = {"load_id": load["id"], "vehicle_id": str(vehicle.id), "price_yuan": price}
    answer = await api.post("/v1/offers", json=body, headers=firm.headers)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def accept(api: httpx.AsyncClient, firm: Firm, made: Json) -> httpx.Response:
    """The answer to an acceptance."""
    return await api.post(f"/v1/offers/{made['id']}/acceptance", headers=firm.headers)
