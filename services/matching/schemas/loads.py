"""Loads over HTTP: what a shipper posts, and the full and the reduced view."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.matching.domain.distances import REDUCED_DECIMALS, coarse
from services.matching.models import Load
from services.shared.schemas import Instant, Latitude, Longitude, Name, Out, Strict, Text
from services.shared.standards.cargo import CARGO_TYPES

LONGEST_WINDOW = timedelta(days=7)

_EXAMPLE: JsonDict = {
    "origin": {"lon": 122.0706, "lat": 41.1245, "address": "盘锦市兴隆台区石油大街 1 号"},
    "destination": {"lon": 122.0533, "lat": 41.1912, "address": "盘锦市双台子区红旗大街 88 号"},
    "weight_kg": 850.0,
    "volume_m3": 4.2,
    "temperature_class": "chilled",
    "pickup_window": {"from": "2026-11-24T09:00:00+08:00", "to": "2026-11-24T11:00:00+08:00"},
    "delivery_window": {"from": "2026-11-24T09:30:00+08:00", "to": "2026-11-24T13:00:00+08:00"},
    "cargo_type_code": "1602",
    "description": "冷藏乳品 60 箱",
}

Temperature = Literal["ambient", "chilled", "frozen"]
LoadStatus = Literal["open", "awarded", "completed", "cancelled", "withdrawn", "expired"]


def _cargo_type(value: str) -> str:
    if value not in CARGO_TYPES:
        raise PydanticCustomError("cargo_type_unknown", "未知货物类型代码 / unknown cargo type code")
    return value


class PlaceIn(Strict):
    """Where goods are picked up or delivered."""

    lon: Longitude = Field(description="Degrees east, WGS-84.")
    lat: Latitude = Field(description="Degrees north, WGS-84.")
    address: Name = Field(description="As a driver needs it; shown to the parties only.")


class WindowIn(Strict):
    """A half-open interval of at most seven days."""

    start: Instant = Field(alias="from", description="First instant.")
    end: Instant = Field(alias="to", description="First instant after it.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.start < self.end <= self.start + LONGEST_WINDOW:
            raise PydanticCustomError(
                "window_invalid",
                "须 from < to 且不超过七天 / from must be before to, at most seven days apart",
            )
        return self


class LoadCreate(Strict):
    """Goods a shipper wants carried."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    origin: PlaceIn = Field(description="Where it is picked up.")
    destination: PlaceIn = Field(description="Where it is delivered.")
    weight_kg: float = Field(gt=0, le=100_000, description="Gross weight, kg.")
    volume_m3: float = Field(gt=0, le=1_000, description="Volume, m³.")
    temperature_class: Temperature = Field(description="How cold it must stay.")
    pickup_window: WindowIn = Field(description="When it may be picked up.")
    delivery_window: WindowIn = Field(
        description="When it may be delivered; neither edge before the pickup's."
    )
    cargo_type_code: Annotated[
        str, AfterValidator(_cargo_type), Field(description="Cargo type, `domain.md` 3.7.", examples=["1602"])
    ]
    description: Annotated[
        Text, Field(min_length=1, max_length=512, description="Of the goods; shown to the parties.")
    ]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        pickup, delivery = self.pickup_window, self.delivery_window
        if delivery.start < pickup.start or delivery.end < pickup.end:
            raise PydanticCustomError(
                "windows_disordered",
                "送货时间窗不得早于装货时间窗 / the delivery window lies before the pickup window",
            )
        return self


class PlaceOut(Out):
    """A place; `precision` says whether the coordinates are exact or made coarse."""

    lon: float
    lat: float
    address: str | None = Field(description="Null in the reduced view.")
    precision: Literal["exact", "rounded"] = Field(
        description=f"`rounded`: to {REDUCED_DECIMALS} decimals of a degree, about 1 km."
    )


class WindowOut(Out):
    """A half-open interval."""

    start: Instant = Field(serialization_alias="from")
    end: Instant = Field(serialization_alias="to")


class LoadOut(Out):
    """A load in the view its reader may have."""

    id: UUID
    view: Literal["full", "reduced"] = Field(description="`reduced` for carriers before an award.")
    shipper_id: UUID | None = Field(description="Null in the reduced view.")
    carrier_id: UUID | None = Field(description="Set once awarded.")
    status: LoadStatus
    origin: PlaceOut
    destination: PlaceOut
    weight_kg: float
    volume_m3: float
    temperature_class: Temperature
    pickup_window: WindowOut
    delivery_window: WindowOut
    cargo_type_code: str
    description: str | None = Field(description="Null in the reduced view.")
    created_at: Instant
    version: int


def _window(start: datetime, end: datetime) -> WindowOut:
    return WindowOut(start=start, end=end)


def _place(lon: float, lat: float, address: str, *, full: bool) -> PlaceOut:
    if full:
        return PlaceOut(lon=lon, lat=lat, address=address, precision="exact")
    return PlaceOut(lon=coarse(lon), lat=coarse(lat), address=None, precision="rounded")


def show_load(load: Load, *, full: bool) -> LoadOut:
    """Return a load in the full view, or in the reduced one for carriers before an award."""
    return LoadOut(
        id=load.id,
        view="full" if full else "reduced",
        shipper_id=load.shipper_id if full else None,
        carrier_id=load.carrier_id,
        status=load.status,
        origin=_place(load.origin_lon, load.origin_lat, load.origin_address, full=full),
        destination=_place(load.destination_lon, load.destination_lat, load.destination_address, full=full),
        weight_kg=load.weight_kg,
        volume_m3=load.volume_m3,
        temperature_class=load.temperature_class,
        pickup_window=_window(load.pickup_from, load.pickup_to),
        delivery_window=_window(load.delivery_from, load.delivery_to),
        cargo_type_code=load.cargo_type_code,
        description=load.description if full else None,
        created_at=load.created_at,
        version=load.version,
    )
