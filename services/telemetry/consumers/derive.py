"""The process `telemetry-derive`: draws visits anew where something has changed."""

import asyncio
import contextlib
from functools import partial

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


def visit_config(settings: TelemetrySettings) -> VisitConfig:
    """Return what the city sets for visits."""
    return VisitConfig(
        max_gap_ms=settings.visit_max_gap_s * 1000,
        outside_fixes=settings.visit_outside_fixes,
        outside_ms=settings.visit_outside_s * 1000,
    )


def main() -> None:
    """Run the process."""
    settings = TelemetrySettings()
    database = Database(settings.database_url.get_secret_value(), application="telemetry-derive")
    run(
        "telemetry-derive",
        settings,
        partial(derive, database, visit_config(settings)),
        ready=partial(check_database, database, "telemetry", SCHEMA_REVISION),
    )


if __name__ == "__main__":
    main()
