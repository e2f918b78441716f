"""The fleet in memory of an API process, kept up with the copies and with telemetry.

Two loops: one looks at the copies' cursors every `copy_probe_s` and reads only what came after (everything
after a new start of a feed), the other polls latest positions every `position_poll_s`. A fleet is frozen at
the first question after a change. Neither loop ends on an error; how old the knowledge is, is told with
every answer, and without a look at the copies for `copy_max_age_s` there is no answer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx

from services.matching.clients import LatestPositions
from services.matching.domain.fleet import Fleet
from services.matching.domain.limits import Limits
from services.matching.domain.roster import Roster
from services.matching.domain.view import FleetView
from services.matching.queries.copies import (
    CopyCursor,
    find_cursors,
    find_permits_changes,
    find_registry_changes,
)
from services.matching.settings import MatchingSettings
from services.shared.clock import Clock
from services.shared.db import Database
from services.shared.errors import Unavailable
from services.shared.logs import get_log
from services.shared.process import every
from services.shared.rules.schedule import CityClock

_REQUEST = timedelta(minutes=1)
"""Longest life of a request: it asks about the instant at which it came in."""
SOURCES = ("registry", "permits")


class LiveFleet:
    """Keeps one `Roster` up to date and hands out frozen fleets."""

    def __init__(
        self, database: Database, latest: LatestPositions, settings: MatchingSettings, clock: Clock
    ) -> None:
        self._database = database
        self._latest = latest
        self._settings = settings
        self._clock = clock
        self._roster = Roster(CityClock(settings.zone))
        self._cursors: dict[str, CopyCursor] = {}
        self._looked_at = float("-inf")
        self._polled_at: datetime | None = None
        self._frozen: Fleet | None = None
        self._reading, self._polling = asyncio.Lock(), asyncio.Lock()
        self._log = get_log("live_fleet")

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep the fleet up to date while the context is open."""
        stop = asyncio.Event()
        loops = [
            asyncio.create_task(every(self._settings.copy_probe_s, stop, self._safely(self.read_copies))),
            asyncio.create_task(
                every(self._settings.position_poll_s, stop, self._safely(self.poll_positions))
            ),
        ]
        try:
            yield
        finally:
            stop.set()
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    def view(self) -> FleetView:
        """Return the fleet as it is known now.

        Raises:
            Unavailable: The copies have not been read yet, or not lately.
        """
        lately = time.monotonic() - self._looked_at <= self._settings.copy_max_age_s
        if not lately or any(source not in self._cursors for source in SOURCES):
            raise Unavailable("车辆与规则副本尚未就绪 / copies are not ready", headers={"Retry-After": "1"})
        if self._frozen is None:
            self._frozen = self._roster.freeze(self._clock() - _REQUEST)
        positions = {source: self._cursors[source].pos for source in SOURCES}
        limits = Limits(self._settings.max_approach_km, self._settings.position_max_age_s)
        return FleetView(self._frozen, positions, self._polled_at, limits)

    async def read_copies(self) -> None:
        """Look at the cursors; read what came after those of the last look."""
        async with self._reading:
            looked_at = time.monotonic()
            cursors = await find_cursors(self._database)
            for source, read in (("registry", self._read_registry), ("permits", self._read_permits)):
                cursor, before = cursors.get(source), self._cursors.get(source)
                if cursor is not None and cursor != before:
                    await read(before.pos if before is not None and cursor.continues(before) else None)
                    self._cursors[source] = cursor
                    self._frozen = None
            self._looked_at = looked_at

    async def poll_positions(self) -> None:
        """Take in the positions that changed."""
        async with self._polling:
            asked_at = self._clock()
            async for fixes in self._latest.pages():
                self._roster.set_fixes(fixes)
                self._frozen = None
            self._polled_at = asked_at

    async def _read_registry(self, after: int | None) -> None:
        changes = await find_registry_changes(self._database, after or 0)
        if after is None:
            self._roster.forget_registry()
        for enterprise_id, course in changes.enterprises:
            self._roster.set_enterprise(enterprise_id, course)
        for vehicle_id, vehicle in changes.vehicles:
            if vehicle is None:
                self._roster.drop_vehicle(vehicle_id)
            else:
                self._roster.set_vehicle(vehicle)

    async def _read_permits(self, after: int | None) -> None:
        changes = await find_permits_changes(self._database, after or 0)
        if after is None:
            self._roster.forget_permits()
        for rule_id, rule in changes.rules:
            self._roster.set_rule(rule_id, rule)
        for grant_id, grant in changes.grants:
            self._roster.set_grant(grant_id, grant)

    def _safely(self, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            try:
                await job()
            except httpx.HTTPError as error:
                self._log.warning("fleet_not_refreshed", job=job.__name__, error=type(error).__name__)
            except Exception:  # noqa: BLE001 - the loop must outlive any fault; unrefreshed, `view` refuses
                self._log.exception("fleet_not_refreshed", job=job.__name__)

        return run
