"""Aggregating a closed day of positions: what is left of it once it is dropped.

The day takes no position any more, so what is computed again after a kill is the same and stays as it is.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.db import Database
from services.telemetry.domain.aggregates import CELL_MS, Aggregate, Place, aggregate
from services.telemetry.domain.instants import from_ms, to_ms
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.queries.derivation import Window, find_tracks
from services.telemetry.queries.retention import find_last_places, find_vehicles_bound

VEHICLES_AT_ONCE = 20
"""A day of one may be many thousand fixes."""


@dataclass(slots=True)
class _Columns:
    """The rows of one statement, a list a column."""

    vehicles: list[UUID]
    enterprises: list[UUID]
    times: list[datetime]
    fixes: list[int]
    jumps: list[int]
    first_ats: list[datetime]
    first_lons: list[float]
    first_lats: list[float]
    last_ats: list[datetime]
    last_lons: list[float]
    last_lats: list[float]
    mean_lons: list[float]
    mean_lats: list[float]
    lengths: list[int]
    moving: list[int]
    speeds: list[float | None]
    mileages: list[float | None]
    coldest: list[float | None]
    warmest: list[float | None]


_WRITE = text("""
    INSERT INTO telemetry.track_aggregates (vehicle_id, enterprise_id, time, fixes, jumps, first_at,
        first_lon, first_lat, last_at, last_lon, last_lat, mean_lon, mean_lat, length_mm, moving_ms,
        max_speed_kmh, mileage_km, min_cargo_temp_c, max_cargo_temp_c)
    SELECT * FROM unnest(CAST(:vehicles AS uuid[]), CAST(:enterprises AS uuid[]),
        CAST(:times AS timestamptz[]), CAST(:fixes AS int[]), CAST(:jumps AS int[]),
        CAST(:first_ats AS timestamptz[]), CAST(:first_lons AS float8[]), CAST(:first_lats AS float8[]),
        CAST(:last_ats AS timestamptz[]), CAST(:last_lons AS float8[]), CAST(:last_lats AS float8[]),
        CAST(:mean_lons AS float8[]), CAST(:mean_lats AS float8[]), CAST(:lengths AS bigint[]),
        CAST(:moving AS bigint[]), CAST(:speeds AS float8[]), CAST(:mileages AS float8[]),
        CAST(:coldest AS float8[]), CAST(:warmest AS float8[]))
    ON CONFLICT DO NOTHING
""")
_DONE = text("UPDATE telemetry.position_days SET aggregated_at = :now WHERE day = :day")


async def aggregate_day(database: Database, day: date, rules: RetentionRules, now: datetime) -> None:
    """Aggregate a closed day, some vehicles a transaction."""
    since = datetime.combine(day, time.min, UTC)
    window = since, since + timedelta(days=1)
    async with database.transaction(readonly=True) as session:
        owners = await find_vehicles_bound(session, *window)
    vehicles = sorted(owners)
    for start in range(0, len(vehicles), VEHICLES_AT_ONCE):
        some = {name: owners[name] for name in vehicles[start : start + VEHICLES_AT_ONCE]}
        async with database.transaction() as session:
            await _aggregate_some(session, some, window, rules)
    async with database.transaction() as session:
        await session.execute(_DONE, {"day": day, "now": now})


async def _aggregate_some(
    session: AsyncSession,
    owners: dict[UUID, UUID],
    window: tuple[datetime, datetime],
    rules: RetentionRules,
) -> None:
    tracks = await find_tracks(session, [Window(vehicle, *window) for vehicle in owners])
    reach = timedelta(milliseconds=rules.gap_ms + CELL_MS)
    before = await find_last_places(session, list(tracks), window[0] - reach, window[0])
    rows = [
        (vehicle, owners[vehicle], found)
        for vehicle, track in tracks.items()
        for found in aggregate(track, _place(before.get(vehicle)), rules.gap_ms, rules.jump_kmh)
    ]
    if rows:
        await session.execute(_WRITE, asdict(_columns(rows)))


def _place(found: tuple[datetime, float, float] | None) -> Place | None:
    return None if found is None else Place(to_ms(found[0]), found[1], found[2])


def _columns(rows: Sequence[tuple[UUID, UUID, Aggregate]]) -> _Columns:
    columns: list[Any] = [list(column) for column in zip(*map(_flat, rows), strict=True)]
    return _Columns(*columns)


def _flat(row: tuple[UUID, UUID, Aggregate]) -> tuple[Any, ...]:
    vehicle, enterprise, found = row
    first, last = found.first, found.last
    return (
        vehicle, enterprise, from_ms(found.time_ms), found.fixes, found.jumps,
        from_ms(first.time_ms), first.lon, first.lat, from_ms(last.time_ms), last.lon, last.lat,
        found.mean_lon, found.mean_lat, found.length_mm, found.moving_ms, found.max_speed_kmh,
        found.mileage_km, found.min_cargo_temp_c, found.max_cargo_temp_c,
    )  # fmt: skip
