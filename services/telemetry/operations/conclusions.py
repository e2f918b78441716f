"""Writing what derivation concluded, and publishing what of it is news.

An open trip and an open day are written with every step and published only when they begin, end, or are
corrected. A version counts what was published. What is sealed is left alone.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.alerts import Alert
from services.telemetry.domain.instants import EPOCH_DAY, from_ms
from services.telemetry.domain.recomputation import Difference
from services.telemetry.domain.trips import Trip
from services.telemetry.domain.visits import Visit
from services.telemetry.domain.walking import DailyMileage
from services.telemetry.operations.publishing import publish
from services.telemetry.queries.conclusions import (
    ALERT,
    MILEAGE_COLUMNS,
    TRIP,
    VISIT,
    Kind,
    MileageRow,
    Row,
    row_of,
)

_ACKNOWLEDGEMENT = ("acknowledged_at", "acknowledged_by", "acknowledged_by_name", "note")


class Written(NamedTuple):
    """A row to write: of which firm, what it supersedes, and whether it is news."""

    row: Row
    enterprise_id: UUID
    supersedes: UUID | None
    is_news: bool


def visit_rows(visits: Iterable[Visit]) -> list[Row]:
    """Turn visits into rows."""
    return [
        row_of(
            VISIT, visit.id, visit.vehicle_id, (visit.area_id, from_ms(visit.entered_ms), _at(visit.left_ms))
        )
        for visit in visits
    ]


def trip_rows(trips: Iterable[Trip]) -> list[Row]:
    """Turn trips into rows."""
    return [
        row_of(
            TRIP, trip.id, trip.vehicle_id,
            (
                from_ms(trip.started_ms), _at(trip.ended_ms), *trip.start, *trip.end, trip.driven.length_mm,
                trip.driven.loaded_mm, trip.driven.empty_mm, trip.driven.moving_ms, trip.driven.idle_ms,
                trip.driven.odometer_m if trip.driven.readings else None, trip.max_speed_kmh,
                [[stop.arrived_ms, stop.left_ms, stop.lon, stop.lat] for stop in trip.stops],
            ),
        )
        for trip in trips
    ]  # fmt: skip


def alert_rows(alerts: Iterable[Alert]) -> list[Row]:
    """Turn alerts into rows."""
    return [
        row_of(
            ALERT, alert.id, alert.vehicle_id,
            (
                alert.kind, alert.severity, alert.rule_id, alert.for_offices, alert.area_id, alert.visit_id,
                alert.device_alarm, alert.without_position, from_ms(alert.started_ms), _at(alert.ended_ms),
                alert.value, alert.limit_value,
            ),
        )
        for alert in alerts
    ]  # fmt: skip


def mileage_rows(mileages: Iterable[DailyMileage]) -> list[MileageRow]:
    """Turn daily mileages into rows."""
    return [
        MileageRow(
            day.id, day.vehicle_id,
            (
                EPOCH_DAY + timedelta(days=day.day), day.fixes, day.jumps, from_ms(day.first_ms),
                from_ms(day.last_ms), day.driven.length_mm, day.driven.loaded_mm, day.driven.empty_mm,
                day.driven.moving_ms, day.driven.idle_ms, day.odometer_m, day.is_working_day,
            ),
        )
        for day in mileages
    ]  # fmt: skip


def without_fixes(row: MileageRow) -> MileageRow:
    """Give what becomes of a day whose fixes are gone."""
    return MileageRow(row.id, row.vehicle_id, (row.values[0], 0, 0, None, None, 0, 0, 0, 0, 0, None, False))


def news(difference: Difference[Row], before: Iterable[Row], enterprise_id: UUID) -> list[Written]:
    """Tell what of a difference is news: all but other figures of what was open and still is."""
    going_on = {row.id for row in before if row.span[2] is None}
    return [
        Written(row, enterprise_id, supersedes, row.span[2] is not None or row.id not in going_on)
        for row, supersedes in difference.upserts
    ]


async def write_conclusions(session: AsyncSession, kind: Kind, rows: Sequence[Written]) -> None:
    """Write new and changed conclusions of a kind, and publish the news among them."""
    if not rows:
        return
    values = [
        {
            "id": each.row.id, "vehicle_id": each.row.vehicle_id, "enterprise_id": each.enterprise_id,
            "status": "open" if each.row.span[2] is None else "closed", "supersedes": each.supersedes,
            "sealed": False, "version": int(each.is_news),
            **dict(zip(kind.columns, each.row.values, strict=True)),
        }
        for each in rows
    ]  # fmt: skip
    published = [each.row.id for each in rows if each.is_news]
    statement = _UPSERTS[kind.name]
    found = await session.execute(statement, {"rows": _json(values), "published": published})
    await publish(session, kind.name, found.all())


async def retract(session: AsyncSession, kind: Kind, ids: Sequence[UUID]) -> None:
    """Take conclusions back, visibly."""
    if ids:
        statement = text(
            f"UPDATE telemetry.{kind.table} SET status = 'retracted', version = version + 1"  # noqa: S608  names of our own
            " WHERE id = any(:ids) AND NOT sealed RETURNING *"
        )
        await publish(session, kind.name, (await session.execute(statement, {"ids": list(ids)})).all())


async def write_mileages(session: AsyncSession, rows: Sequence[tuple[MileageRow, UUID]]) -> None:
    """Write days' mileages; those of days that have been published are published again."""
    if not rows:
        return
    values = [
        {
            "id": row.id, "vehicle_id": row.vehicle_id, "enterprise_id": enterprise_id, "status": "open",
            "sealed": False, "version": 0, **dict(zip(MILEAGE_COLUMNS, row.values, strict=True)),
        }
        for row, enterprise_id in rows
    ]  # fmt: skip
    found = await session.execute(_MILEAGES, {"rows": _json(values)})
    await publish(session, "daily_mileage", found.all())


