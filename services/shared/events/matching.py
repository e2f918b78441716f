"""States matching publishes: load and waybill.

Places are coordinates rounded to three decimals (about 100 m); addresses and free texts, which may name
a person, are never published.
"""

from typing import Literal
from uuid import UUID

from services.shared.schemas import Event, Instant


class PlaceState(Event):
    """A place, degrees WGS-84, three decimals."""

    lon: float
    lat: float


class WindowState(Event):
    """A half-open interval of instants."""

    start: Instant
    end: Instant


class LoadState(Event):
    """Goods to be carried; `carrier_id` once awarded. Codes: `domain.md` §3.7."""

    id: UUID
    shipper_id: UUID
    carrier_id: UUID | None = None
    status: Literal["open", "awarded", "completed", "cancelled", "withdrawn", "expired"]
    origin: PlaceState
    destination: PlaceState
    weight_kg: float
    volume_m3: float
    temperature_class: Literal["ambient", "chilled", "frozen"]
    cargo_type_code: str
    pickup_window: WindowState
    delivery_window: WindowState
    created_at: Instant
    is_demo: bool = False


class WaybillState(Event):
    """An electronic waybill (`domain.md` §2.1.2): one vehicle, one segment; price in yuan as text."""

    id: UUID
    number: str
    load_id: UUID
    shipper_id: UUID
    carrier_id: UUID
    vehicle_id: UUID
    status: Literal["consigned", "loaded", "departed", "arrived", "signed", "cancelled"]
    transport_type_code: str
    business_type_code: str
    cargo_type_code: str
    temperature_class: Literal["ambient", "chilled", "frozen"]
    weight_kg: float
    volume_m3: float
    price_yuan: str
    origin: PlaceState
    destination: PlaceState
    direct_km: float
    """Great-circle distance from origin to destination, one decimal; the driven one is telemetry's."""
    consigned_at: Instant
    loaded_at: Instant | None = None
    departed_at: Instant | None = None
    arrived_at: Instant | None = None
    signed_at: Instant | None = None
    cancelled_at: Instant | None = None
    is_demo: bool = False
