"""Makes what permits tests stand on: the app, principals with real tokens, copies of registry, permits."""

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

from services.permits.consumers.registry import apply_registry
from services.permits.main import create_app
from services.permits.settings import PermitsSettings
from services.shared.auth import AccessTokenIssuer, Principal, Role
from services.shared.auth.tokens import generate_key, public_part
from services.shared.db import Database
from services.shared.events.registry import AreaState, EnterpriseState, VehicleState
from services.shared.follow import Change
from services.shared.ids import new_id

SIGNING_KEY = generate_key("registry-tokens")
ISSUER = AccessTokenIssuer(json.dumps(SIGNING_KEY))
SERVICE_KEY = generate_key("permits")
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
_numbers = itertools.count(random.Random(7).randrange(10**5))

OFFICES = ("police", "transport_bureau", "commerce_bureau", "postal_bureau")
Json = dict[str, Any]
Headers = dict[str, str]


def settings(urls: dict[str, str], directory: Path, role: str = "permits_api") -> PermitsSettings:
    """Settings of one process of permits."""
    path = directory / "service_keys.json"
    path.write_text(json.dumps({"keys": [public_part(SERVICE_KEY)]}))
    values: Json = {
        "database_url": urls[role],
        "service_key": json.dumps(SERVICE_KEY),
        "service_keys_file": path,
        "environment": "demo",
        "port": 1,
    }
    return PermitsSettings(**values)


def app(urls: dict[str, str], directory: Path, issuer: AccessTokenIssuer = ISSUER) -> FastAPI:
    """The permits API, which takes the tokens of `issuer`."""

    async def fetch_jwks() -> Json:
        return issuer.jwks()

    return create_app(settings(urls, directory), fetch_jwks=fetch_jwks)


