"""Recording conclusions in the feed, as they are published."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.changes import canonical_bytes
from services.shared.events.telemetry import AlertState, DailyMileageState, TripState, VisitState
from services.telemetry.domain.figures import average_kmh, km_of_m, km_of_mm, minutes_of_ms
from services.telemetry.models import feed

PLACE_DECIMALS = 3


async def publish(session: AsyncSession, kind: str, rows: Sequence[Any]) -> None:
    """Record rows just written, and locked by that: what `feed.record` does, many at once."""
    states = [
        {
            "kind": kind, "id": row.id, "version": row.version, "schema_version": 1, "deleted": False,
            "state": canonical_bytes(_STATES[kind](row)),
        }
        for row in rows
    ]  # fmt: skip
    if states:
        await session.execute(insert(feed.tables.outbox), states)


def alert_state(row: Any) -> AlertState:
    """Give what is published of an alert."""
    return AlertState.model_validate(row)


def _trip_state(row: Any) -> TripState:
    places = ("start_lon", "start_lat", "end_lon", "end_lat")
    return TripState(
        **{
            name: getattr(row, name) for name in ("id", "vehicle_id", "enterprise_id", "status", "supersedes")
        },
        **{name: round(getattr(row, name), PLACE_DECIMALS) for name in places},
        **_driven(row),
        started_at=row.started_at,
        ended_at=row.ended_at,
        stops=len(row.stops),
        max_speed_kmh=None if row.max_speed_kmh is None else round(row.max_speed_kmh, 1),
        average_speed_kmh=average_kmh(row.length_mm, row.moving_ms),
    )


def _mileage_state(row: Any) -> DailyMileageState:
    names = (
        "id", "vehicle_id", "enterprise_id", "day", "is_working_day", "fixes", "jumps", "first_fix_at",
        "last_fix_at",
    )  # fmt: skip
    return DailyMileageState(**{name: getattr(row, name) for name in names}, **_driven(row))


def _driven(row: Any) -> dict[str, Any]:
    return {
        "distance_km": km_of_mm(row.length_mm),
        "loaded_km": km_of_mm(row.loaded_mm),
        "empty_km": km_of_mm(row.empty_mm),
        "odometer_km": km_of_m(row.odometer_m),
        "moving_minutes": minutes_of_ms(row.moving_ms),
        "idle_minutes": minutes_of_ms(row.idle_ms),
    }


_STATES: Mapping[str, Callable[[Any], BaseModel]] = {
    "visit": VisitState.model_validate,
    "trip": _trip_state,
    "alert": alert_state,
    "daily_mileage": _mileage_state,
}
