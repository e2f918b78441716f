"""Alarms that terminals reported where they had no position, and the alerts raised of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.instants import to_ms
from services.telemetry.queries.conclusions import ALERT, Row, row_of
from services.telemetry.queries.derivation import Window

_WINDOWS = (
    "unnest(CAST(:vehicles AS uuid[]), CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]))"
    " AS w(vehicle_id, since, until)"
)
_STANDING = "a.without_position AND a.status <> 'retracted' AND NOT a.sealed"
_FITTED = """
    telemetry.terminal_bindings b JOIN telemetry.terminal_alarms t ON t.terminal_key = b.terminal_key
        AND t.lon IS NULL AND t.time >= b.valid_from AND (b.valid_to IS NULL OR t.time < b.valid_to)
"""
_OF_WINDOW = "b.vehicle_id = w.vehicle_id AND b.is_primary AND t.time BETWEEN w.since AND w.until"
_TOUCHED = text(f"""
    SELECT w.vehicle_id, least(w.since, n.started_at) AS since, greatest(w.until, n.ended_at) AS until
    FROM {_WINDOWS}
    CROSS JOIN LATERAL (
        SELECT min(started_at) AS started_at, max(ended_at) AS ended_at FROM telemetry.alerts a
        WHERE a.vehicle_id = w.vehicle_id AND {_STANDING}
          AND a.ended_at >= w.since AND a.started_at <= w.until) AS n
    WHERE n.started_at IS NOT NULL OR EXISTS (SELECT FROM {_FITTED} WHERE {_OF_WINDOW})
""")  # noqa: S608  built of constants
_REPORTS = text(f"""
    SELECT w.vehicle_id, t.time, bit_or(t.alarm_bits) AS bits FROM {_WINDOWS}
    JOIN ({_FITTED}) ON {_OF_WINDOW}
    GROUP BY w.vehicle_id, t.time ORDER BY w.vehicle_id, t.time
""")  # noqa: S608  built of constants
_ALERTS = text(f"""
    SELECT a.id, a.vehicle_id, {", ".join(f"a.{name}" for name in ALERT.columns)} FROM {_WINDOWS}
    JOIN telemetry.alerts a ON a.vehicle_id = w.vehicle_id AND {_STANDING}
        AND a.ended_at >= w.since AND a.started_at <= w.until
""")  # noqa: S608  built of constants


class Unplaced(NamedTuple):
    """Of one vehicle: its reports as (ms since the epoch, alarm bits) in time order, and its alerts."""

    reports: list[tuple[int, int]]
    alerts: list[Row]


async def find_unplaced(session: AsyncSession, windows: Sequence[Window]) -> dict[UUID, Unplaced]:
    """Give the alerts that touch a window, and the reports from the first one's start to the last one's end.

    ``before`` of a window is the last instant in it. A vehicle that has neither is left out.
    """
    touched = (await session.execute(_TOUCHED, _columns(windows))).all()
    found = {row.vehicle_id: Unplaced([], []) for row in touched}
    if found:
        for row in await session.execute(_REPORTS, _columns([Window(*row) for row in touched])):
            found[row.vehicle_id].reports.append((to_ms(row.time), row.bits))
        for row in await session.execute(_ALERTS, _columns(windows)):
            found[row[1]].alerts.append(row_of(ALERT, row[0], row[1], row[2:]))
    return found


def _columns(windows: Sequence[Window]) -> dict[str, Any]:
    names = ("vehicles", "since", "until")
    return dict(zip(names, map(list, zip(*windows, strict=True)), strict=True))
