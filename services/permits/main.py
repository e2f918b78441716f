"""The permits API."""

import tomllib

from fastapi import FastAPI

from services.permits.api import checks, permit_applications, permit_types, permits, restriction_rules
from services.permits.domain.calendar import read_calendar
from services.permits.models import SCHEMA_REVISION, feed
from services.permits.operations.checks import CheckDesk
from services.permits.settings import PermitsSettings
from services.shared.app import create_service_app, lasting
from services.shared.auth.verifier import FetchJwks
from services.shared.changes import feed_router
from services.shared.logs import configure_logs
from services.shared.rules.schedule import CityClock


def create_app(settings: PermitsSettings, *, fetch_jwks: FetchJwks | None = None) -> FastAPI:
    """Return the API; `fetch_jwks` says how to get the registry's keys, default over HTTP."""
    app = create_service_app(
        settings,
        name="permits",
        title="Permits",
        description="通行规则、通行证与核验 / Restriction rules, permits and checks.",
        revision=SCHEMA_REVISION,
        routers=[
            checks.router,
            restriction_rules.router,
            permit_types.router,
            permit_applications.router,
            permits.router,
            feed_router(feed),
        ],
        fetch_jwks=fetch_jwks,
    )
    profile = tomllib.loads((settings.city_profile / "profile.toml").read_text(encoding="utf-8"))
    clock = CityClock(settings.zone, read_calendar(profile))
    app.state.check_desk = CheckDesk(app.state.database, clock)
    return app


def app_from_env() -> FastAPI:
    """Return the API as the environment configures it (`uvicorn --factory`)."""
    configure_logs("permits-api")
    return lasting(create_app(PermitsSettings()))
