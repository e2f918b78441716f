"""The HTTP face of the telemetry service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.shared.app import create_service_app, lasting
from services.shared.audit import AccessLog
from services.shared.auth.verifier import FetchJwks
from services.shared.changes import feed_router
from services.shared.ending import told_to_end
from services.shared.logs import configure_logs
from services.telemetry.api import (
    alert_rules,
    alerts,
    commands,
    health,
    legal_holds,
    position_readings,
    positions,
    posting,
    quarantine,
    records,
    streams,
    terminals,
    tiles,
    track_aggregates,
    tracks,
    trips,
)
from services.telemetry.domain.states import read_rules
from services.telemetry.models import SCHEMA_REVISION, feed
from services.telemetry.operations.city_profile import read_health_limits
from services.telemetry.operations.densities import DensityMaps
from services.telemetry.operations.readings import Watches
from services.telemetry.operations.streams import Streams
from services.telemetry.settings import TelemetrySettings

ROUTERS = (
    terminals.router,
    commands.router,
    health.router,
    positions.router,
    posting.router,
    tracks.router,
    streams.router,
    tiles.router,
    position_readings.router,
    quarantine.router,
    records.router,
    track_aggregates.router,
    legal_holds.router,
    trips.router,
    alerts.router,
    alert_rules.router,
)
BATCH_BODY_LIMIT = 4 << 20
"""Bytes; a batch of 20,000 terminals has about three million."""


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    """End the streams as soon as the process is told to end: it waits for every answer."""
    with told_to_end(app.state.streams.end_all):
        yield


def create_app(settings: TelemetrySettings, fetch_jwks: FetchJwks | None = None) -> FastAPI:
    """Return the app of the process `telemetry-api`."""
    app = create_service_app(
        settings,
        name="telemetry",
        title="Telemetry",
        description="终端、位置、轨迹、行程与报警 / Terminals, positions, tracks, visits, trips, alerts",
        revision=SCHEMA_REVISION,
        routers=[*ROUTERS, positions.internal_router, feed_router(feed)],
        lifespan=_life,
        fetch_jwks=fetch_jwks,
        body_limit=BATCH_BODY_LIMIT,
    )
    _equip(app, settings)
    return app


def _equip(app: FastAPI, settings: TelemetrySettings) -> None:
    """Give the app what reading positions and terminals needs beside the database."""
    state = app.state
    state.health_limits = read_health_limits(settings.city_profile)
    state.reading_rules = read_rules((settings.city_profile / "profile.toml").read_text(encoding="utf-8"))
    state.access_log = AccessLog(state.database, "telemetry")
    state.watches = Watches()
    state.densities = DensityMaps(state.database)
    state.streams = Streams(
        state.database,
        state.reading_rules,
        state.clock,
        per_caller=settings.streams_per_caller,
        most=settings.streams,
    )


def app_from_env() -> FastAPI:
    """Return the app with the settings of the environment, for uvicorn."""
    configure_logs("telemetry-api")
    return lasting(create_app(TelemetrySettings()))