def _at(time_ms: int | None) -> Any:
    return None if time_ms is None else from_ms(time_ms)


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


def _upsert(kind: Kind) -> Any:
    own = ("id", "vehicle_id", "enterprise_id", "status", "supersedes", "sealed", "version", *kind.columns)
    changing = ("status", *kind.columns)
    into, source, assign = list(own), [f"r.{name}" for name in own], [f"{n} = excluded.{n}" for n in changing]
    join = ""
    if kind is ALERT:
        # Who has taken note of an alert has taken note of the one that supersedes it.
        into += _ACKNOWLEDGEMENT
        source += [f"o.{name}" for name in _ACKNOWLEDGEMENT]
        assign += [
            f"{name} = CASE WHEN t.acknowledged_at IS NULL THEN excluded.{name} ELSE t.{name} END"
            for name in _ACKNOWLEDGEMENT
        ]
        join = " LEFT JOIN telemetry.alerts o ON o.id = r.supersedes"
    given = f"json_populate_recordset(NULL::telemetry.{kind.table}, CAST(CAST(:rows AS text) AS json))"
    return text(f"""
        WITH written AS (
            INSERT INTO telemetry.{kind.table} AS t ({", ".join(into)})
            SELECT {", ".join(source)} FROM {given} AS r{join}
            ON CONFLICT (id) DO UPDATE SET {", ".join(assign)},
                supersedes = coalesce(excluded.supersedes, t.supersedes),
                version = t.version + excluded.version
            WHERE NOT t.sealed
            RETURNING t.*)
        SELECT * FROM written WHERE id = any(:published)
    """)  # noqa: S608  names of our own


_UPSERTS = {kind.name: _upsert(kind) for kind in (VISIT, TRIP, ALERT)}
_WRITTEN = ("id", "vehicle_id", "enterprise_id", "status", "sealed", "version", *MILEAGE_COLUMNS)
_MILEAGES = text(f"""
    WITH written AS (
        INSERT INTO telemetry.daily_mileages AS t ({", ".join(_WRITTEN)})
        SELECT {", ".join(_WRITTEN)}
        FROM json_populate_recordset(NULL::telemetry.daily_mileages, CAST(CAST(:rows AS text) AS json))
        ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in MILEAGE_COLUMNS)},
            version = t.version + CASE t.status WHEN 'closed' THEN 1 ELSE 0 END
        WHERE NOT t.sealed
        RETURNING t.*)
    SELECT * FROM written WHERE status = 'closed'
""")  # noqa: S608  names of our own
