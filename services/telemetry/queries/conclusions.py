"""Stored conclusions as derivation compares them: what is in the row, as it would be written."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.instants import to_ms
from services.telemetry.queries.derivation import Window


class Kind(NamedTuple):
    """A kind of conclusion: its table, its kind in the feed, and the columns derivation writes."""

    table: str
    name: str
    columns: tuple[str, ...]
    start: str
    end: str
    of: tuple[str, ...] = ()
    """The columns that tell what it is of."""
    derived: str = "true"
    """The condition that a walk over fixes decides it."""


VISIT = Kind("visits", "visit", ("area_id", "entered_at", "left_at"), "entered_at", "left_at", ("area_id",))
TRIP = Kind(
    "trips", "trip",
    (
        "started_at", "ended_at", "start_lon", "start_lat", "end_lon", "end_lat", "length_mm", "loaded_mm",
        "empty_mm", "moving_ms", "idle_ms", "odometer_m", "max_speed_kmh", "stops",
    ), "started_at", "ended_at",
)  # fmt: skip
ALERT = Kind(
    "alerts", "alert",
    (
        "kind", "severity", "rule_id", "for_offices", "area_id", "visit_id", "device_alarm",
        "without_position", "started_at", "ended_at", "value", "limit_value",
    ), "started_at", "ended_at", ("kind", "rule_id", "area_id", "device_alarm"), "NOT c.without_position",
)  # fmt: skip
MILEAGE_COLUMNS = (
    "day", "fixes", "jumps", "first_fix_at", "last_fix_at", "length_mm", "loaded_mm", "empty_mm",
    "moving_ms", "idle_ms", "odometer_m", "is_working_day",
)  # fmt: skip


class Row(NamedTuple):
    """A conclusion of a vehicle as a row; `span` is what it is of, and from when to when."""

    id: UUID
    vehicle_id: UUID
    span: tuple[object, int, int | None]
    values: tuple[Any, ...]
    """Of the kind's columns, in their order."""


class MileageRow(NamedTuple):
    """A day's mileage as a row."""

    id: UUID
    vehicle_id: UUID
    values: tuple[Any, ...]


def row_of(kind: Kind, conclusion_id: UUID, vehicle_id: UUID, values: Iterable[Any]) -> Row:
    """Make a row of its columns' values."""
    plain = tuple(values)
    named = dict(zip(kind.columns, plain, strict=True))
    start, end = named[kind.start], named[kind.end]
    span = tuple(named[name] for name in kind.of), to_ms(start), None if end is None else to_ms(end)
    return Row(conclusion_id, vehicle_id, span, plain)


async def find_stored(
    session: AsyncSession, kind: Kind, windows: Sequence[Window], ids: Iterable[UUID]
) -> dict[UUID, list[Row]]:
    """Give each vehicle's conclusions that began in its window, and those of some ids.

    Neither what was retracted nor what is sealed.
    """
    columns = ", ".join(f"c.{column}" for column in kind.columns)
    kept = f"c.status <> 'retracted' AND NOT c.sealed AND {kind.derived}"
    statement = f"""
        SELECT c.id, c.vehicle_id, {columns}
        FROM unnest(CAST(:vehicles AS uuid[]), CAST(:since AS timestamptz[]), CAST(:before AS timestamptz[]))
            AS w(vehicle_id, since, before)
        JOIN telemetry.{kind.table} c ON c.vehicle_id = w.vehicle_id
            AND c.{kind.start} >= w.since AND c.{kind.start} < w.before AND {kept}
        UNION ALL
        SELECT c.id, c.vehicle_id, {columns} FROM telemetry.{kind.table} c WHERE c.id = any(:ids) AND {kept}
    """  # noqa: S608  names of our own
    found: dict[UUID, dict[UUID, Row]] = {window.vehicle_id: {} for window in windows}
    for row in await session.execute(text(statement), {**_columns(windows), "ids": list(ids)}):
        found[row[1]][row[0]] = row_of(kind, row[0], row[1], row[2:])
    return {vehicle: list(rows.values()) for vehicle, rows in found.items()}


_ALERTS_OF_VISITS = text(
    f"SELECT id, vehicle_id, {', '.join(ALERT.columns)} FROM telemetry.alerts"  # noqa: S608  names of our own
    " WHERE visit_id = any(:visits) AND status <> 'retracted' AND NOT sealed"
)
_MILEAGES = text(f"""
    SELECT d.id, d.vehicle_id, {", ".join(MILEAGE_COLUMNS)}
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:since AS date[]), CAST(:before AS date[]))
        AS w(vehicle_id, since, before)
    JOIN telemetry.daily_mileages d ON d.vehicle_id = w.vehicle_id
        AND d.day >= w.since AND d.day < w.before AND NOT d.sealed
""")  # noqa: S608  names of our own


class Days(NamedTuple):
    """Days of a vehicle, the second one not among them."""

    vehicle_id: UUID
    since: date
    before: date


async def find_alerts_of_visits(session: AsyncSession, visits: Iterable[UUID]) -> list[Row]:
    """Give the alerts visits have raised; neither what was retracted nor what is sealed."""
    rows = await session.execute(_ALERTS_OF_VISITS, {"visits": list(visits)})
    return [row_of(ALERT, row[0], row[1], row[2:]) for row in rows]


async def find_mileages(session: AsyncSession, days: Sequence[Days]) -> dict[UUID, list[MileageRow]]:
    """Give each vehicle's mileages of its days, but those sealed."""
    found: dict[UUID, list[MileageRow]] = {each.vehicle_id: [] for each in days}
    for row in await session.execute(_MILEAGES, _columns(days)):
        found[row[1]].append(MileageRow(row[0], row[1], tuple(row[2:])))
    return found


def _columns(windows: Sequence[tuple[UUID, date | datetime, date | datetime]]) -> dict[str, Any]:
    names = ("vehicles", "since", "before")
    return dict(zip(names, map(list, zip(*windows, strict=True)), strict=True))