@asynccontextmanager
async def running(made: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An app with its lifespan, behind an in-process client."""
    async with made.router.lifespan_context(made):
        transport = httpx.ASGITransport(made, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://permits") as client:
            yield client


def bearer(principal: Principal, issuer: AccessTokenIssuer = ISSUER) -> Headers:
    """Authorization of a principal."""
    return {"Authorization": f"Bearer {issuer.issue(principal)[0]}"}


def official(role: Role = Role.police, issuer: AccessTokenIssuer = ISSUER) -> Headers:
    """Authorization of a named official."""
    return bearer(Principal(str(uuid4()), role, name="王警官"), issuer)


def office_client(role: Role = Role.police, issuer: AccessTokenIssuer = ISSUER) -> Headers:
    """Authorization of an office's system: no named person."""
    client = str(uuid4())
    return bearer(Principal(client, role, client_id=client), issuer)


def firm_headers(enterprise_id: UUID) -> Headers:
    """Authorization of an enterprise's client."""
    client = str(uuid4())
    return bearer(Principal(client, Role.enterprise, enterprise_id=enterprise_id, client_id=client))


def plate() -> str:
    """A fresh ordinary plate of Panjin."""
    return f"辽L{next(_numbers) % 100_000:05d}"


def square(lon: float, lat: float, side: float = 0.02) -> Json:
    """A GeoJSON MultiPolygon of one square."""
    east, north = lon + side, lat + side
    ring = [[lon, lat], [east, lat], [east, north], [lon, north], [lon, lat]]
    return {"type": "MultiPolygon", "coordinates": [[ring]]}


@dataclass
class Registry:
    """Stands for the registry's feed: what it says arrives in the copies at once."""

    database: Database
    versions: dict[UUID, int] = field(default_factory=dict)
    standings: dict[UUID, list[Json]] = field(default_factory=dict)

    async def say(self, kind: str, state: Any) -> None:
        """Apply one state as the follower would."""
        version = self.versions[state.id] = self.versions.get(state.id, 0) + 1
        change = Change(
            kind, state.id, version, next(_numbers), datetime.now(UTC), deleted=False, state=state
        )
        async with self.database.transaction() as session:
            await apply_registry(session, change)

    async def enterprise(self, **values: Any) -> EnterpriseState:
        """An enterprise, in its standing since long ago."""
        given = {"id": new_id(), "name": "盘锦城配", "uscc": "x", "kind": "carrier", "status": "active"}
        state = EnterpriseState.model_validate({**given, **values})
        await self.standing(state, state.status, LONG_AGO)
        return state

    async def standing(
        self,
        enterprise: EnterpriseState,
        status: str,
        since: datetime | None = None,
        causes: tuple[str, ...] = (),
    ) -> None:
        """Suspend, close or reinstate an enterprise; or say when a licence runs out, also ahead of time."""
        now = datetime.now(UTC)
        history = self.standings.setdefault(enterprise.id, [])
        history.append({"status": status, "since": since or now, "causes": causes})
        history.sort(key=lambda standing: standing["since"])
        present = [each["status"] for each in history if each["since"] <= now][-1]
        state = {**enterprise.model_dump(), "status": present, "standings": history}
        await self.say("enterprise", EnterpriseState.model_validate(state))

    async def vehicle(self, enterprise_id: UUID, **values: Any) -> VehicleState:
        """A light electric box van."""
        given = {
            "id": new_id(),
            "enterprise_id": enterprise_id,
            "plate_number": plate(),
            "plate_color": 2,
            "valid_from": LONG_AGO,
            "vehicle_type": "H32",
            "powertrain": "BEV",
            "gross_mass_kg": 4495,
            "payload_kg": 1765,
            "length_m": 5.995,
        }
        state = VehicleState.model_validate({**given, **values})
        await self.say("vehicle", state)
        return state

    async def area(self, lon: float | None = None, lat: float = 41.1, **values: Any) -> AreaState:
        """A square area, by default apart from every other."""
        west = lon if lon is not None else round(75 + next(_numbers) % 1900 * 0.03, 6)
        versions = [{"valid_from": LONG_AGO, "geometry": square(west, lat)}]
        given = {"id": new_id(), "code": f"A{next(_numbers)}", "name": "核心区", "kind": "restricted"}
        state = AreaState.model_validate({**given, "versions": versions, **values})
        await self.say("area", state)
        return state


def centre(area: AreaState) -> Json:
    """A point inside a square area."""
    lon, lat = area.versions[0].geometry["coordinates"][0][0][0]
    return {"lon": lon + 0.01, "lat": lat + 0.01}


def rule_body(area_id: UUID, **values: Any) -> Json:
    """A rule that asks every truck for a permit."""
    return {
        "code": f"R-{next(_numbers)}",
        "title_zh": "核心区货车通行证",
        "title_en": "Core zone by permit",
        "area_ids": [str(area_id)],
        "effect": "permit_required",
        "valid_from": "2025-01-01T00:00:00+08:00",
        **values,
    }


async def make_rule(api: httpx.AsyncClient, area_id: UUID, **values: Any) -> Json:
    """A rule made through the API."""
    answer = await api.post("/v1/restriction-rules", json=rule_body(area_id, **values), headers=official())
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def make_type(api: httpx.AsyncClient, **values: Any) -> str:
    """A permit type made through the API; its code."""
    body = {
        "code": f"T-{next(_numbers)}",
        "name_zh": "日间通行证",
        "name_en": "Day permit",
        "max_days": 400,
        **values,
    }
    answer = await api.post("/v1/permit-types", json=body, headers=official())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


def application_body(vehicle: UUID, area: UUID, kind: str, **values: Any) -> Json:
    """An application for a month from now."""
    now = datetime.now(UTC)
    return {
        "vehicle_id": str(vehicle),
        "permit_type": kind,
        "area_ids": [str(area)],
        "valid_from": now.isoformat(),
        "valid_to": (now + timedelta(days=30)).isoformat(),
        "purpose": "超市日间补货",
        **values,
    }


async def apply(
    api: httpx.AsyncClient, vehicle: VehicleState, area_id: UUID, permit_type: str, **values: Any
) -> Json:
    """An application submitted by the vehicle's enterprise."""
    body = application_body(vehicle.id, area_id, permit_type, **values)
    headers = firm_headers(vehicle.enterprise_id)
    answer = await api.post("/v1/permit-applications", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def grant(
    api: httpx.AsyncClient, vehicle: VehicleState, area_id: UUID, permit_type: str, **values: Any
) -> Json:
    """A permit, applied for and approved."""
    application = await apply(api, vehicle, area_id, permit_type, **values)
    path = f"/v1/permit-applications/{application['id']}/approval"
    answer = await api.post(path, json={}, headers=official())
    assert answer.status_code == 200, answer.text
    found = await api.get(f"/v1/permits/{answer.json()['permit_id']}", headers=office_client())
    assert found.status_code == 200, found.text
    permit: Json = found.json()
    return permit


async def check(
    api: httpx.AsyncClient, vehicle: VehicleState, place: Json, headers: Headers | None = None, **values: Any
) -> Json:
    """The answer to a check, by the police where nobody else is named."""
    body = {"plate_number": vehicle.plate_number, "plate_color": vehicle.plate_color, **place, **values}
    answer = await api.post("/v1/checks", json=body, headers=headers or office_client())
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found
