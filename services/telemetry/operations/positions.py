"""Reading positions for a party: refused without a purpose, on record before the answer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.geo import Bbox
from services.shared.schemas import format_instant
from services.telemetry.domain.states import ReadingRules
from services.telemetry.domain.tiles import ancestor_of, edges_of
from services.telemetry.models import Alert, DailyMileage, Trip, Visit
from services.telemetry.operations.readings import (
    Asked,
    Watches,
    box_extent,
    record_firms,
    record_vehicles,
    window_extent,
)
from services.telemetry.operations.streams import Lease, Stream, StreamFilter, Streams
from services.telemetry.queries.aggregates import get_aggregates_geojson
from services.telemetry.queries.alerts import AlertFilter, get_alert, page_alerts
from services.telemetry.queries.latest import LatestFilter, find_vehicle_owners, get_latest_geojson
from services.telemetry.queries.nearby import Nearness, get_nearby_geojson
from services.telemetry.queries.records import VisitFilter, page_visits
from services.telemetry.queries.terminals import get_vehicles
from services.telemetry.queries.tiles import Tile, get_position_tile
from services.telemetry.queries.tracks import TrackFilter, TrackFormat, TrackPage, get_track
from services.telemetry.queries.trips import MileageFilter, TripFilter, page_mileages, page_trips

_ListFilter = VisitFilter | TripFilter | MileageFilter | AlertFilter
_RECORDED_ZOOM = 8
"""A map's tiles go on record by the tile of this zoom that holds them: about 150 km, one entry a firm."""


async def read_latest(
    session: AsyncSession, asked: Asked, wanted: LatestFilter, page: tuple[int, int], rules: ReadingRules
) -> str:
    """Give a page (after, limit) of latest positions as GeoJSON."""
    at = asked.at, rules
    found = await get_latest_geojson(
        session, asked.who, wanted, page, at, counted=asked.is_on_record and not wanted.vehicles
    )
    extent = box_extent(wanted.box)
    if wanted.vehicles and asked.is_on_record:
        await record_vehicles(asked, "latest", await find_vehicle_owners(session, wanted.vehicles), extent)
    else:
        await record_firms(asked, "latest", found.firms, extent)
    return found.body


async def read_track(
    session: AsyncSession, asked: Asked, wanted: TrackFilter, rules: ReadingRules, form: TrackFormat
) -> TrackPage:
    """Give a vehicle's track; an export (CSV, GPX) is on record also when it is the firm's own.

    Raises:
        VehicleNotFound: unknown or not the caller's.
    """
    vehicles = await get_vehicles(session, asked.who, [wanted.vehicle_id])
    owners = {vehicle.id: vehicle.enterprise_id for vehicle in vehicles.values()}
    page = await get_track(session, asked.who, wanted, rules.jump_kmh, form)
    extent = {**window_extent(wanted.window), "format": form}
    await record_vehicles(asked, "track", owners, extent, always=form != "geojson")
    return page


async def read_track_aggregates(
    session: AsyncSession, asked: Asked, vehicle_id: UUID, window: tuple[datetime, datetime], limit: int
) -> str:
    """Give what is left of a vehicle's track of long ago, as GeoJSON.

    Raises:
        VehicleNotFound: unknown or not the caller's.
    """
    vehicles = await get_vehicles(session, asked.who, [vehicle_id])
    owners = {vehicle.id: vehicle.enterprise_id for vehicle in vehicles.values()}
    found = await get_aggregates_geojson(session, asked.who, vehicle_id, window, limit)
    await record_vehicles(asked, "track_aggregates", owners, window_extent(window))
    return found


async def read_visits(
    session: AsyncSession, asked: Asked, wanted: VisitFilter, cursor: str | None, limit: int
) -> tuple[list[Visit], str | None]:
    """Give a page of visits; they too say where vehicles were."""
    visits, following = await page_visits(session, asked.who, wanted, cursor, limit)
    await _record_page(session, asked, "visits", wanted, visits)
    return visits, following


async def read_trips(
    session: AsyncSession, asked: Asked, wanted: TripFilter, cursor: str | None, limit: int
) -> tuple[list[Trip], str | None]:
    """Give a page of trips; they say where vehicles set out, stopped and arrived."""
    trips, following = await page_trips(session, asked.who, wanted, cursor, limit)
    await _record_page(session, asked, "trips", wanted, trips)
    return trips, following


