"""Makes what registry tests stand on: the app, principals with real tokens, firms, vehicles, areas."""

import itertools
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from services.registry.settings import RegistryApiSettings
from services.shared.auth import AccessTokenIssuer, Principal, Role, ServiceAuth
from services.shared.auth.tokens import generate_key, public_part
from services.shared.personal.keys import new_ring
from services.shared.standards.uscc import ALPHABET, organisation_check_character, uscc_check_character
from tests.factories.media import pdf

SIGNING_KEY = generate_key("registry-tokens")
SERVICE_KEY = generate_key("permits")
PERSONAL_KEYS = json.dumps(new_ring())
ISSUER = AccessTokenIssuer(json.dumps(SIGNING_KEY))
_numbers = itertools.count(random.Random(20).randrange(10**6))

Json = dict[str, Any]


def settings_values(urls: dict[str, str], directory: Path, role: str = "registry_api") -> Json:
    """Values every settings class of the service needs."""
    path = directory / "service_keys.json"
    path.write_text(json.dumps({"keys": [public_part(SERVICE_KEY)]}))
    return {
        "database_url": urls[role],
        "service_key": json.dumps(generate_key("registry")),
        "service_keys_file": path,
        "personal_keys": PERSONAL_KEYS,
        "environment": "demo",
        "port": 1,
    }


def api_settings(urls: dict[str, str], directory: Path, **values: Any) -> RegistryApiSettings:
    """Settings of the API with limits no test meets by accident."""
    given = {
        **settings_values(urls, directory),
        "signing_key": json.dumps(SIGNING_KEY),
        "public_per_minute": 100_000,
        "sign_in_per_minute": 100_000,
        "complaints_per_minute": 100_000,
    }
    return RegistryApiSettings(**{**given, **values})


@asynccontextmanager
async def running(app: FastAPI, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """An app with its lifespan, behind an in-process client that comes from `address`."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
            yield client


def instant(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bearer(principal: Principal) -> dict[str, str]:
    """Authorization of a principal, signed with the registry's key."""
    return {"Authorization": f"Bearer {ISSUER.issue(principal)[0]}"}


def official(role: Role = Role.transport_bureau, *scopes: str) -> dict[str, str]:
    """Authorization of a named official."""
    return bearer(Principal(str(uuid4()), role, name="李工", scopes=frozenset(scopes)))


def administrator() -> dict[str, str]:
    """Authorization of a named administrator."""
    return official(Role.transport_bureau, "admin")


def office_client(role: Role) -> dict[str, str]:
    """Authorization of an office's system: no named person."""
    client = str(uuid4())
    return bearer(Principal(client, role, client_id=client))


def firm_headers(enterprise_id: UUID) -> dict[str, str]:
    """Authorization of a client of a firm."""
    client = str(uuid4())
    return bearer(Principal(client, Role.enterprise, enterprise_id=enterprise_id, client_id=client))


def service() -> dict[str, str]:
    """Authorization of the permits service."""
    return {"Authorization": f"Bearer {ServiceAuth(json.dumps(SERVICE_KEY)).token()}"}


def uscc() -> str:
    """A fresh, valid unified social credit code (GB 32100-2015), made up."""
    number = next(_numbers)
    body = "".join(ALPHABET[number // 31**k % 31] for k in range(5))
    organisation = f"MA{body}0"
    check = organisation_check_character(organisation)
    code = f"92211100{organisation}{check}"
    return code + uscc_check_character(code)


def plate() -> str:
    """A fresh ordinary plate of Panjin."""
    return f"辽L{next(_numbers) % 100_000:05d}"


def vehicle_body(**values: Any) -> Json:
    """A light electric box van; yellow plate."""
    return {
        "plate_number": plate(),
        "plate_color": 2,
        "powertrain": "BEV",
        "energy_code": "C",
        "vehicle_type": "H32",
        "curb_mass_kg": 2600,
        "gross_mass_kg": 4495,
        "payload_kg": 1765,
        "volume_m3": 14.5,
        "length_m": 5.995,
        "width_m": 2.1,
        "height_m": 2.9,
        "refrigeration": "none",
        **values,
    }


def square(lon: float = 122.06, lat: float = 41.11, side: float = 0.02) -> Json:
    """A GeoJSON square."""
    east, north = lon + side, lat + side
    ring = [[lon, lat], [east, lat], [east, north], [lon, north], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


def area_body(**values: Any) -> Json:
    """A restricted area, in force since the beginning of 2025."""
    return {
        "code": f"A-{next(_numbers)}",
        "name": "中心城区",
        "kind": "restricted",
        "geometry": square(),
        "valid_from": "2025-01-01T00:00:00Z",
        **values,
    }


@dataclass(frozen=True)
class Firm:
    """An admitted firm."""

    id: UUID
    uscc: str
    client_id: str
    client_secret: str
    headers: dict[str, str]


async def admit_firm(api: httpx.AsyncClient, *, kind: str = "carrier", demo: bool = False) -> Firm:
    """Apply, approve, collect and sign in, all through the API."""
    code = uscc()
    applied = (
        await api.post(
            "/v1/enterprise-applications", json={"name": f"城配{code}", "uscc": code, "kind": kind}
        )
    ).json()
    path = f"/v1/enterprise-applications/{applied['id']}"
    approved = await api.post(f"{path}/approval", json={"demo": demo}, headers=official())
    assert approved.status_code == 200, approved.text
    reference = {"reference_code": applied["reference_code"]}
    client = (await api.post(f"{path}/credentials", json=reference)).json()
    headers = await client_headers(api, client["client_id"], client["client_secret"])
    return Firm(
        UUID(approved.json()["enterprise_id"]), code, client["client_id"], client["client_secret"], headers
    )


async def client_headers(api: httpx.AsyncClient, client_id: str, secret: str) -> dict[str, str]:
    """Authorization of a client, from the token endpoint."""
    answer = await api.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def register(api: httpx.AsyncClient, firm: Firm, **values: Any) -> Json:
    """Register a vehicle of a firm."""
    answer = await api.post("/v1/vehicles", json=vehicle_body(**values), headers=firm.headers)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


SMALL_PDF = pdf()


async def upload(
    api: httpx.AsyncClient, firm: Firm, content: bytes = SMALL_PDF, media_type: str = "application/pdf"
) -> httpx.Response:
    """Upload a document of a firm."""
    headers = {**firm.headers, "Content-Type": media_type}
    return await api.post("/v1/documents", content=content, headers=headers)


async def outbox_state(connection: Any, entity_id: UUID | str) -> Json:
    """Return the newest state of an entity that waits in the outbox, where no sequencer runs."""
    state = await connection.fetchval(
        "SELECT state FROM registry.outbox WHERE id = $1::uuid ORDER BY seq DESC LIMIT 1", str(entity_id)
    )
    found: Json = json.loads(state)
    return found
