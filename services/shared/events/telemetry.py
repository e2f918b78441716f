"""States the telemetry service publishes: terminal, visit, trip, daily_mileage, alert."""

from datetime import date
from typing import Literal
from uuid import UUID

from services.shared.schemas import Event, Instant


class BindingState(Event):
    """The terminal is fitted to a vehicle over a half-open interval."""

    vehicle_id: UUID
    valid_from: Instant
    valid_to: Instant | None = None
    primary: bool = True


class TerminalState(Event):
    """A terminal with all its bindings; never its secret."""

    id: UUID
    terminal_number: str
    enterprise_id: UUID
    kind: str = "mqtt"
    status: Literal["pending", "active", "revoked"]
    bindings: list[BindingState]


class VisitState(Event):
    """A vehicle inside an area; a moved start is a retraction and a new visit that names it."""

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    area_id: UUID
    entered_at: Instant
    left_at: Instant | None = None
    status: Literal["open", "closed", "retracted"]
    supersedes: UUID | None = None


class TripState(Event):
    """A vehicle under way from where it stood to where it stood again; km by the great circles of its fixes.

    Published when it begins, when it has ended and when it is corrected; the figures of an open one are those
    of its beginning. A moved start is a retraction and a new trip that names it. Places have three decimals
    (about 100 m). `loaded_km` and `empty_km` are where the terminal told the load state; `odometer_km` is
    null where it told no mileage.
    """

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    started_at: Instant
    ended_at: Instant | None = None
    status: Literal["open", "closed", "retracted"]
    supersedes: UUID | None = None
    start_lon: float
    start_lat: float
    end_lon: float
    end_lat: float
    distance_km: float
    loaded_km: float
    empty_km: float
    odometer_km: float | None = None
    moving_minutes: float
    idle_minutes: float
    stops: int
    max_speed_kmh: float | None = None
    average_speed_kmh: float | None = None


class DailyMileageState(Event):
    """A vehicle's day in the city's zone; published when the day is over, and again when corrected.

    `distance_km` is the sum of the day's part of trips, `odometer_km` what the odometer counted in and
    between them. `is_working_day`: it moved at least 1 km.
    """

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    day: date
    distance_km: float
    loaded_km: float
    empty_km: float
    odometer_km: float | None = None
    moving_minutes: float
    idle_minutes: float
    is_working_day: bool
    fixes: int
    jumps: int
    first_fix_at: Instant | None = None
    last_fix_at: Instant | None = None


class AlertState(Event):
    """Something that happened to a vehicle; open while it lasts.

    `value` and `limit_value` are km/h of an overspeed, °C of a temperature. `for_offices`: raised by an
    office's rule, for the offices alone. The note of an acknowledgement is not published.
    """

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    kind: Literal["area_entered", "area_left", "overspeed", "silence", "temperature", "device_alarm"]
    severity: Literal["info", "warning", "critical"]
    rule_id: UUID | None = None
    for_offices: bool = False
    area_id: UUID | None = None
    visit_id: UUID | None = None
    device_alarm: str | None = None
    without_position: bool = False
    started_at: Instant
    ended_at: Instant | None = None
    value: float | None = None
    limit_value: float | None = None
    status: Literal["open", "closed", "retracted"]
    supersedes: UUID | None = None
    acknowledged_at: Instant | None = None
