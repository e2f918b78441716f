"""Makes what telemetry tests stand on: apps, principals, copies of registry facts, fixes."""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from services.shared.auth import AccessTokenIssuer, Principal, Role, ServiceAuth
from services.shared.auth.tokens import generate_key, public_part
from services.shared.schemas import format_instant
from services.telemetry.main import create_app
from services.telemetry.settings import TelemetrySettings

REGISTRY_KEY = generate_key("registry-tokens")
SERVICE_KEY = generate_key("matching")
_ISSUER = AccessTokenIssuer(json.dumps(REGISTRY_KEY))


def service_keys(directory: Path) -> Path:
    """Writes the public keys of the services."""
    path = directory / "service_keys.json"
    path.write_text(json.dumps({"keys": [public_part(SERVICE_KEY)]}))
    return path


def public_keys() -> dict[str, Any]:
    """The keys that access tokens of `headers` are checked with."""
    return _ISSUER.jwks()


def settings_values(urls: dict[str, str], role: str, directory: Path) -> dict[str, Any]:
    """Values every settings class of the service needs."""
    return {
        "database_url": urls[role],
        "service_key": json.dumps(generate_key("telemetry")),
        "service_keys_file": service_keys(directory),
        "environment": "demo",
        "port": 1,
    }


def headers(
    role: Role = Role.enterprise, enterprise_id: UUID | None = None, name: str | None = None
) -> dict[str, str]:
    """Authorization of a principal, signed as the registry signs."""
    principal = Principal(f"client-{secrets.token_hex(4)}", role, enterprise_id, client_id="test", name=name)
    return {"Authorization": f"Bearer {_ISSUER.issue(principal)[0]}"}


def service_headers() -> dict[str, str]:
    """Authorization of the matching service."""
    return {"Authorization": f"Bearer {ServiceAuth(json.dumps(SERVICE_KEY)).token()}"}


@asynccontextmanager
async def api(urls: dict[str, str], directory: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The service's app behind an in-process client."""

    async def jwks() -> dict[str, Any]:
        return public_keys()

    values = {"activation_timeout_s": 5.0, **settings_values(urls, "telemetry_api", directory), **settings}
    app = create_app(TelemetrySettings(**values), jwks)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://telemetry") as client:
            yield client


async def add_enterprise(superuser: "asyncpg.Connection[asyncpg.Record]", status: str = "active") -> UUID:
    """A copy of an enterprise, as following the registry would make it."""
    enterprise_id = uuid4()
    await superuser.execute(
        "INSERT INTO telemetry.enterprises VALUES ($1, 'Firm', $2, false, 1)", enterprise_id, status
    )
    return enterprise_id


async def add_vehicle(superuser: "asyncpg.Connection[asyncpg.Record]", enterprise_id: UUID) -> UUID:
    """A copy of a vehicle, valid since long ago."""
    vehicle_id = uuid4()
    await superuser.execute(
        "INSERT INTO telemetry.vehicles VALUES ($1, $2, $3, 2, '2020-01-01Z', NULL, false, 1)",
        vehicle_id, enterprise_id, f"辽L{secrets.token_hex(3)[:5].upper()}",
    )  # fmt: skip
    return vehicle_id


def moment(seconds_ago: float) -> datetime:
    """An instant in the past, whole milliseconds."""
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def fix(seconds_ago: float = 10, **fields: Any) -> dict[str, Any]:
    """A good fix in Panjin."""
    return {"time": format_instant(moment(seconds_ago)), "lon": 122.07, "lat": 41.12, **fields}


Holds = Callable[[], Awaitable[bool]]


async def leave_open(superuser: "asyncpg.Connection[asyncpg.Record]", terminal_id: UUID, status: str) -> None:
    """Leave a terminal more than a thousand commands that nobody answers."""
    await superuser.execute(
        "INSERT INTO telemetry.terminal_commands (id, terminal_id, terminal_key, enterprise_id, kind,"
        " interval_s, status, created_at, created_by, expires_at)"
        " SELECT lpad(n::text, 32, '0')::uuid, id, terminal_key, enterprise_id, 'interval', 30, $2, now(),"
        " 'x', now() + interval '1 minute' FROM telemetry.terminals, generate_series(1, 1100) n"
        " WHERE id = $1",
        terminal_id, status,
    )  # fmt: skip
