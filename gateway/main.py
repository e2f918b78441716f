"""The gateway's HTTP app."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gateway.api import descriptions, exchange, health
from gateway.clients import PlatformHealth
from gateway.domain.descriptions import merge
from gateway.models import SCHEMA_REVISION
from gateway.operations.logs import CHANNEL
from gateway.queries.descriptions import read_descriptions
from gateway.settings import GatewayApiSettings
from services.shared.app import create_service_app, lasting
from services.shared.auth.tokens import load_key
from services.shared.auth.verifier import FetchJwks
from services.shared.changes.wakeups import Wakeups
from services.shared.logs import configure_logs
from services.shared.readiness import check_database

TITLE = "城市货运信息平台 / City freight platform"


def create_app(settings: GatewayApiSettings, fetch_jwks: FetchJwks | None = None) -> FastAPI:
    """Return the app of the process `gateway-api`."""
    app = create_service_app(
        settings,
        name="gateway",
        title="Gateway",
        description="数据交换、接口文档、平台健康 / Exchange, API description, platform health",
        revision=SCHEMA_REVISION,
        routers=[exchange.router, descriptions.router, health.router],
        lifespan=_life,
        fetch_jwks=fetch_jwks,
    )
    app.state.manifest_key = load_key(settings.manifest_key.get_secret_value())
    app.state.wakeups = Wakeups(CHANNEL)
    documents = read_descriptions(settings.openapi_directory)
    app.state.description = json.dumps(merge(TITLE, documents), ensure_ascii=False, separators=(",", ":"))
    app.state.docs_assets = descriptions.load_assets()
    app.state.health = PlatformHealth(
        {
            "registry": settings.registry_url,
            "telemetry": settings.telemetry_url,
            "permits": settings.permits_url,
            "matching": settings.matching_url,
        },
        lambda: check_database(app.state.database, "gateway", SCHEMA_REVISION),
        settings.health_seconds,
    )
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.wakeups.close()


def app_from_env() -> FastAPI:
    """Return the app with the settings of the environment, for uvicorn."""
    configure_logs("gateway-api")
    return lasting(create_app(GatewayApiSettings()))
