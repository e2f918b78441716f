"""Matching's HTTP API; the fleet it answers from lives in its lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from services.matching.api import candidates, loads, offers, waybills
from services.matching.clients import LatestPositions
from services.matching.models import FEED, SCHEMA, SCHEMA_REVISION
from services.matching.operations.live_fleet import LiveFleet
from services.matching.settings import MatchingSettings
from services.shared.app import create_service_app, lasting
from services.shared.auth.verifier import FetchJwks
from services.shared.changes import feed_router
from services.shared.db import Database
from services.shared.http import internal_client
from services.shared.logs import configure_logs

_DESCRIPTION = """城市货运公共信息平台——撮合服务：货源、车辆匹配、报价、运单。

Which vehicle may carry which load: loads, candidates with exact reasons, offers, waybills."""


def create_app(
    settings: MatchingSettings,
    *,
    fetch_jwks: FetchJwks | None = None,
    telemetry: httpx.AsyncClient | None = None,
) -> FastAPI:
    """Return the app.

    Args:
        settings: Of this process.
        fetch_jwks: How to get the access-token keys; default: over HTTP from the registry.
        telemetry: Client of telemetry's internal routes; default: at `settings.telemetry_url`.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        key = settings.service_key.get_secret_value()
        # Connections of its own: however many requests wait for theirs, the fleet stays up to date.
        database = Database(
            settings.database_url.get_secret_value(), pool_size=2, application="matching-fleet"
        )
        async with telemetry or internal_client(settings.telemetry_url, key) as client:
            live = LiveFleet(database, LatestPositions(client), settings, app.state.clock)
            app.state.fleet = live
            async with live.kept():
                yield
        await database.close()

    resources = (loads, candidates, offers, waybills)
    return create_service_app(
        settings,
        name=SCHEMA,
        title="撮合服务 / Matching",
        description=_DESCRIPTION,
        revision=SCHEMA_REVISION,
        routers=[*(resource.router for resource in resources), feed_router(FEED)],
        lifespan=life,
        fetch_jwks=fetch_jwks,
    )


def app_from_env() -> FastAPI:
    """Return the app with settings of the environment, for `uvicorn --factory`."""
    configure_logs("matching-api")
    return lasting(create_app(MatchingSettings()))
