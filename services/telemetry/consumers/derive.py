"""The process `telemetry-derive`: draws visits anew where something has changed."""

import asyncio
import contextlib
import tomllib
from functools import partial
from pathlib import Path

from prometheus_client import Counter, Histogram
from sqlalchemy.exc import DBAPIError

from services.shared.db import Database
from services.shared.logs import get_log
from services.shared.process import run
from services.shared.readiness import check_database
from services.telemetry.domain.visits import VisitConfig
from services.telemetry.models import SCHEMA_REVISION
from services.telemetry.operations.derivation import Areas, derive_pending
from services.telemetry.settings import TelemetrySettings

IDLE_S, FAILURE_S = 0.25, 1.0

VEHICLES = Counter("telemetry_derived_vehicles_total", "Vehicles derived anew")
SECONDS = Histogram("telemetry_derive_seconds", "Time of one derivation of up to fifty vehicles")
log = get_log(__name__)


async def derive(database: Database, config: VisitConfig, stop: asyncio.Event) -> None:
    """Work off the list of vehicles until ``stop``."""
    areas = Areas()
    while not stop.is_set():
        pause = IDLE_S
        try:
            with SECONDS.time():
                async with database.transaction() as session:
                    done = await derive_pending(session, areas, config)
            VEHICLES.inc(done)
            pause = 0.0 if done else IDLE_S
        except (DBAPIError, OSError, TimeoutError) as error:
            # What the transaction read of the areas may be gone with it.
            areas, pause = Areas(), FAILURE_S
            log.warning("derivation_failed", error=type(error).__name__)
        if pause:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)


def read_visit_config(profile: Path) -> VisitConfig:
    """Give what the city profile sets for visits (`profile.toml`, section `visits`)."""
    visits = tomllib.loads((profile / "profile.toml").read_text(encoding="utf-8"))["visits"]
    return VisitConfig(
        max_gap_ms=round(visits["gap_minutes"] * 60_000),
        outside_fixes=visits["outside_fixes"],
        outside_ms=round(visits["outside_seconds"] * 1000),
    )


def main() -> None:
    """Run the process."""
    settings = TelemetrySettings()
    database = Database(settings.database_url.get_secret_value(), application="telemetry-derive")
    run(
        "telemetry-derive",
        settings,
        partial(derive, database, read_visit_config(settings.city_profile)),
        ready=partial(check_database, database, "telemetry", SCHEMA_REVISION),
    )


if __name__ == "__main__":
    main()