async def read_mileages(
    session: AsyncSession, asked: Asked, wanted: MileageFilter, cursor: str | None, limit: int
) -> tuple[list[DailyMileage], str | None]:
    """Give a page of daily mileages; they say when a vehicle was under way, and how far it went."""
    days, following = await page_mileages(session, asked.who, wanted, cursor, limit)
    await _record_page(session, asked, "daily_mileages", wanted, days)
    return days, following


async def read_alerts(
    session: AsyncSession, asked: Asked, wanted: AlertFilter, cursor: str | None, limit: int
) -> tuple[list[Alert], str | None]:
    """Give a page of alerts; they say which area a vehicle entered or left, and when."""
    alerts, following = await page_alerts(session, asked.who, wanted, cursor, limit)
    await _record_page(session, asked, "alerts", wanted, alerts)
    return alerts, following


async def read_alert(session: AsyncSession, asked: Asked, alert_id: UUID) -> Alert:
    """Give one alert.

    Raises:
        AlertNotFound: unknown or not the caller's.
    """
    alert = await get_alert(session, asked.who, alert_id)
    await record_vehicles(asked, "alerts", {alert.vehicle_id: alert.enterprise_id}, {})
    return alert


async def _record_page(
    session: AsyncSession,
    asked: Asked,
    kind: str,
    wanted: _ListFilter,
    found: Sequence[Visit | Trip | DailyMileage | Alert],
) -> None:
    extent = _filter_extent(wanted)
    if wanted.vehicle_id is not None:
        owners = await find_vehicle_owners(session, (wanted.vehicle_id,))
        await record_vehicles(asked, kind, owners, extent)
    else:
        owners = {each.vehicle_id: each.enterprise_id for each in found}
        await record_firms(asked, kind, Counter(owners.values()), extent)


def _filter_extent(wanted: _ListFilter) -> Mapping[str, str]:
    """Give how a list was narrowed; a named vehicle's owner is not told which other firm was named too."""
    if isinstance(wanted, MileageFilter):
        days = {"first_day": wanted.first, "last_day": wanted.last}
        extent = {name: day.isoformat() for name, day in days.items() if day is not None}
    else:
        bounds = {"from": wanted.start, "to": wanted.end}
        extent = {name: format_instant(at) for name, at in bounds.items() if at is not None}
    if isinstance(wanted, VisitFilter):
        return extent if wanted.area_id is None else extent | {"area_id": str(wanted.area_id)}
    if wanted.enterprise_id is None or wanted.vehicle_id is not None:
        return extent
    return extent | {"of_enterprise_id": str(wanted.enterprise_id)}


async def read_nearby(session: AsyncSession, asked: Asked, wanted: Nearness, rules: ReadingRules) -> str:
    """Give the vehicles near a point as GeoJSON, nearest first."""
    found = await get_nearby_geojson(session, asked.who, wanted, (asked.at, rules))
    extent: dict[str, Any] = {"point": [wanted.lon, wanted.lat], "radius_m": wanted.radius_m}
    await record_firms(asked, "nearby", found.firms, extent)
    return found.body


async def read_position_tile(
    session: AsyncSession, asked: Asked, watches: Watches, tile: Tile, rules: ReadingRules
) -> bytes:
    """Give a vector tile of latest positions; a map that is looked at is on record every ten minutes."""
    found = await get_position_tile(session, asked.who, tile, (asked.at, rules))
    seen = Bbox(*edges_of(*ancestor_of(*tile, at=_RECORDED_ZOOM)))
    await watches.record(asked, "map", found.firms, box_extent(seen))
    return found.body


async def open_stream(
    streams: Streams,
    watches: Watches,
    asked: Asked,
    wanted: StreamFilter,
    after: int | None,
    lease: Lease,
) -> Stream:
    """Open a live stream; named vehicles go on record now, others with the first event that shows them.

    Raises:
        TooManyStreams, StreamsFull: the caller, or this process, has as many as it can.
    """
    stream = await streams.open(asked, watches, wanted, after, lease)
    try:
        if wanted.vehicles:
            owners = await streams.find_owners(asked.who, tuple(wanted.vehicles))
            await record_vehicles(asked, "stream", owners, box_extent(wanted.box))
    except BaseException:
        await streams.close(stream)
        raise
    return stream
