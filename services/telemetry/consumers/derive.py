"""The process `telemetry-derive`: draws conclusions anew where something has changed."""

import asyncio
import contextlib
import gc
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Histogram
from sqlalchemy.exc import DBAPIError

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import get_log
from services.shared.process import run
from services.shared.readiness import check_database
from services.shared.standards.zones import city_day
from services.telemetry.domain.episodes import EpisodeConfig
from services.telemetry.domain.trips import TripConfig
from services.telemetry.domain.visits import VisitConfig
from services.telemetry.domain.walking import WalkConfig
from services.telemetry.models import SCHEMA_REVISION
from services.telemetry.operations.by_the_clock import close_days, end_the_unfitted, raise_silences
from services.telemetry.operations.derivation import Circumstances, derive_pending
from services.telemetry.settings import TelemetrySettings

IDLE_S, FAILURE_S, CLOCK_S = 0.25, 1.0, 30.0
LATE_FIXES = timedelta(minutes=15)
"""A day is published so long after it is over: what comes later is published as a correction."""

VEHICLES = Counter("telemetry_derived_vehicles_total", "Vehicles derived anew")
SECONDS = Histogram("telemetry_derive_seconds", "Time of one derivation of up to some hundred vehicles")
log = get_log(__name__)


async def derive(database: Database, config: WalkConfig, stop: asyncio.Event) -> None:
    """Work off the list of vehicles until ``stop``; look at the clock in between."""
    circumstances, looked = Circumstances(), 0.0
    gc.freeze()  # what starting made stays: no collection need walk over it again
    while not stop.is_set():
        pause, now = IDLE_S, asyncio.get_running_loop().time()
        try:
            with SECONDS.time():
                async with database.transaction() as session:
                    done = await derive_pending(session, circumstances, config, utc_now())
            VEHICLES.inc(done)
            if not looked or now - looked > CLOCK_S:
                await look_at_the_clock(database, config, utc_now())
                looked = now
            pause = 0.0 if done else IDLE_S
        except (DBAPIError, OSError, TimeoutError) as error:
            # What the transaction read of areas and rules may be gone with it.
            circumstances, pause = Circumstances(), FAILURE_S
            log.warning("derivation_failed", error=type(error).__name__)
        if pause:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)


async def look_at_the_clock(database: Database, config: WalkConfig, now: datetime) -> None:
    """Raise alerts of silence, see to vehicles without a terminal, and publish the days that are over."""
    silence_after = timedelta(milliseconds=config.episodes.silence_ms)
    async with database.transaction() as session:
        await raise_silences(session, silence_after, now)
        await end_the_unfitted(session, timedelta(milliseconds=config.visits.max_gap_ms), now)
    today = city_day(now - LATE_FIXES)
    closed = 1
    while closed:
        async with database.transaction() as session:
            closed = await close_days(session, today)


def read_walk_config(profile: Path) -> WalkConfig:
    """Give what the city profile sets (`profile.toml`); what it leaves out is as the code has it."""
    found = tomllib.loads((profile / "profile.toml").read_text(encoding="utf-8"))
    visits, trips, alerts = (found.get(name, {}) for name in ("visits", "trips", "alerts"))
    gap_ms = round(visits.get("gap_minutes", 10) * 60_000)
    return WalkConfig(
        VisitConfig(gap_ms, visits.get("outside_fixes", 2), round(visits.get("outside_seconds", 120) * 1000)),
        TripConfig(
            radius_m=trips.get("radius_m", 100.0),
            stop_ms=round(trips.get("stop_minutes", 3) * 60_000),
            end_ms=round(trips.get("end_minutes", 15) * 60_000),
            min_mm=round(trips.get("min_km", 0.5) * 1_000_000),
            odometer_kmh=trips.get("jump_kmh", 200.0),
        ),
        EpisodeConfig(
            _temperatures(found.get("cold_chain", {})),
            round(found.get("cold_chain", {}).get("minutes", 10) * 60_000),
            overspeed_kmh=alerts.get("overspeed_kmh", 100.0),
            overspeed_ms=round(alerts.get("overspeed_seconds", 10) * 1000),
            silence_ms=round(alerts.get("silence_minutes", 15) * 60_000),
            max_gap_ms=gap_ms,
        ),
        trips.get("jump_kmh", 200.0),
    )


def _temperatures(cold_chain: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Give the allowed temperatures by refrigeration class; a class without them has no limits."""
    return {
        name: (float(limits["min_c"]), float(limits["max_c"]))
        for name, limits in cold_chain.get("classes", {}).items()
    }


def main() -> None:
    """Run the process."""
    settings = TelemetrySettings()
    database = Database(settings.database_url.get_secret_value(), application="telemetry-derive")
    run(
        "telemetry-derive",
        settings,
        partial(derive, database, read_walk_config(settings.city_profile)),
        ready=partial(check_database, database, "telemetry", SCHEMA_REVISION),
    )


if __name__ == "__main__":
    main()
