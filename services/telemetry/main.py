"""The HTTP face of the telemetry service."""

from fastapi import FastAPI

from services.shared.app import create_service_app, lasting
from services.shared.auth.verifier import FetchJwks
from services.shared.changes import feed_router
from services.shared.logs import configure_logs
from services.telemetry.api import (
    alert_rules,
    alerts,
    commands,
    legal_holds,
    positions,
    posting,
    records,
    terminals,
    track_aggregates,
    trips,
)
from services.telemetry.models import SCHEMA_REVISION, feed
from services.telemetry.settings import TelemetrySettings

BATCH_BODY_LIMIT = 4 << 20
"""Bytes; a batch of 20,000 terminals has about three million."""


def create_app(settings: TelemetrySettings, fetch_jwks: FetchJwks | None = None) -> FastAPI:
    """Return the app of the process `telemetry-api`."""
    return create_service_app(
        settings,
        name="telemetry",
        title="Telemetry",
        description="终端、位置、轨迹、行程与报警 / Terminals, positions, tracks, visits, trips, alerts",
        revision=SCHEMA_REVISION,
        routers=[
            terminals.router,
            commands.router,
            positions.router,
            posting.router,
            records.router,
            track_aggregates.router,
            legal_holds.router,
            trips.router,
            alerts.router,
            alert_rules.router,
            positions.internal_router,
            feed_router(feed),
        ],
        fetch_jwks=fetch_jwks,
        body_limit=BATCH_BODY_LIMIT,
    )


def app_from_env() -> FastAPI:
    """Return the app with the settings of the environment, for uvicorn."""
    configure_logs("telemetry-api")
    return lasting(create_app(TelemetrySettings()))
