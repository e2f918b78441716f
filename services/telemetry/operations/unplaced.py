"""Alerts of devices that had no position to report: drawn anew with whatever else of a vehicle is."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.alerts import of_unplaced
from services.telemetry.domain.episodes import EpisodeConfig
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.recomputation import compare
from services.telemetry.operations.conclusions import Written, alert_rows, retract, write_conclusions
from services.telemetry.operations.work import Work
from services.telemetry.queries.conclusions import ALERT
from services.telemetry.queries.derivation import Window
from services.telemetry.queries.unplaced import find_unplaced


async def conclude_unplaced(session: AsyncSession, works: Sequence[Work], config: EpisodeConfig) -> None:
    """Make the stored alerts what the reports without a position say that the works have touched.

    Alerts of one alarm stand farther apart than `gap` or are cut by a report without it: so those within
    `gap` of what was touched, whole, are all that can be other than stored.
    """
    firms = {work.vehicle_id: work.enterprise_id for work in works}
    gap = timedelta(milliseconds=config.gap_ms("device_alarm"))
    windows = {work.vehicle_id: Window(work.vehicle_id, work.since - gap, work.until + gap) for work in works}
    for vehicle_id, found in (await find_unplaced(session, list(windows.values()))).items():
        _, since, until = windows[vehicle_id]
        decided = [
            alert
            for alert in of_unplaced(vehicle_id, found.reports, config)
            if to_ms(since) <= (alert.ended_ms or alert.started_ms) and alert.started_ms <= to_ms(until)
        ]
        difference = compare(alert_rows(decided), found.alerts)
        await retract(session, ALERT, difference.retractions)
        rows = [Written(row, firms[vehicle_id], old, is_news=True) for row, old in difference.upserts]
        await write_conclusions(session, ALERT, rows)
